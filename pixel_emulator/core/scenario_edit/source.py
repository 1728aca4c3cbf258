"""The source of a scenario file: what it says, where each value stands, and changes to it."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Any

from pixel_emulator.core.errors import Document, Location
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text import yaml_writer

_COLON = re.compile(r"\s*:")


class ValueStyle(Enum):
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
    shape: ValueStyle


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
        for at in sorted(self.document.positions, key=len):
            places.setdefault(self.document.positions[at], at)
        return places

    def path_at(self, location: Location) -> JsonPath | None:
        """The way to the value, the outermost one, that stands there; None in another file."""
        return self._places.get(location)

    def value(self, at: JsonPath) -> JSON:
        """What the file says there, as it is written: `at` is one of `spans`."""
        value: Any = self.document.data
        for key in at:
            value = value[key]
        found: JSON = value
        return found

    def lines_of(self, at: JsonPath) -> range:
        """The numbers of the lines on which the value stands."""
        span = self.spans[at]
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


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits; they do not overlap, and equal ones count once."""
    pieces, at = [], 0
    for edit in _ordered(edits):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def moved_lines(text: str, lines: Collection[int], edits: Iterable[Edit]) -> frozenset[int]:
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


WIDTH = 92
"""Columns of a line, unless a single text needs more."""


def scalar(value: JSON) -> str:
    """A scalar, or an empty container, as YAML."""
    return yaml_writer.write(value).rstrip("\n")


def flow(value: JSON) -> str:
    """The value on one line: `{total: 49.9, skus: [A-1, B-2]}`."""
    if isinstance(value, dict) and value:
        members = (f"{scalar(key)}: {flow(member)}" for key, member in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list) and value:
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


def member(key: str, value: JSON, width: int = WIDTH) -> list[str]:
    """The lines of one member of a map."""
    head, line = scalar(key), flow(value)
    if not isinstance(value, dict | list) or not value or len(head) + 2 + len(line) <= width:
        return [f"{head}: {line}"]
    return [f"{head}:", *indented(block(value, width - 2))]


def block(value: JSON, width: int = WIDTH) -> list[str]:
    """The lines of a filled map or list; what fits stands on one line in them."""
    if isinstance(value, dict):
        return [line for each in value.items() for line in member(*each, width)]
    items = value if isinstance(value, list) else [value]
    return [line for each in items for line in _item(each, width - 2)]


def call(item: Payload, width: int = WIDTH) -> list[str]:
    """The lines of a call of `expect:`; its first key is that of the call line."""
    first, *rest = item.items()
    line = [f"{first[0]}:"] if first[1] is None else member(*first, width)
    return dashed([*line, *(line for each in rest for line in member(*each, width - 2))])


def dashed(lines: list[str]) -> list[str]:
    """The lines as an item of a list."""
    return [f"- {lines[0]}", *indented(lines[1:])]


def indented(lines: list[str], blanks: int = 2) -> list[str]:
    """The lines, further to the right."""
    return [f"{' ' * blanks}{line}" for line in lines]


def _item(value: JSON, width: int) -> list[str]:
    line = flow(value)
    fits = not isinstance(value, dict | list) or not value or len(line) <= width
    return dashed([line] if fits else block(value, width))


def replace(source: Source, at: JsonPath, value: JSON) -> Iterator[Edit]:
    """Write another value in the place of one; a quoted text stays quoted as it is."""
    span = source.spans[at]
    if isinstance(value, dict | list):
        line = flow(value)
        column = span.begin - source.line_start(span.begin)
        if value and not span.in_flow and column + len(line) > WIDTH:
            yield from _write_block(source, span, block(value, WIDTH - column))
            return
    elif span.shape is ValueStyle.SCALAR:
        line = _in_same_style(source, span, value)
    else:
        line = scalar(value)
    yield from write(source, at, line)


def write(source: Source, at: JsonPath, text: str) -> Iterator[Edit]:
    """Write what is YAML already in the place of a value."""
    span = source.spans[at]
    if span.start == span.end:
        colon = source.colon(span)
        yield Edit(colon, colon, f" {text}")
    elif span.shape is ValueStyle.BLOCK and span.begin != span.start:
        colon = source.colon(span)
        yield Edit(colon, colon, f" {text}")
        yield Edit(source.line_end(colon), span.end, "")
    else:
        yield Edit(span.start, span.end, text)


def add_after(source: Source, at: JsonPath, key: str, text: str) -> Edit:
    """Add a member behind the one at `at`; `text` is its value, on one line."""
    span, around = source.spans[at], source.spans[at[:-1]]
    end = max(span.end, source.colon(span))
    if around.shape is ValueStyle.FLOW:
        gap = "" if span.end > span.start else " "  # libyaml refuses `{page:, times: 2}`
        return Edit(end, end, f"{gap}, {key}: {text}")
    line_end = source.line_end(end)
    return Edit(line_end, line_end, f"{source.newline}{' ' * around.column}{key}: {text}")


def add_before(source: Source, at: JsonPath, key: str, text: str) -> Edit:
    """Add a member before the one at `at`; `text` is its value, on one line."""
    span, around = source.spans[at], source.spans[at[:-1]]
    gap = ", " if around.shape is ValueStyle.FLOW else source.newline + " " * around.column
    return Edit(span.begin, span.begin, f"{key}: {text}{gap}")


def remove(source: Source, at: JsonPath, indexes: Collection[int]) -> Iterator[Edit]:
    """Take items out of the list at `at`; one that loses all becomes `[]`."""
    span = source.spans[at]
    items = [source.spans[*at, index] for index in range(_length(source, at))]
    kept = [each for index, each in enumerate(items) if index not in indexes]
    if span.shape is ValueStyle.FLOW:
        texts = [source.text[each.start : each.end] for each in kept]
        yield Edit(span.start, span.end, f"[{', '.join(texts)}]")
        return
    for index in indexes:
        dash = source.text.rindex("-", 0, items[index].start)
        begin = max(0, source.line_start(dash) - len(source.newline))
        yield Edit(begin, source.line_end(items[index].end), "")
    if not kept:
        colon = source.colon(span)
        yield Edit(colon, colon, " []")


def append(source: Source, at: JsonPath, items: Sequence[Payload]) -> Iterator[Edit]:
    """Add calls at the end of the list at `at`."""
    span, length = source.spans[at], _length(source, at)
    if span.shape is ValueStyle.FLOW and (length or span.in_flow):
        offset = source.spans[*at, length - 1].end if length else span.start + 1
        texts = ", ".join(map(flow, items))
        yield Edit(offset, offset, f", {texts}" if length else texts)
        return
    margin = span.column
    if not length:
        margin = span.begin - source.line_start(span.begin) + 2
        yield Edit(source.colon(span), span.end, "")
    lines = [line for each in items for line in call(each, WIDTH - margin)]
    end = source.line_end(span.end)
    yield Edit(end, end, _indented_text(source, margin, lines))


def _length(source: Source, at: JsonPath) -> int:
    value = source.value(at)
    return len(value) if isinstance(value, list) else 0


def _write_block(source: Source, span: Span, lines: list[str]) -> Iterator[Edit]:
    """Write a map or a list by indentation in the place of a value."""
    if span.begin == span.start:  # the item of a list
        yield Edit(span.start, span.end, _indented_text(source, span.column, lines).lstrip())
        return
    margin = span.begin - source.line_start(span.begin) + 2
    end = source.line_end(span.end)
    if span.shape is ValueStyle.BLOCK:
        yield Edit(
            source.line_end(source.colon(span)), span.end, _indented_text(source, margin, lines)
        )
    else:
        yield Edit(source.colon(span), span.end, "")
        yield Edit(end, end, _indented_text(source, margin, lines))


def _indented_text(source: Source, margin: int, lines: list[str]) -> str:
    indented = (f"{' ' * margin}{line}" if line else "" for line in lines)
    return "".join(f"{source.newline}{line}" for line in indented)


def _in_same_style(source: Source, span: Span, value: JSON) -> str:
    """A scalar, written in the style of the one that stands there."""
    old, new = source.text[span.start : span.end], scalar(value)
    if not isinstance(value, str):
        return new
    if old.startswith("|") and _fits_block_scalar(value):
        chomped = "|" if value.endswith("\n") else "|-"
        margin = span.begin - source.line_start(span.begin) + 2
        return chomped + _indented_text(source, margin, value.removesuffix("\n").split("\n"))
    if old.startswith("'") and value.isprintable():
        return "'{}'".format(value.replace("'", "''"))
    return f'"{new}"' if old.startswith('"') and not new.startswith('"') else new


def _fits_block_scalar(text: str) -> bool:
    """Whether a text can stand in a block of its own."""
    lines = text.removesuffix("\n").split("\n")
    return all(map(str.isprintable, lines)) and bool(lines[0].strip()) and lines[0][0] != " "
