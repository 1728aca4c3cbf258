"""What a tracking plan objects to in a call, in the shape of Segment's own violations."""

from collections.abc import Iterator, Mapping
from itertools import islice

from pixel_emulator.core.model import JSON, KEPT, NAMED_BY, Call, CallType, Form, Hit, Payload
from pixel_emulator.core.plans.plain import Plain, plain
from pixel_emulator.core.plans.plan import Plan
from pixel_emulator.core.plans.planned import unplanned, within
from pixel_emulator.core.plans.rules import NAMED, Rule, RuleType
from pixel_emulator.core.plans.wording import (
    Violation,
    too_deep,
    unplanned_event,
    unplanned_key,
    worded,
)
from pixel_emulator.core.recordings.entry import time_text
from pixel_emulator.core.text import yaml_writer

__all__ = ["MOST", "Violation", "event_version", "violations"]

MOST = 100
"""Violations of one call that are told: a list of ten thousand wrong items says nothing more."""

_DATA = {
    CallType.TRACK: "properties",
    CallType.PAGE: "properties",
    CallType.SCREEN: "properties",
    CallType.IDENTIFY: "traits",
    CallType.GROUP: "traits",
}
"""The part of a call whose keys are planned."""


def violations(plans: Mapping[int, Plan], hit: Hit) -> Iterator[Violation]:
    """What the plan of the hit's version objects to, each thing once; at most `MOST`.

    A hit without a version, or with one for which there is no plan, is checked against the oldest,
    as Segment does. Nothing is said of a call that Segment does not keep.
    """
    if plans and hit.call is not None and hit.outcome in KEPT:
        version = event_version(hit.call)
        plan = plans.get(version or 0) or plans[min(plans)]
        yield from dict.fromkeys(islice(_found(plan, hit, hit.call), MOST))


def event_version(call: Call) -> int | None:
    """`context.protocols.event_version`, where it is one: "must pass as an integer" (Segment's page
    on event versioning). The flat form knows only texts, so there it is digits."""
    value: JSON = call.payload
    for key in ("context", "protocols", "event_version"):
        value = value.get(key) if isinstance(value, dict) else None
    if call.form is Form.FLAT and isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value) or None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    return None


def _found(plan: Plan, hit: Hit, call: Call) -> Iterator[Violation]:
    event = _delivered(hit, call)
    name = event.get(NAMED_BY[call.type])
    rule = _rule(plan, call, name if isinstance(name, str) else "")
    if rule is None and call.type is CallType.TRACK and plan.closed:
        yield unplanned_event(str(name), plan.events)
    rules = [each for each in (rule, plan.rule(RuleType.COMMON)) if each is not None]
    if not rules:
        return
    if yaml_writer.nests_too_deep(event):
        yield too_deep(yaml_writer.MAX_NESTING)
        return
    instance = plain(event)
    flat = call.form is Form.FLAT
    for each in rules:
        for error in each.schema.errors(instance):
            yield from worded(error, flat=flat)
    if rule is not None and call.type in _DATA:
        yield from _unplanned(instance, _DATA[call.type], rules)


def _rule(plan: Plan, call: Call, name: str) -> Rule | None:
    """The rule of the call's own type: that of its name, or that for all names."""
    if call.type not in RuleType:
        return None
    type, version = RuleType(call.type), event_version(call)
    named = plan.rule(type, name, version) if type in NAMED and name else None
    return named or (None if type is RuleType.TRACK else plan.rule(type, "", version))


def _unplanned(instance: Plain, part: str, rules: list[Rule]) -> Iterator[Violation]:
    value = instance.get(part) if isinstance(instance, dict) else None
    schemas = within((each.schema.data for each in rules), part)
    for steps in unplanned(value, schemas):
        yield unplanned_key((part, *steps))


def _delivered(hit: Hit, call: Call) -> Payload:
    """The call as its plan sees it: Segment's pipeline fills in what a pixel need not say, so that
    a common rule may require it. The write key is for the edge only."""
    filled: Payload = {
        "messageId": "",
        "timestamp": time_text(hit.time),
        "context": {},
        **(call.payload or {}),
        "type": call.type.value,
        "receivedAt": time_text(hit.time),
    }
    filled.pop("writeKey", None)
    return filled
