"""YAML and JSON texts as plain data with positions: JSON's scalars, no tags, no aliases, no bombs.

The values are built from the parser's events, in a loop: PyYAML's own composers recurse, and the
one in C takes the process with it on some 30,000 nested brackets.
"""

import re
from collections.abc import Iterator

import yaml

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import JSON, Steps
from pixel_emulator.core.mistakes import Document, InputError, Location, Mistake

MAX_NESTING = 200
"""Levels of maps and lists that a file may have."""

_C_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # absent where PyYAML lacks libyaml
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")  # libyaml refuses these
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JSON_SCALAR = re.compile(r"null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_ADVICE = {
    "\t": "indent with blanks, not with tabs",
    "{": "put quotes around a text that holds braces; a whole value is written `$name`",
    "*": "put quotes around a text that begins with `*`",
    **dict.fromkeys("@`%&|>", "put quotes around a text that begins with this character"),
    ":": "put quotes around a text that holds a colon and a blank",
}
"""What to do about the character at which YAML's grammar ends."""


def parse_document(text: str, file: str) -> Document:
    """The value of a YAML or JSON text; `file` is its name in messages.

    Only JSON's scalars are resolved, every other plain scalar is text; keys are text. Numbers are
    int or `json_text.Number`. Raises InputError for what is not YAML, for repeated keys, anchors,
    aliases, tags, several documents, and values nested deeper than `MAX_NESTING`.
    """
    positions: dict[Steps, Location] = {}
    return Document(file, load(text, file, positions), positions)


def load(text: str, file: str, positions: dict[Steps, Location] | None = None) -> JSON:
    """As `parse_document`; positions are noted only where a dict for them is given."""
    strange = _NOT_YAML.search(text)
    if strange:
        raise InputError(
            Mistake(
                f"U+{ord(strange[0]):04X} may not stand in YAML: write it as an escape in double "
                "quotes",
                location_in(text, strange.start(), file),
            )
        )
    return _Builder(file, positions).build(text)


def location_in(text: str, offset: int, file: str) -> Location:
    """Where the character at `offset` stands."""
    before = text[:offset]
    return Location(file, before.count("\n") + 1, offset - before.rfind("\n"))


class _Builder:
    """One reading of one text: the open containers, the way to here, and where everything stands."""

    def __init__(self, file: str, positions: dict[Steps, Location] | None) -> None:
        self.file = file
        self.positions = positions
        self.documents: list[JSON] = []
        self.open: list[dict[str, JSON] | list[JSON]] = [self.documents]
        self.keys: list[str | None] = [None]
        self.seen: list[dict[str, yaml.Mark]] = [{}]

    def build(self, text: str) -> JSON:
        loader = yaml.SafeLoader if _SURROGATE_ESCAPE.search(text) else _C_LOADER
        try:
            for event in yaml.parse(text, loader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            raise InputError(_syntax_mistake(error, text, self.file)) from None
        return self.documents[0] if self.documents else None

    def _take(self, event: yaml.Event) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            container, key = self.open[-1], self.keys[-1]
            if event.anchor is not None or event.tag is not None:
                self._refuse(event)
            if key is None and type(container) is dict:
                self._take_key(event)
            else:
                self._put(_scalar(event), event.start_mark)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if event.anchor is not None or event.tag is not None:
                self._refuse(event)
            if len(self.open) > MAX_NESTING:
                raise self._mistake(f"nested deeper than {MAX_NESTING} levels", event.start_mark)
            value: dict[str, JSON] | list[JSON] = {} if kind is yaml.MappingStartEvent else []
            self._put(value, event.start_mark)
            ...
