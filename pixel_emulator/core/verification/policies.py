"""Policies and forbidden values: which calls of a run are wrong whatever is expected of them."""

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
from pixel_emulator.core.scenarios.scenario import Forbidden, Level, Policy, Scenario
from pixel_emulator.core.verification.verdict import ForbiddenValue, PolicyHit

_POLICIES = {
    Outcome.DELIVERED: (Policy.UNEXPECTED,),
    Outcome.DAMAGED: (Policy.UNEXPECTED, Policy.DAMAGED),
    Outcome.DUPLICATE: (Policy.DUPLICATES,),
    Outcome.DROPPED: (Policy.DROPPED,),
    Outcome.UNHANDLED: (Policy.UNHANDLED,),
}


def policy_hits(
    scenarios: Sequence[Scenario], hits: Sequence[Hit], matched_by: Sequence[Collection[int]]
) -> Iterator[PolicyHit]:
    """Yield the policy hits of a run, in the order of its calls.

    `matched_by` holds, for each hit, the indexes of the scenarios with an expectation that
    matches it.
    """
    for hit, matching in zip(hits, matched_by, strict=True):
        yield from policy_hits_of(scenarios, hit, matching)


def policy_hits_of(
    scenarios: Sequence[Scenario], hit: Hit, matching: Collection[int]
) -> Iterator[PolicyHit]:
    """Yield the policy hits of one call; `matching` are the scenarios that expect it.

    A damaged call concerns the scenarios that expect it, or all if there are none.
    """
    for policy in _POLICIES[hit.outcome]:
        if matching and policy in (Policy.UNEXPECTED, Policy.DROPPED):
            continue
        elsewhere = policy is Policy.DAMAGED and matching
        levels = tuple(
            Level.IGNORE if elsewhere and index not in matching else _level(scenario, policy, hit)
            for index, scenario in enumerate(scenarios)
        )
        if set(levels) != {Level.IGNORE}:
            yield PolicyHit(policy=policy, hit=hit, levels=levels)


def limited_to_case(
    policy_hit: PolicyHit, scenarios: Sequence[Scenario], scenario_index: int | None
) -> PolicyHit:
    """Return a policy hit on a call that comes close to what the scenario `scenario_index` lacks.

    If the scenario is one case of several, which share their calls, an unexpected call concerns
    this case alone: it fails already because the call is wrong.
    """
    if (
        scenario_index is None
        or policy_hit.policy is not Policy.UNEXPECTED
        or not scenarios[scenario_index].case
    ):
        return policy_hit
    location = scenarios[scenario_index].location
    levels = (
        Level.IGNORE if index != scenario_index and scenario.location == location else level
        for index, (scenario, level) in enumerate(zip(scenarios, policy_hit.levels, strict=True))
    )
    return replace(policy_hit, levels=tuple(levels))


def _level(scenario: Scenario, policy: Policy, hit: Hit) -> Level:
    if policy is Policy.UNEXPECTED and scenario.same_event and hit.call:
        mentioned = scenario.mentions(hit.call.type, call_name(hit))
        return Level.FAIL if mentioned else Level.IGNORE
    if policy is Policy.DAMAGED:
        damage = set(problem_codes(hit, Severity.DAMAGE))
        if damage and damage <= scenario.accepted:
            return Level.IGNORE
    return scenario.levels[policy]


_MAX_PLACES = 10  # of one rule in one request
_MAX_EXCERPT = 120  # characters
_BETWEEN_WORDS = re.compile(r"[\s\"'<>()\[\]{},;:=&?/#|\\]+")

_AROUND_WORDS = ".!*_~-"


def forbidden_values(
    rules: Sequence[Forbidden], hits: Iterable[Hit], bindings: Bindings
) -> Iterator[ForbiddenValue]:
    """Yield each place at which a request holds a forbidden value, the first few per request.

    A plain text is forbidden as any part of a text; any other expected value is compared with
    every value and every key, and with the words of longer texts. A rule with a variable that has
    no value forbids nothing.
    """
    decided = [rule for rule in rules if variable_names(rule.contains) <= bindings.keys()]
    for hit in hits:
        for rule in decided:
            yield from islice(_in_hit(rule, hit, bindings), _MAX_PLACES)


def _in_hit(rule: Forbidden, hit: Hit, bindings: Bindings) -> Iterator[ForbiddenValue]:
    payload: Payload = (hit.call and hit.call.payload) or {}
    key = payload.get("writeKey")
    contains = resolve_now(rule.contains, hit.time)
    for path, value in _values(rule, payload, hit):
        for piece in _pieces(value):
            if _holds(contains, piece, bindings):
                excerpt = piece if isinstance(piece, str) else describe_value(piece).text
                # Before it is cut: hide() would not recognize part of a key.
                shown = hide(excerpt, [key] if isinstance(key, str) and key else [])
                ellipsis = "…" if len(shown) > _MAX_EXCERPT else ""
                yield ForbiddenValue(
                    forbidden=rule, hit=hit, path=path, value=shown[:_MAX_EXCERPT] + ellipsis
                )
                break


def _values(rule: Forbidden, payload: Payload, hit: Hit) -> Iterator[tuple[str, JSON]]:
    """Yield the values, keys and URLs that a rule is about, each with its path."""
    excepted: list[str] = []
    stack: list[tuple[JsonPath, JSON]] = [((), payload)]
    while stack:
        at, value = stack.pop()
        if any(at[: len(exception)] == exception for exception in rule.except_paths):
            excepted += [value] if isinstance(value, str) and value else []
            continue
        if rule.path is not None and at[: len(rule.path)] != rule.path:
            if rule.path[: len(at)] != at:
                continue
        elif at:
            yield path_text(at), value
        if isinstance(value, dict):
            if rule.path is None or len(at) >= len(rule.path):
                yield from ((path_text((*at, key)), key) for key in value)
            stack.extend(((*at, key), member) for key, member in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*at, n), item) for n, item in reversed(list(enumerate(value))))
    if rule.path is None:
        yield from _urls(hit, excepted)


def _urls(hit: Hit, excepted: list[str]) -> Iterator[tuple[str, JSON]]:
    """Yield URL and referer, decoded without the values that are excepted in the payload, and, if
    none are, also as they were sent."""
    texts = (("url", hit.request.url), ("referer", hit.request.header("referer") or ""))
    for path, text in texts:
        decoded = unquote_plus(text)
        for value in excepted:
            decoded = decoded.replace(value, "")
        yield path, decoded
        if not excepted:
            yield path, text


def _pieces(value: JSON) -> Iterator[JSON]:
    """Yield the words of a text, then the value itself: a word makes the better excerpt."""
    if isinstance(value, str):
        words = (word.strip(_AROUND_WORDS) for word in _BETWEEN_WORDS.split(value))
        yield from filter(None, words)
    yield value


def _holds(contains: Expected, piece: JSON, bindings: Bindings) -> bool:
    if isinstance(contains, str):
        return isinstance(piece, str) and contains in piece
    return next(differences(contains, piece, bindings), None) is None
