"""The source of a scenario file: its values, their positions in the text, and edits of the text."""

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
    """Style of a YAML value: plain or quoted, in braces or brackets, or by indentation."""

    SCALAR = auto()
    FLOW = auto()
    BLOCK = auto()


@dataclass(slots=True, kw_only=True)
class Span:
    """Position of a value in its text, from offset `start` to `end` in characters.

    `key_start` and `key_end` are the offsets of its key; both equal `start` for the item of a list.
    `column` is that of `start`, from 0. `in_flow` is True inside braces or brackets.
    """

    key_start: int
    key_end: int
    start: int
    end: int
    column: int
    in_flow: bool
    style: ValueStyle


@dataclass(frozen=True, slots=True)
class Edit:
    """New text for the characters from offset `start` to `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Source:
    """A text, the document parsed from it, and the span of each of its values."""

    text: str
    document: Document
    spans: Mapping[JsonPath, Span] = field(repr=False)

    @cached_property
    def newline(self) -> str:
        """The line ending of the text."""
        return "\r\n" if "\r\n" in self.text else "\n"

    @cached_property
    def _paths(self) -> Mapping[Location, JsonPath]:
        paths: dict[Location, JsonPath] = {}
        for at in sorted(self.document.positions, key=len):
            paths.setdefault(self.document.positions[at], at)
        return paths

    def path_at(self, location: Location) -> JsonPath | None:
        """Return the path to the outermost value at a location, or None for another file."""
        return self._paths.get(location)

    def value(self, at: JsonPath) -> JSON:
        """Return the value at a path of `spans`, as it is written in the file."""
        value: Any = self.document.data
        for key in at:
            value = value[key]
        result: JSON = value
        return result

    def lines_of(self, at: JsonPath) -> range:
        """Return the numbers of the lines of a value, from 1."""
        span = self.spans[at]
        first = self.text.count("\n", 0, span.key_start) + 1
        return range(first, first + self.text.count("\n", span.key_start, span.end) + 1)

    def colon_end(self, span: Span) -> int:
        """Return the offset after the colon of the key of a span, or after the key if it has
        none."""
        match = _COLON.match(self.text, span.key_end)
        return match.end() if match and span.key_start != span.start else span.key_end

    def line_end(self, index: int) -> int:
        """Return the offset of the end of the line that holds a character, before its newline."""
        end = self.text.find("\n", index)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > index and self.text[end - 1] == "\r" else end

    def line_start(self, index: int) -> int:
        """Return the offset of the start of the line that holds a character."""
        return self.text.rfind("\n", 0, index) + 1


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return the text after all edits. Edits must not overlap; equal ones are applied once."""
    pieces, end = [], 0
    for edit in _ordered(edits):
        pieces += [text[end : edit.start], edit.text]
        end = edit.end
    return "".join([*pieces, text[end:]])


def moved_lines(text: str, lines: Collection[int], edits: Iterable[Edit]) -> frozenset[int]:
    """Return the numbers of these lines after the edits, without those that the edits remove."""
    starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
    ordered = _ordered(edits)

    def added_lines(edit: Edit) -> int:
        return edit.text.count("\n") - text.count("\n", edit.start, edit.end)

    return frozenset(
        number + sum(added_lines(edit) for edit in ordered if edit.start < starts[number - 1])
        for number in lines
        if not any(edit.start < starts[number - 1] <= edit.end for edit in ordered)
    )


def _ordered(edits: Iterable[Edit]) -> list[Edit]:
    return sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end))


WIDTH = 92
"""Columns of a line, unless a single text needs more."""


def scalar(value: JSON) -> str:
    """Return a scalar, or an empty container, as YAML."""
    return yaml_writer.write(value).rstrip("\n")


def flow(value: JSON) -> str:
    """Return the value on one line: `{total: 49.9, skus: [A-1, B-2]}`."""
    if isinstance(value, dict) and value:
        members = (f"{scalar(key)}: {flow(member)}" for key, member in value.items())
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list) and value:
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


def member(key: str, value: JSON, width: int = WIDTH) -> list[str]:
    """Return the lines of one member of a map."""
    head, line = scalar(key), flow(value)
    if not isinstance(value, dict | list) or not value or len(head) + 2 + len(line) <= width:
        return [f"{head}: {line}"]
    return [f"{head}:", *indented(block(value, width - 2))]


def block(value: JSON, width: int = WIDTH) -> list[str]:
    """Return the lines of a filled map or list; a member or item that fits is written on one
    line."""
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in member(key, item, width)]
    items = value if isinstance(value, list) else [value]
    return [line for item in items for line in _item(item, width - 2)]


def call(item: Payload, width: int = WIDTH) -> list[str]:
    """Return the lines of an item of `expect:`; its first key is that of the call line."""
    first, *rest = item.items()
    line = [f"{first[0]}:"] if first[1] is None else member(*first, width)
    others = (line for key, value in rest for line in member(key, value, width - 2))
    return dashed([*line, *others])


def dashed(lines: list[str]) -> list[str]:
    """Return the lines as an item of a list."""
    return [f"- {lines[0]}", *indented(lines[1:])]


def indented(lines: list[str], blanks: int = 2) -> list[str]:
    """Return the lines indented by some blanks."""
    return [f"{' ' * blanks}{line}" for line in lines]


def _item(value: JSON, width: int) -> list[str]:
    line = flow(value)
    fits = not isinstance(value, dict | list) or not value or len(line) <= width
    return dashed([line] if fits else block(value, width))


def replace(source: Source, at: JsonPath, value: JSON) -> Iterator[Edit]:
    """Replace a value by another; a quoted text keeps its style of quotes."""
    span = source.spans[at]
    if isinstance(value, dict | list):
        line = flow(value)
        column = span.key_start - source.line_start(span.key_start)
        if value and not span.in_flow and column + len(line) > WIDTH:
            yield from _write_block(source, span, block(value, WIDTH - column))
            return
    elif span.style is ValueStyle.SCALAR:
        line = _in_same_style(source, span, value)
    else:
        line = scalar(value)
    yield from write(source, at, line)


def write(source: Source, at: JsonPath, text: str) -> Iterator[Edit]:
    """Replace a value by a text that is YAML already."""
    span = source.spans[at]
    if span.start == span.end:
        colon = source.colon_end(span)
        yield Edit(colon, colon, f" {text}")
    elif span.style is ValueStyle.BLOCK and span.key_start != span.start:
        colon = source.colon_end(span)
        yield Edit(colon, colon, f" {text}")
        yield Edit(source.line_end(colon), span.end, "")
    else:
        yield Edit(span.start, span.end, text)


def add_after(source: Source, at: JsonPath, key: str, text: str) -> Edit:
    """Add a member after the one at `at`; `text` is its value, on one line."""
    span, around = source.spans[at], source.spans[at[:-1]]
    end = max(span.end, source.colon_end(span))
    if around.style is ValueStyle.FLOW:
        gap = "" if span.end > span.start else " "  # libyaml refuses `{page:, times: 2}`
        return Edit(end, end, f"{gap}, {key}: {text}")
    line_end = source.line_end(end)
    return Edit(line_end, line_end, f"{source.newline}{' ' * around.column}{key}: {text}")


def add_before(source: Source, at: JsonPath, key: str, text: str) -> Edit:
    """Add a member before the one at `at`; `text` is its value, on one line."""
    span, around = source.spans[at], source.spans[at[:-1]]
    gap = ", " if around.style is ValueStyle.FLOW else source.newline + " " * around.column
    return Edit(span.key_start, span.key_start, f"{key}: {text}{gap}")


def remove(source: Source, at: JsonPath, indexes: Collection[int]) -> Iterator[Edit]:
    """Remove items of the list at `at`; an emptied list becomes `[]`."""
    span = source.spans[at]
    items = [source.spans[*at, index] for index in range(_length(source, at))]
    kept = [item for index, item in enumerate(items) if index not in indexes]
    if span.style is ValueStyle.FLOW:
        texts = [source.text[item.start : item.end] for item in kept]
        yield Edit(span.start, span.end, f"[{', '.join(texts)}]")
        return
    for index in indexes:
        dash = source.text.rindex("-", 0, items[index].start)
        start = max(0, source.line_start(dash) - len(source.newline))
        yield Edit(start, source.line_end(items[index].end), "")
    if not kept:
        colon = source.colon_end(span)
        yield Edit(colon, colon, " []")


def append(source: Source, at: JsonPath, items: Sequence[Payload]) -> Iterator[Edit]:
    """Add calls at the end of the list at `at`."""
    span, length = source.spans[at], _length(source, at)
    if span.style is ValueStyle.FLOW and (length or span.in_flow):
        offset = source.spans[*at, length - 1].end if length else span.start + 1
        texts = ", ".join(map(flow, items))
        yield Edit(offset, offset, f", {texts}" if length else texts)
        return
    margin = span.column
    if not length:
        margin = span.key_start - source.line_start(span.key_start) + 2
        yield Edit(source.colon_end(span), span.end, "")
    lines = [line for item in items for line in call(item, WIDTH - margin)]
    end = source.line_end(span.end)
    yield Edit(end, end, _indented_text(source, margin, lines))


def _length(source: Source, at: JsonPath) -> int:
    value = source.value(at)
    return len(value) if isinstance(value, list) else 0


def _write_block(source: Source, span: Span, lines: list[str]) -> Iterator[Edit]:
    """Replace a value by a map or a list written by indentation."""
    if span.key_start == span.start:  # the item of a list
        yield Edit(span.start, span.end, _indented_text(source, span.column, lines).lstrip())
        return
    margin = span.key_start - source.line_start(span.key_start) + 2
    end = source.line_end(span.end)
    if span.style is ValueStyle.BLOCK:
        yield Edit(
            source.line_end(source.colon_end(span)), span.end, _indented_text(source, margin, lines)
        )
    else:
        yield Edit(source.colon_end(span), span.end, "")
        yield Edit(end, end, _indented_text(source, margin, lines))


def _indented_text(source: Source, margin: int, lines: list[str]) -> str:
    indented = (f"{' ' * margin}{line}" if line else "" for line in lines)
    return "".join(f"{source.newline}{line}" for line in indented)


def _in_same_style(source: Source, span: Span, value: JSON) -> str:
    """Return a scalar in the style of the one that it replaces."""
    old, new = source.text[span.start : span.end], scalar(value)
    if not isinstance(value, str):
        return new
    if old.startswith("|") and _fits_block_scalar(value):
        chomped = "|" if value.endswith("\n") else "|-"
        margin = span.key_start - source.line_start(span.key_start) + 2
        return chomped + _indented_text(source, margin, value.removesuffix("\n").split("\n"))
    if old.startswith("'") and value.isprintable():
        return "'{}'".format(value.replace("'", "''"))
    return f'"{new}"' if old.startswith('"') and not new.startswith('"') else new


def _fits_block_scalar(text: str) -> bool:
    """Return True if a text can be written as a literal block scalar."""
    lines = text.removesuffix("\n").split("\n")
    return all(map(str.isprintable, lines)) and bool(lines[0].strip()) and lines[0][0] != " "
