"""The policies: which calls of a run are findings, and how badly each scenario takes them."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from urllib.parse import unquote_plus

from pixel_emulator.core.matching.diff import differences
from pixel_emulator.core.matching.expected import Bindings, Expected, describe_value
from pixel_emulator.core.matching.predicates import resolve_now
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import JSON, Hit, JsonPath, Outcome, Payload, Severity, path_text
from pixel_emulator.core.redaction.masking import hide
from pixel_emulator.core.scenarios.expectation import call_name, problem_codes
from pixel_emulator.core.scenarios.model import Forbidden, Level, Policy, Scenario
from pixel_emulator.core.verification.verdict import ForbiddenValue, PolicyHit

_POLICIES = {
    Outcome.DELIVERED: (Policy.UNEXPECTED,),
    Outcome.DAMAGED: (Policy.UNEXPECTED, Policy.DAMAGED),
    Outcome.DUPLICATE: (Policy.DUPLICATES,),
    Outcome.DROPPED: (Policy.DROPPED,),
    Outcome.UNHANDLED: (Policy.UNHANDLED,),
}


def policy_hits(
    scenarios: Sequence[Scenario], hits: Sequence[Hit], wanted_by: Sequence[Collection[int]]
) -> Iterator[PolicyHit]:
    """Each finding once, in the order of the hits.

    `wanted_by` holds, for each hit, the indexes of the scenarios that have an expectation of it.
    """
    for hit, wanted in zip(hits, wanted_by, strict=True):
        yield from policy_hits_of(scenarios, hit, wanted)


def policy_hits_of(
    scenarios: Sequence[Scenario], hit: Hit, wanted: Collection[int]
) -> Iterator[PolicyHit]:
    """The findings about one hit.

    A damaged call concerns the scenarios that want it, or all where there are none.
    """
    for policy in _POLICIES[hit.outcome]:
        if wanted and policy in (Policy.UNEXPECTED, Policy.DROPPED):
            continue
        elsewhere = policy is Policy.DAMAGED and wanted
        levels = tuple(
            Level.IGNORE if elsewhere and index not in wanted else _level(each, policy, hit)
            for index, each in enumerate(scenarios)
        )
        if set(levels) != {Level.IGNORE}:
            yield PolicyHit(policy=policy, hit=hit, levels=levels)


def for_one_row(
    finding: PolicyHit, scenarios: Sequence[Scenario], scenario_index: int | None
) -> PolicyHit:
    """The finding about a call that comes close to what the scenario `scenario_index` misses.

    Of the rows of one scenario, which share its calls, it then concerns that row alone: that the
    call is wrong fails it already.
    """
    if (
        scenario_index is None
        or finding.policy is not Policy.UNEXPECTED
        or not scenarios[scenario_index].case
    ):
        return finding
    place = scenarios[scenario_index].location
    levels = (
        Level.IGNORE if index != scenario_index and each.location == place else level
        for index, (each, level) in enumerate(zip(scenarios, finding.levels, strict=True))
    )
    return replace(finding, levels=tuple(levels))


def _level(scenario: Scenario, policy: Policy, hit: Hit) -> Level:
    if policy is Policy.UNEXPECTED and scenario.same_event and hit.call:
        mentioned = scenario.mentions(hit.call.type, call_name(hit))
        return Level.FAIL if mentioned else Level.IGNORE
    if policy is Policy.DAMAGED:
        damage = set(problem_codes(hit, Severity.DAMAGE))
        if damage and damage <= scenario.accepted:
            return Level.IGNORE
    return scenario.levels[policy]


_MOST = 10  # places in one request
_EXCERPT = 120  # characters
_BETWEEN_WORDS = re.compile(r"[\s\"'<>()\[\]{},;:=&?/#|\\]+")

_AROUND_WORDS = ".!*_~-"


def forbidden_values(
    denials: Sequence[Forbidden], hits: Iterable[Hit], bound: Bindings
) -> Iterator[ForbiddenValue]:
    """Each place at which a request holds what is denied, the first few of each request.

    A plain text is denied wherever it stands inside a text; any other want is compared with every
    value and every key, and with the words of longer texts. A denial with a variable that has no
    value denies nothing.
    """
    decided = [each for each in denials if variable_names(each.contains) <= bound.keys()]
    for hit in hits:
        for denial in decided:
            yield from islice(_in_hit(denial, hit, bound), _MOST)


def _in_hit(denial: Forbidden, hit: Hit, bound: Bindings) -> Iterator[ForbiddenValue]:
    payload: Payload = (hit.call and hit.call.payload) or {}
    key = payload.get("writeKey")
    contains = resolve_now(denial.contains, hit.time)
    for path, value in _values(denial, payload, hit):
        for piece in _pieces(value):
            if _holds(contains, piece, bound):
                excerpt = piece if isinstance(piece, str) else describe_value(piece).text
                shown = hide(excerpt, [key] if isinstance(key, str) and key else [])
                more = "…" if len(shown) > _EXCERPT else ""  # it may have cut a key
                yield ForbiddenValue(
                    forbidden=denial, hit=hit, path=path, value=shown[:_EXCERPT] + more
                )
                break


def _values(denial: Forbidden, payload: Payload, hit: Hit) -> Iterator[tuple[str, JSON]]:
    excepted: list[str] = []
    stack: list[tuple[JsonPath, JSON]] = [((), payload)]
    while stack:
        at, value = stack.pop()
        if any(at[: len(each)] == each for each in denial.except_paths):
            excepted += [value] if isinstance(value, str) and value else []
            continue
        if denial.path is not None and at[: len(denial.path)] != denial.path:
            if denial.path[: len(at)] != at:
                continue
        elif at:
            yield path_text(at), value
        if isinstance(value, dict):
            inside = denial.path is None or len(at) >= len(denial.path)
            if inside:
                yield from ((path_text((*at, key)), key) for key in value)
            stack.extend(((*at, key), each) for key, each in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*at, n), each) for n, each in reversed(list(enumerate(value))))
    if denial.path is None:
        yield from _around(hit, excepted)


def _around(hit: Hit, excepted: list[str]) -> Iterator[tuple[str, JSON]]:
    """URL and referer, as they are and decoded; what is excepted in the payload, also here."""
    texts = (("url", hit.request.url), ("referer", hit.request.header("referer") or ""))
    for path, text in texts:
        decoded = unquote_plus(text)
        for each in excepted:
            decoded = decoded.replace(each, "")
        yield path, decoded
        if not excepted:
            yield path, text


def _pieces(value: JSON) -> Iterator[JSON]:
    """A value, and before it the words of a text: they say best what was found."""
    if isinstance(value, str):
        words = (word.strip(_AROUND_WORDS) for word in _BETWEEN_WORDS.split(value))
        yield from filter(None, words)
    yield value


def _holds(contains: Expected, piece: JSON, bound: Bindings) -> bool:
    if isinstance(contains, str):
        return isinstance(piece, str) and contains in piece
    return next(differences(contains, piece, bound), None) is None
