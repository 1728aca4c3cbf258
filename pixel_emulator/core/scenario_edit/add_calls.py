"""Edits that make a scenario expect further calls, and accept their damage."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from pixel_emulator.core.errors import InputIssue, Location
from pixel_emulator.core.model import JSON, Hit, JsonPath, Payload, Severity
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenario_edit.generate import brief_item
from pixel_emulator.core.scenario_edit.source import Edit
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.scenarios.expectation import call_line, problem_codes
from pixel_emulator.core.scenarios.scenario import Level, Policy, Scenario
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import quoted
from pixel_emulator.core.verification.verdict import ScenarioResult, StepResult

_BODY = ("expect", "steps")


def expect_failing_calls(verified: VerifiedSource) -> Iterator[Edit | InputIssue]:
    """Yield edits that make the scenarios expect each call that a policy fails them for.

    A call that is the nearest one of an unmet expectation is left out. Policies on duplicates and
    on requests that are no pixel calls are kept, and reported as issues.
    """
    added: dict[JsonPath, dict[str, list[Payload]]] = defaultdict(lambda: defaultdict(list))
    marks = {hit.step for hit in verified.verdict.hits}
    for hit in _unexpected_hits(verified):
        at, item = _list_for(verified, hit, marks), brief_item(hit)
        if not item or at is None:
            yield _not_added(verified, hit)
        else:
            added[at][json_codec.write(item)].append(item)
    for at, groups in added.items():
        items = [_with_times(items[0], len(items)) for items in groups.values()]
        yield from source.append(verified.source, at, items)
    rows: dict[Location, list[Scenario]] = defaultdict(list)
    for scenario in verified.verdict.scenarios:
        rows[scenario.scenario.location].append(scenario.scenario)
    for scenarios in rows.values():
        yield from _accept_damage(verified, scenarios)
    yield from _kept_policies(verified)


def _unexpected_hits(verified: VerifiedSource) -> Iterator[Hit]:
    """Yield the calls that a policy fails, without those that are nearest to an unmet
    expectation."""
    closest = {
        near.hit.seq
        for scenario in verified.verdict.scenarios
        for expected in scenario.expectations
        for near in expected.closest_calls
    }
    for policy in (Policy.UNEXPECTED, Policy.DROPPED):
        yield from (hit for hit in _failing_hits(verified, policy) if hit.seq not in closest)


def _failing_hits(
    verified: VerifiedSource, policy: Policy, scenario: Scenario | None = None
) -> Iterator[Hit]:
    """Yield the hits for which a policy fails a scenario, by default any scenario."""
    scenarios = [result.scenario for result in verified.verdict.scenarios]
    for policy_hit in verified.verdict.policy_hits:
        levels = [
            level
            for level, other in zip(policy_hit.levels, scenarios, strict=True)
            if scenario in (None, other)
        ]
        if policy_hit.policy is policy and Level.FAIL in levels:
            yield policy_hit.hit


def _not_added(verified: VerifiedSource, hit: Hit) -> InputIssue:
    line = call_line(hit.call.type, hit.call.payload or {}) if hit.call else "a request"
    cases = any(result.scenario.case for result in verified.verdict.scenarios)
    why = "each of the cases would want it" if cases else "no list of this file is right for it"
    message = f"call #{hit.seq}, {quoted(line)}, is not added: {why}"
    return InputIssue(message, Location(verified.source.document.file))


def _with_times(item: Payload, count: int) -> Payload:
    first, *rest = item.items()
    times: Payload = {"times": count} if count > 1 else {}
    return {first[0]: first[1], **times, **dict(rest)}


def _list_for(verified: VerifiedSource, hit: Hit, marks: Collection[str]) -> JsonPath | None:
    """Return the path of the list that a call belongs to: that of its step, or of the last step
    before.

    If calls have marks of a scenario's steps, calls without such a mark belong to none of its
    steps.
    """
    best: JsonPath | None = None
    for result in verified.verdict.scenarios:
        titles = [result.scenario.step_title(step) for step in result.scenario.steps]
        is_marked = len(titles) > 1 and any(title in marks for title in titles)
        for number, step in enumerate(result.steps):
            at = _list_of(verified, result, number, step)
            if at is None or result.scenario.case:
                continue
            if hit.step == titles[number]:
                return at
            claims = (claim.seq for expected in step.expectations for claim in expected.claims)
            if not is_marked and (best is None or min(claims, default=hit.seq) < hit.seq):
                best = at
    return best


def _list_of(
    verified: VerifiedSource, scenario: ScenarioResult, number: int, step: StepResult
) -> JsonPath | None:
    """Return the path of the list of a step's expectations in this file, or None."""
    for expected in step.expectations:
        at = verified.source.path_at(expected.expectation.location)
        if at and at[-2:-1] == ("expect",):
            return at[:-1]
    parent = verified.source.path_at(scenario.scenario.location)
    if parent is None:
        return None
    places = ((*parent, "steps", number, "expect"), (*parent, "expect"))
    return next((at for at in places if at in verified.source.spans), None)


def _accept_damage(
    verified: VerifiedSource, rows: Sequence[Scenario]
) -> Iterator[Edit | InputIssue]:
    """Yield edits that make a scenario, with all of its cases, accept the damage for which it
    fails."""
    hits = [hit for row in rows for hit in _failing_hits(verified, Policy.DAMAGED, row)]
    if not hits:
        return
    damage = {code for hit in hits for code in problem_codes(hit, Severity.DAMAGE)}
    accepted: list[JSON] = [*sorted(damage.union(*(row.accepted for row in rows)))]
    parent = verified.source.path_at(rows[0].location)
    data = verified.source.value(parent) if parent is not None else None
    key = Policy.DAMAGED.value
    if parent is None or not isinstance(data, dict) or not damage:
        yield InputIssue("the damage of its calls has no name to be accepted by", rows[0].location)
    elif isinstance(data.get(key), dict):
        yield from source.replace(verified.source, (*parent, key, "accept"), accepted)
    elif key in data:
        yield from source.replace(verified.source, (*parent, key), {"accept": accepted})
    else:
        body = next(name for name in data if name in _BODY)
        text = source.flow({"accept": accepted})
        yield source.add_before(verified.source, (*parent, body), key, text)


def _kept_policies(verified: VerifiedSource) -> Iterator[InputIssue]:
    for scenario in verified.verdict.scenarios:
        parent = verified.source.path_at(scenario.scenario.location) or ()
        for policy in (Policy.DUPLICATES, Policy.UNHANDLED):
            count = len(list(_failing_hits(verified, policy, scenario.scenario)))
            if count:
                message = f"is kept, because it is a policy; such requests: {count}"
                yield verified.source.document.issue(message, *parent, policy.value)
