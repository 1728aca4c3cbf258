"""Validate calls: the problems for which Segment drops a call, and the outcome."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from pixel_emulator.core.model import (
    JSON,
    Call,
    CallType,
    Form,
    HttpRequest,
    Outcome,
    Payload,
    Problem,
    Severity,
)
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.problems.damage import damage_problems
from pixel_emulator.core.problems.notes import note_problems
from pixel_emulator.core.text.display import abbreviated_key, quoted

_NO_SOURCES: Mapping[str, str] = MappingProxyType({})
_SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}

# Delivery Overview names the calls that each check is about (documented).
_OBJECTS = {
    CallType.IDENTIFY: ("traits", "traits_not_object"),
    CallType.TRACK: ("properties", "properties_not_object"),
    CallType.PAGE: ("properties", "properties_not_object"),
    CallType.SCREEN: ("properties", "properties_not_object"),
    CallType.GROUP: ("traits", "traits_not_object"),
}
_NAMES = (("name", "name_not_string"), ("category", "category_not_string"))
_NAMED = (CallType.PAGE, CallType.SCREEN)


def validate(
    call: Call, request: HttpRequest, sources: Mapping[str, str] = _NO_SOURCES, text: str = ""
) -> tuple[Problem, ...]:
    """Return all problems of a call, including those of decoding, worst first. Never raises.

    `sources` maps write keys to names; unless it is empty, every other key is unknown. For a call
    that could not be decoded only the URL is checked. `text` is that of `decode_with_text`; it
    only serves to skip checks that cannot find a problem.
    """
    problems = [
        *call.problems,
        *damage_problems(call, request, text),
        *note_problems(call, request, text),
    ]
    if call.payload is not None:
        problems += _drops(call, call.payload, sources)
    return sorted_by_severity(problems)


def sorted_by_severity(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems sorted by severity, worst first; the sort is stable."""
    return tuple(sorted(problems, key=lambda problem: _SEVERITY_RANK[problem.severity]))


def outcome_of(problems: Iterable[Problem]) -> Outcome:
    """Return the outcome of a call with these problems: delivered, damaged or dropped."""
    severities = {problem.severity for problem in problems}
    if Severity.DROP in severities:
        return Outcome.DROPPED
    return Outcome.DAMAGED if Severity.DAMAGE in severities else Outcome.DELIVERED


def _drops(call: Call, payload: Payload, sources: Mapping[str, str]) -> Iterator[Problem]:
    # `null` counts as absent everywhere: a Go server reads both the same way (inferred).
    yield from _write_key(payload.get("writeKey"), sources)
    yield from _ids(call, payload)
    if call.type is CallType.TRACK:
        yield from _event(call, payload.get("event"))
    if call.type in _OBJECTS:
        field, code = _OBJECTS[call.type]
        value = payload.get(field)
        if value is not None and not isinstance(value, dict):
            yield problem(code, field, value=value)
    if call.type in _NAMED:
        for field, code in _NAMES:
            value = payload.get(field)
            if value is not None and not _is_filled_string(value):
                yield _not_string(code, field, value, call)


def _write_key(key: JSON, sources: Mapping[str, str]) -> Iterator[Problem]:
    if key is None:
        yield problem("unknown_source", "writeKey", key="missing")
    elif not isinstance(key, str) or not key:
        yield problem("unknown_source", "writeKey", key=quoted(key))
    elif sources and key not in sources:
        shown = f"{abbreviated_key(key)}, which is none of the given sources"
        yield problem("unknown_source", "writeKey", key=shown)


def _ids(call: Call, payload: Payload) -> Iterator[Problem]:
    user, anonymous = payload.get("userId"), payload.get("anonymousId")
    if user is None and anonymous is None:
        yield problem("no_user_anon_id")
    for field, value in (("userId", user), ("anonymousId", anonymous)):
        if value is not None and not _is_filled_string(value):
            yield _not_string("id_not_string", field, value, call)


def _event(call: Call, event: JSON) -> Iterator[Problem]:
    if event is None or event == "":
        yield problem("event_not_defined", "event")
    elif not isinstance(event, str):
        yield _not_string("event_not_string", "event", event, call)


def _is_filled_string(value: JSON) -> bool:
    return isinstance(value, str) and value != ""


def _not_string(code: str, field: str, value: JSON, call: Call) -> Problem:
    repeated = call.form is Form.FLAT and isinstance(value, list)
    advice = (
        "The parameter stands in the URL more than once, which makes an array." if repeated else ""
    )
    return problem(code, field, value=value, advice=advice)
