"""YAML texts as documents, so that tests of core/ need no door."""

import yaml

from pixel_emulator.core.json_text import Number
from pixel_emulator.core.mistakes import Document, Location

_KEYWORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def document(text, file="s.yaml"):
    """The document of a YAML text."""
    positions = {}
    node = yaml.compose(text, Loader=yaml.BaseLoader)
    data = None if node is None else _read(node, (), positions, file, node)
    return Document(file, data, positions)


def _read(node, steps, positions, file, start):
    mark = start.start_mark
    positions[steps] = Location(file, mark.line + 1, mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        return {
            key.value: _read(value, (*steps, key.value), positions, file, key)
            for key, value in node.value
        }
    if isinstance(node, yaml.SequenceNode):
        items = enumerate(node.value)
        return [_read(each, (*steps, n), positions, file, each) for n, each in items]
    return node.value if node.style else _scalar(node.value)


def _scalar(text):
    if text in _KEYWORDS:
        return _KEYWORDS[text]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return Number(text)
    except ValueError:
        return text
