"""The source of a scenario file: what it says, where each value stands, and changes to it."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Any

from pixel_emulator.core.errors import Document, Location
from pixel_emulator.core.model import JSON, JsonPath

_COLON = re.compile(r"\s*:")


class Shape(Enum):
    """How a value is written: on its own, in braces or brackets, or by indentation."""

    SCALAR = auto()
    FLOW = auto()
    BLOCK = auto()


@dataclass(slots=True, kw_only=True)
class Span:
    """Where a value stands in its text, in characters: from `start` to `end`.

    `begin` and `key_end` are the ends of its key, both `start` for the item of a list. `column`
    is that of `start`, from 0. `in_flow` says that it stands inside braces or brackets.
    """

    begin: int
    key_end: int
    start: int
    end: int
    column: int
    in_flow: bool
    shape: Shape


@dataclass(frozen=True, slots=True)
class Edit:
    """New text for what stands from `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Source:
    """A text, what it says, and where each of its values stands."""

    text: str
    document: Document
    spans: Mapping[JsonPath, Span] = field(repr=False)

    @cached_property
    def newline(self) -> str:
        """How the lines of the text end."""
        return "\r\n" if "\r\n" in self.text else "\n"

    @cached_property
    def _places(self) -> Mapping[Location, JsonPath]:
        places: dict[Location, JsonPath] = {}
        for steps in sorted(self.document.positions, key=len):
            places.setdefault(self.document.positions[steps], steps)
        return places

    def steps_at(self, location: Location) -> JsonPath | None:
        """The way to the value, the outermost one, that stands there; None in another file."""
        return self._places.get(location)

    def value(self, steps: JsonPath) -> JSON:
        """What the file says there, as it is written: `steps` is one of `spans`."""
        value: Any = self.document.data
        for step in steps:
            value = value[step]
        found: JSON = value
        return found

    def lines_of(self, steps: JsonPath) -> range:
        """The numbers of the lines on which the value stands."""
        span = self.spans[steps]
        first = self.text.count("\n", 0, span.begin) + 1
        return range(first, first + self.text.count("\n", span.begin, span.end) + 1)

    def colon(self, span: Span) -> int:
        """The end of the colon behind the key of a span, or of the key where there is none."""
        found = _COLON.match(self.text, span.key_end)
        return found.end() if found and span.begin != span.start else span.key_end

    def line_end(self, index: int) -> int:
        """Where the line ends in which a character stands, without its newline."""
        end = self.text.find("\n", index)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > index and self.text[end - 1] == "\r" else end

    def line_start(self, index: int) -> int:
        """Where the line begins in which a character stands."""
        return self.text.rfind("\n", 0, index) + 1


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits; they do not overlap, and equal ones count once."""
    pieces, at = [], 0
    for edit in _ordered(edits):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def moved(text: str, lines: Collection[int], edits: Iterable[Edit]) -> frozenset[int]:
    """Where these lines stand after the edits, without those that they take out."""
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    ordered = _ordered(edits)

    def added(edit: Edit) -> int:
        return edit.text.count("\n") - text.count("\n", edit.start, edit.end)

    return frozenset(
        number + sum(added(each) for each in ordered if each.start < starts[number - 1])
        for number in lines
        if not any(each.start < starts[number - 1] <= each.end for each in ordered)
    )


def _ordered(edits: Iterable[Edit]) -> list[Edit]:
    return sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))
