"""Scenarios as they look beside calls whose write keys are masked."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pixel_emulator.core.model import Hit
from pixel_emulator.core.redaction.masking import SHORTEST, mask
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.scenarios.model import Scenario, Step

type _Masks = Mapping[str, Mapping[int, frozenset[str]]]
"""The masks of a run, by what they begin with, and then by their length."""

_BEGIN = SHORTEST // 3  # characters of a key that its mask shows, however short it is


def beside_masks(scenarios: Sequence[Scenario], hits: Iterable[Hit]) -> list[Scenario]:
    """The scenarios with masks for the write keys that they want, and for those of the calls in
    the names by which calls belong to their steps."""
    masks = _masks_of(hits)
    return [_beside(each, masks) for each in scenarios]


def _masks_of(hits: Iterable[Hit]) -> _Masks:
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for hit in hits:
        key = ((hit.call and hit.call.payload) or {}).get("writeKey")
        if isinstance(key, str) and len(key) >= SHORTEST:  # shorter ones are not looked for
            found[key[:_BEGIN]][len(key)].add(key)
    return {
        begin: {size: frozenset(masks) for size, masks in by_size.items()}
        for begin, by_size in found.items()
    }


def _beside(scenario: Scenario, masks: _Masks) -> Scenario:
    def pattern(each: Pattern) -> Pattern:
        key = each.fields.get("writeKey")
        if not isinstance(key, str):
            return each
        return replace(each, fields={**each.fields, "writeKey": mask(key)})

    def expectation(each: Expectation) -> Expectation:
        return replace(each, patterns=tuple(map(pattern, each.patterns)))

    def step(each: Step) -> Step:
        expectations = tuple(map(expectation, each.expectations))
        return replace(each, expectations=expectations, name=_hide(each.name, masks))

    return replace(
        scenario,
        steps=tuple(map(step, scenario.steps)),
        name=_hide(scenario.name, masks),
        case=_hide(scenario.case, masks),
    )


def _hide(text: str, masks: _Masks) -> str:
    """The text with a mask for each key of which the calls have the mask; it stays as long."""
    at = 0
    while at < len(text):
        for size, known in masks.get(text[at : at + _BEGIN], {}).items():
            hidden = mask(text[at : at + size])
            if hidden in known:
                text = text[:at] + hidden + text[at + size :]
                at += size - 1
                break
        at += 1
    return text
