"""Spans of the values of a YAML text, so that a single value can be rewritten."""

from dataclasses import dataclass
from typing import Any

import yaml

from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.scenario_edit.source import Source, Span, ValueStyle
from pixel_emulator.files.yaml_loader import parse_document, text_value


def read_source(text: str, file: str) -> Source:
    """Return the text with its value and spans. Raises InputError as `parse_document` does."""
    document = parse_document(text, file)
    builder = _SpanBuilder(text)
    for event in yaml.parse(text, yaml.SafeLoader):  # libyaml rejects some escapes of JSON
        builder.handle(event)
    return Source(text, document, builder.spans)


def _index(mark: Any) -> int:
    index: int = mark.index  # the stubs allow an event without a mark, but the parser makes none
    return index


@dataclass(slots=True)
class _OpenContainer:
    """A container that is being read: its own span so far, and the key of its next member."""

    at: JsonPath
    span: Span
    is_map: bool
    count: int = 0
    key: tuple[str, int, int] | None = None


class _SpanBuilder:
    """Builds the spans of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans: dict[JsonPath, Span] = {}
        self.open: list[_OpenContainer] = []

    def handle(self, event: yaml.Event) -> None:
        top = self.open[-1] if self.open else None
        match event:
            case yaml.ScalarEvent() if top and top.is_map and top.key is None:
                top.key = (
                    text_value(event.value),
                    _index(event.start_mark),
                    _index(event.end_mark),
                )
            case yaml.ScalarEvent():
                start, end = _index(event.start_mark), _index(event.end_mark)
                # The parser reports the next token as the end of a block text.
                end = start + len(self.text[start:end].rstrip())
                self._close(*self._begin(event, ValueStyle.SCALAR), end)
            case yaml.CollectionStartEvent():
                style = ValueStyle.FLOW if event.flow_style else ValueStyle.BLOCK
                at, span = self._begin(event, style)
                self.open.append(
                    _OpenContainer(at, span, isinstance(event, yaml.MappingStartEvent))
                )
            case yaml.CollectionEndEvent():
                closed = self.open.pop()
                flow = closed.span.style is ValueStyle.FLOW
                # The parser reports the next token as the end of a block; its last value's end is
                # the true one.
                self._close(
                    closed.at, closed.span, _index(event.end_mark) if flow else closed.span.end
                )

    def _begin(self, event: yaml.NodeEvent, style: ValueStyle) -> tuple[JsonPath, Span]:
        start = key_start = key_end = _index(event.start_mark)
        at: JsonPath = ()
        in_flow = False
        if self.open:
            top = self.open[-1]
            in_flow = top.span.in_flow or top.span.style is ValueStyle.FLOW
            if top.key is not None:
                name, key_start, key_end = top.key
                at = (*top.at, name)
            else:
                at = (*top.at, top.count)
            top.key = None
            top.count += 1
        span = Span(
            key_start=key_start,
            key_end=key_end,
            start=start,
            end=start,
            column=event.start_mark.column if event.start_mark else 0,
            in_flow=in_flow,
            style=style,
        )
        return at, span

    def _close(self, at: JsonPath, span: Span, end: int) -> None:
        span.end = end
        self.spans[at] = span
        if self.open:
            self.open[-1].span.end = end
