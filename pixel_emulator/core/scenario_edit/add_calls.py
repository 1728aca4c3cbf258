"""Calls that nothing expects: they become expectations, and their damage is accepted."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from pixel_emulator.core.errors import InputIssue, Location
from pixel_emulator.core.model import JSON, Hit, JsonPath, Payload, Severity
from pixel_emulator.core.scenario_edit import source
from pixel_emulator.core.scenario_edit.generate import brief
from pixel_emulator.core.scenario_edit.source import Edit
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.scenarios.expectation import call_line, problem_codes
from pixel_emulator.core.scenarios.model import Level, Policy, Scenario
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import quoted
from pixel_emulator.core.verification.verdict import ScenarioResult, StepResult

_BODY = ("expect", "steps")


def accept(judged: VerifiedSource) -> Iterator[Edit | InputIssue]:
    """What makes the scenarios expect each call that a policy fails them for.

    A call that comes close to an unmet line is left to it. A policy on duplicates and on what is
    no pixel call is kept, with a word on it.
    """
    found: dict[JsonPath, dict[str, list[Payload]]] = defaultdict(lambda: defaultdict(list))
    marks = {hit.step for hit in judged.verdict.hits}
    for hit in _unexpected(judged):
        at, item = _list_for(judged, hit, marks), brief(hit)
        if not item or at is None:
            yield _refusal(judged, hit)
        else:
            found[at][json_codec.write(item)].append(item)
    for at, groups in found.items():
        items = [_repeated(items[0], len(items)) for items in groups.values()]
        yield from source.append(judged.source, at, items)
    rows: dict[Location, list[Scenario]] = defaultdict(list)
    for scenario in judged.verdict.scenarios:
        rows[scenario.scenario.location].append(scenario.scenario)
    for scenarios in rows.values():
        yield from _damage(judged, scenarios)
    yield from _kept_policies(judged)


def _unexpected(judged: VerifiedSource) -> Iterator[Hit]:
    """The calls that a policy fails for, without those that come close to an unmet line."""
    beside = {
        near.hit.seq
        for scenario in judged.verdict.scenarios
        for each in scenario.expectations
        for near in each.nearest
    }
    for policy in (Policy.UNEXPECTED, Policy.DROPPED):
        yield from (hit for hit in _failing(judged, policy) if hit.seq not in beside)


def _failing(
    judged: VerifiedSource, policy: Policy, scenario: Scenario | None = None
) -> Iterator[Hit]:
    """The hits that a policy fails a scenario for, or any."""
    scenarios = [each.scenario for each in judged.verdict.scenarios]
    for each in judged.verdict.findings:
        levels = [
            level
            for level, home in zip(each.levels, scenarios, strict=True)
            if scenario in (None, home)
        ]
        if each.policy is policy and Level.FAIL in levels:
            yield each.hit


def _refusal(judged: VerifiedSource, hit: Hit) -> InputIssue:
    line = call_line(hit.call.type, hit.call.payload or {}) if hit.call else "a request"
    cases = any(each.scenario.case for each in judged.verdict.scenarios)
    why = "each of the cases would want it" if cases else "no list of this file is right for it"
    message = f"call #{hit.seq}, {quoted(line)}, is not added: {why}"
    return InputIssue(message, Location(judged.source.document.file))


def _repeated(item: Payload, count: int) -> Payload:
    first, *rest = item.items()
    times: Payload = {"times": count} if count > 1 else {}
    return {first[0]: first[1], **times, **dict(rest)}


def _list_for(judged: VerifiedSource, hit: Hit, marks: Collection[str]) -> JsonPath | None:
    """The list that a call belongs to: of its step, or of the step that came last before it.

    Where calls carry the marks of a scenario's steps, no step of it can see any other.
    """
    best: JsonPath | None = None
    for result in judged.verdict.scenarios:
        titles = [result.scenario.step_title(each) for each in result.scenario.steps]
        blind = len(titles) > 1 and any(title in marks for title in titles)
        for number, step in enumerate(result.steps):
            at = _list_of(judged, result, number, step)
            if at is None or result.scenario.case:
                continue
            if hit.step == titles[number]:
                return at
            claims = (claim.seq for each in step.expectations for claim in each.claims)
            if not blind and (best is None or min(claims, default=hit.seq) < hit.seq):
                best = at
    return best


def _list_of(
    judged: VerifiedSource, scenario: ScenarioResult, number: int, step: StepResult
) -> JsonPath | None:
    """Where the expectations of a step stand in this file."""
    for each in step.expectations:
        found = judged.source.path_at(each.expectation.location)
        if found and found[-2:-1] == ("expect",):
            return found[:-1]
    home = judged.source.path_at(scenario.scenario.location)
    if home is None:
        return None
    places = ((*home, "steps", number, "expect"), (*home, "expect"))
    return next((each for each in places if each in judged.source.spans), None)


def _damage(judged: VerifiedSource, rows: Sequence[Scenario]) -> Iterator[Edit | InputIssue]:
    """What makes a scenario, that is all of its cases, accept the damage for which it fails."""
    hits = [hit for row in rows for hit in _failing(judged, Policy.DAMAGED, row)]
    if not hits:
        return
    found = {code for hit in hits for code in problem_codes(hit, Severity.DAMAGE)}
    accepted: list[JSON] = [*sorted(found.union(*(row.accepted for row in rows)))]
    home = judged.source.path_at(rows[0].location)
    data = judged.source.value(home) if home is not None else None
    key = Policy.DAMAGED.value
    if home is None or not isinstance(data, dict) or not found:
        yield InputIssue("the damage of its calls has no name to be accepted by", rows[0].location)
    elif isinstance(data.get(key), dict):
        yield from source.replace(judged.source, (*home, key, "accept"), accepted)
    elif key in data:
        yield from source.replace(judged.source, (*home, key), {"accept": accepted})
    else:
        body = next(each for each in data if each in _BODY)
        text = source.flow({"accept": accepted})
        yield source.add_before(judged.source, (*home, body), key, text)


def _kept_policies(judged: VerifiedSource) -> Iterator[InputIssue]:
    for scenario in judged.verdict.scenarios:
        home = judged.source.path_at(scenario.scenario.location) or ()
        for policy in (Policy.DUPLICATES, Policy.UNHANDLED):
            count = len(list(_failing(judged, policy, scenario.scenario)))
            if count:
                message = f"is kept, because it is a policy; such requests: {count}"
                yield judged.source.document.mistake(message, *home, policy.value)
