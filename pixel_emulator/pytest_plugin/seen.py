"""A call as a test looks at it: its payload by keys, and what became of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pixel_emulator.core import call_text
from pixel_emulator.core.model import JSON, Call, CallType, Hit, Outcome, PixelRequest, Problem
from pixel_emulator.core.text import json_codec


@dataclass(frozen=True, slots=True, repr=False)
class SeenCall(Mapping[str, JSON]):
    """A call that arrived: a map of its payload (empty where that could not be decoded).

    `hit` is all that is known about it. What is taken from the map is a copy: a test that changes
    it changes no evidence.
    """

    hit: Hit
    call: Call

    @property
    def type(self) -> CallType:
        """Which of the six calls it is."""
        return self.call.type

    @property
    def payload(self) -> Mapping[str, JSON]:
        """What it says."""
        return {key: self[key] for key in self}

    @property
    def outcome(self) -> Outcome:
        """What would become of it at Segment."""
        return self.hit.outcome

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it."""
        return self.hit.problems

    @property
    def request(self) -> PixelRequest:
        """The request as it stood on the wire."""
        return self.hit.request

    @property
    def time(self) -> datetime:
        """When it arrived; aware, in UTC."""
        return self.hit.time

    def __getitem__(self, key: str) -> JSON:
        value = (self.call.payload or {})[key]
        # By way of text, since `deepcopy` has no stack for what nests very deep.
        return (
            json_codec.parse(json_codec.write(value)) if isinstance(value, dict | list) else value
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.call.payload or {})

    def __len__(self) -> int:
        return len(self.call.payload or {})

    def __repr__(self) -> str:
        line = call_text.line(self.call, self.hit.request, self.hit.outcome, self.hit.problems)
        return f"<#{self.hit.seq} {line}>"


def seen(hits: Iterable[Hit]) -> tuple[SeenCall, ...]:
    """The calls among what arrived."""
    return tuple(SeenCall(hit, hit.call) for hit in hits if hit.call)
