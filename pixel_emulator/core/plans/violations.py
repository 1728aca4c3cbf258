"""What a tracking plan objects to in a call, in the shape of Segment's own violations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pixel_emulator.core.calls import Hit
from pixel_emulator.core.plans.plan import Plan


@dataclass(frozen=True, slots=True)
class Violation:
    """One objection: its kind, the field it is about, and a sentence."""

    type: str
    field: str
    description: str


def violations(plans: Mapping[int, Plan], hit: Hit) -> Iterator[Violation]:
    """What the plan of the hit's version objects to; nothing for a call that Segment drops."""
    raise NotImplementedError((plans, hit))
