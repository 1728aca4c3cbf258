"""Changes to a scenario's source, each by the smallest piece of text that says it."""

from collections.abc import Collection, Iterator, Sequence

from pixel_emulator.core.drafts import layout
from pixel_emulator.core.drafts.source import Edit, Shape, Source, Span
from pixel_emulator.core.model import JSON, JsonPath, Payload


def replace(source: Source, steps: JsonPath, value: JSON) -> Iterator[Edit]:
    """Write another value in the place of one; a quoted text stays quoted as it is."""
    span = source.spans[steps]
    if isinstance(value, dict | list):
        line = layout.flow(value)
        column = span.begin - source.line_start(span.begin)
        if value and not span.in_flow and column + len(line) > layout.WIDTH:
            yield from _put_block(source, span, layout.block(value, layout.WIDTH - column))
            return
    elif span.shape is Shape.SCALAR:
        line = _like(source, span, value)
    else:
        line = layout.scalar(value)
    yield from write(source, steps, line)


def write(source: Source, steps: JsonPath, text: str) -> Iterator[Edit]:
    """Write what is YAML already in the place of a value."""
    span = source.spans[steps]
    if span.start == span.end:
        colon = source.colon(span)
        yield Edit(colon, colon, f" {text}")
    elif span.shape is Shape.BLOCK and span.begin != span.start:
        colon = source.colon(span)
        yield Edit(colon, colon, f" {text}")
        yield Edit(source.line_end(colon), span.end, "")
    else:
        yield Edit(span.start, span.end, text)


def add_behind(source: Source, steps: JsonPath, key: str, text: str) -> Edit:
    """Add a member behind the one at `steps`; `text` is its value, on one line."""
    span, around = source.spans[steps], source.spans[steps[:-1]]
    end = max(span.end, source.colon(span))
    if around.shape is Shape.FLOW:
        gap = "" if span.end > span.start else " "  # libyaml refuses `{page:, times: 2}`
        return Edit(end, end, f"{gap}, {key}: {text}")
    line_end = source.line_end(end)
    return Edit(line_end, line_end, f"{source.newline}{' ' * around.column}{key}: {text}")


def add_before(source: Source, steps: JsonPath, key: str, text: str) -> Edit:
    """Add a member before the one at `steps`; `text` is its value, on one line."""
    span, around = source.spans[steps], source.spans[steps[:-1]]
    gap = ", " if around.shape is Shape.FLOW else source.newline + " " * around.column
    return Edit(span.begin, span.begin, f"{key}: {text}{gap}")


def remove(source: Source, steps: JsonPath, indexes: Collection[int]) -> Iterator[Edit]:
    """Take items out of the list at `steps`; one that loses all becomes `[]`."""
    span = source.spans[steps]
    items = [source.spans[*steps, index] for index in range(_length(source, steps))]
    kept = [each for index, each in enumerate(items) if index not in indexes]
    if span.shape is Shape.FLOW:
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


def append(source: Source, steps: JsonPath, items: Sequence[Payload]) -> Iterator[Edit]:
    """Add calls at the end of the list at `steps`."""
    span, length = source.spans[steps], _length(source, steps)
    if span.shape is Shape.FLOW and (length or span.in_flow):
        at = source.spans[*steps, length - 1].end if length else span.start + 1
        texts = ", ".join(map(layout.flow, items))
        yield Edit(at, at, f", {texts}" if length else texts)
        return
    margin = span.column
    if not length:
        margin = span.begin - source.line_start(span.begin) + 2
        yield Edit(source.colon(span), span.end, "")
    lines = [line for each in items for line in layout.call(each, layout.WIDTH - margin)]
    end = source.line_end(span.end)
    yield Edit(end, end, _below(source, margin, lines))


def _length(source: Source, steps: JsonPath) -> int:
    value = source.value(steps)
    return len(value) if isinstance(value, list) else 0


def _put_block(source: Source, span: Span, lines: list[str]) -> Iterator[Edit]:
    """Write a map or a list by indentation in the place of a value."""
    if span.begin == span.start:  # the item of a list
        yield Edit(span.start, span.end, _below(source, span.column, lines).lstrip())
        return
    margin = span.begin - source.line_start(span.begin) + 2
    end = source.line_end(span.end)
    if span.shape is Shape.BLOCK:
        yield Edit(source.line_end(source.colon(span)), span.end, _below(source, margin, lines))
    else:
        yield Edit(source.colon(span), span.end, "")
        yield Edit(end, end, _below(source, margin, lines))


def _below(source: Source, margin: int, lines: list[str]) -> str:
    indented = (f"{' ' * margin}{line}" if line else "" for line in lines)
    return "".join(f"{source.newline}{line}" for line in indented)


def _like(source: Source, span: Span, value: JSON) -> str:
    """A scalar, written in the style of the one that stands there."""
    old, new = source.text[span.start : span.end], layout.scalar(value)
    if not isinstance(value, str):
        return new
    if old.startswith("|") and _is_legible(value):
        chomped = "|" if value.endswith("\n") else "|-"
        margin = span.begin - source.line_start(span.begin) + 2
        return chomped + _below(source, margin, value.removesuffix("\n").split("\n"))
    if old.startswith("'") and value.isprintable():
        return "'{}'".format(value.replace("'", "''"))
    return f'"{new}"' if old.startswith('"') and not new.startswith('"') else new


def _is_legible(text: str) -> bool:
    """Whether a text can stand in a block of its own."""
    lines = text.removesuffix("\n").split("\n")
    return all(map(str.isprintable, lines)) and bool(lines[0].strip()) and lines[0][0] != " "
