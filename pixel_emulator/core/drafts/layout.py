"""Values as the source of a scenario: on one line where they fit, in a block where they do not."""

from pixel_emulator.core.model import JSON, Payload
from pixel_emulator.core.text import yaml_writer

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
