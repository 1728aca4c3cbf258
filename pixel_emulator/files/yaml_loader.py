"""YAML and JSON texts as plain data with positions: JSON's scalars, no tags, no aliases, no bombs.

The values are built from the parser's events in a loop: PyYAML's composers recurse, and the one in
C crashes the process on about 30,000 nested brackets.
"""

import json
import re
from dataclasses import dataclass, field, replace
from itertools import islice

import yaml

from pixel_emulator.core.errors import Document, InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.json_codec import decode_surrogates

MAX_NESTING = 200
"""Levels of maps and lists that a file may have."""

# `CSafeLoader` is absent if PyYAML was built without libyaml.
_C_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")  # libyaml rejects these
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_JSON_SCALAR = re.compile(r"null|true|false|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_HERE = "\0"  # marks the position of the error; no valid text contains it
_SYNTAX_HINTS = (
    (rf"{_HERE}\t", "indent with blanks, not with tabs"),
    (rf"{_HERE}\\", "use single quotes: in double quotes a backslash has its own meaning"),
    (
        rf"\$/[^/'\"\n]*(?: #.*\n)?{_HERE}",
        "put quotes around a regex: brackets, braces, `,`, `: ` and ` #` cut it",
    ),
    (
        rf">{_HERE}= ?\d|> {_HERE}\d|{_HERE}>=? ?\d",
        "`>` begins a folded text; write `2..` for 2 or more, `3..` for more than 2",
    ),
    (rf"\*{_HERE}|{_HERE}\*", "put quotes around a text that begins with `*`"),
    (
        rf"[|>][+-]? *{_HERE}|{_HERE}[@`%&|>]",
        "put quotes around a text that begins with this character",
    ),
    (
        rf"\${_HERE}{{",
        "put quotes around a text with braces; a whole value is written `$name`",
    ),
    (r"\A while scanning a quoted \w+ that begins", "close the quotes"),
    (r"\A while parsing a flow \w+ that begins", "close the brace or bracket"),
    (r"\A while scanning a simple key", "write a colon and a blank behind the key"),
    (
        rf"^[^:\n]*{_HERE}:",
        "this line continues the one before; indent the keys of one map alike",
    ),
    (rf"{_HERE}:", "put quotes around a text that holds a colon and a blank"),
    (
        rf"^ *{_HERE} *[^ ]",
        "indent the items of one list alike, and the keys of one map alike",
    ),
    (rf"['\"\]}}] *{_HERE}", "the value ends before this: put quotes around the whole of it"),
)
"""Advice for a syntax error, by the parser's context and the text around the error."""
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""Message of libyaml (0.2.6 and later) about a thousand levels, raised before the first event."""
_BRACE_HINT = "; put quotes around a text that begins with a brace"
_NO_ANCHORS = "neither anchors nor tags are read here; put quotes around a text that begins so"


def parse_document(text: str, file: str) -> Document:
    """Return the value of a YAML or JSON text; `file` is its name in messages.

    Only JSON's scalars are resolved, every other plain scalar is text; keys are text. Numbers are
    int or `json_codec.Number`. Raises InputError if the text is not YAML, and for repeated keys,
    anchors, aliases, tags, several documents, and values nested deeper than `MAX_NESTING`.
    """
    positions: dict[JsonPath, Location] = {}
    return Document(file, load(text, file, positions), positions)


def load(text: str, file: str, positions: dict[JsonPath, Location] | None = None) -> JSON:
    """Same as `parse_document`; positions are stored only if a dict for them is given."""
    forbidden = _NOT_YAML.search(text)
    if forbidden:
        raise InputError(
            InputIssue(
                f"U+{ord(forbidden[0]):04X} may not stand in YAML: write it as an escape in double "
                "quotes",
                location_in(text, forbidden.start(), file),
            )
        )
    return _Builder(file, positions).build(text)


def location_in(text: str, offset: int, file: str) -> Location:
    """Return the location of the character at `offset`."""
    before = text[:offset]
    return Location(file, before.count("\n") + 1, offset - before.rfind("\n"))


def not_utf8(error: UnicodeDecodeError, file: str, line: int = 1) -> InputError:
    """Return the InputError for bytes that are not UTF-8 and begin at this line."""
    before = error.object[: error.start].decode(errors="replace")
    place = location_in(before, len(before), file)
    message = f"byte 0x{error.object[error.start]:02X} is not UTF-8: save the file as UTF-8"
    return InputError(InputIssue(message, replace(place, line=place.line + line - 1)))


@dataclass(slots=True)
class _OpenContainer:
    """A container that is being read; `key` is that of the member whose value comes next."""

    value: dict[str, JSON] | list[JSON]
    at: JsonPath = ()
    key: str | None = None
    lines: dict[str, int] = field(default_factory=dict)


class _Builder:
    """Builds the value of one text, and stores the position of each value."""

    def __init__(self, file: str, positions: dict[JsonPath, Location] | None) -> None:
        self.file = file
        self.positions = positions
        self.root: list[JSON] = []
        self.open: list[_OpenContainer] = []

    def build(self, text: str) -> JSON:
        loader = yaml.SafeLoader if _SURROGATE_ESCAPE.search(text) else _C_LOADER
        if loader is yaml.SafeLoader and "\t" in text and _is_json(text):
            # PyYAML's own parser rejects tabs between tokens. A string of JSON holds none.
            parsed = text.replace("\t", " ")
        else:
            parsed = text
        try:
            for event in yaml.parse(parsed, loader):
                self._handle(event)
        except yaml.MarkedYAMLError as error:
            raise InputError(_syntax_mistake(error, text, self.file)) from None
        return self.root[0] if self.root else None

    def _handle(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._refuse_anchor_and_tag(event)
                top = self.open[-1] if self.open else None
                if top and top.key is None and isinstance(top.value, dict):
                    self._begin_key(top, event)
                else:
                    self._add_value(_scalar(event), event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self.open.pop()
            case yaml.CollectionStartEvent():
                self._refuse_anchor_and_tag(event)
                if len(self.open) >= MAX_NESTING:
                    raise self._error(f"nested deeper than {MAX_NESTING} levels", event)
                value: dict[str, JSON] | list[JSON] = (
                    {} if isinstance(event, yaml.MappingStartEvent) else []
                )
                self.open.append(_OpenContainer(value, self._add_value(value, event)))
            case yaml.AliasEvent():
                raise self._error(f"`*{event.anchor}` refers to an anchor: {_NO_ANCHORS}", event)
            case yaml.DocumentStartEvent() if self.root:
                raise self._error("a second document begins; one is allowed", event)

    def _begin_key(self, top: _OpenContainer, event: yaml.ScalarEvent) -> None:
        key, location = text_value(event.value), self._location(event)
        if key in top.lines:
            raise self._error(f'"{key}" stands here twice, first in line {top.lines[key]}', event)
        top.key = key
        top.lines[key] = location.line
        if self.positions is not None:
            self.positions[*top.at, key] = location

    def _add_value(self, value: JSON, event: yaml.Event) -> JsonPath:
        """Add a value to the open container; return its path."""
        if not self.open:
            self.root.append(value)
            at: JsonPath = ()
        else:
            top = self.open[-1]
            if isinstance(top.value, dict):
                if top.key is None:
                    raise self._error(f"a key must be text{_BRACE_HINT}", event)
                at = (*top.at, top.key)
                top.value[top.key] = value
                top.key = None
                return at
            at = (*top.at, len(top.value))
            top.value.append(value)
        if self.positions is not None:
            self.positions[at] = self._location(event)
        return at

    def _refuse_anchor_and_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is not None:
            raise self._error(f"`&{event.anchor}` is an anchor: {_NO_ANCHORS}", event)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._error(f"`{tag}` is a tag: {_NO_ANCHORS}", event)

    def _error(self, message: str, event: yaml.Event) -> InputError:
        return InputError(InputIssue(message, self._location(event)))

    def _location(self, event: yaml.Event) -> Location:
        mark = event.start_mark
        return Location(self.file, mark.line + 1, mark.column + 1) if mark else Location(self.file)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str)  # long digits are no error
    except (ValueError, RecursionError):
        return False
    return True


def _scalar(event: yaml.ScalarEvent) -> JSON:
    text = event.value
    if not event.implicit[0]:
        return text_value(text)
    if not text:
        return None
    return json_codec.parse(text) if _JSON_SCALAR.fullmatch(text) else text_value(text)


def text_value(text: str) -> str:
    """Return the text of a scalar: surrogate pairs, which JSON writes as two escapes, are joined,
    and lone surrogates that `yaml_writer` has encoded are restored."""
    if text.isascii():
        return text
    joined = _SURROGATE_PAIR.sub(
        lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text
    )
    return decode_surrogates(joined)


def _syntax_mistake(error: yaml.MarkedYAMLError, text: str, file: str) -> InputIssue:
    mark, begin = error.problem_mark, error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    first = begin.line if begin else line
    context = f" {error.context}" if error.context else ""
    if first != line:
        context += f" that begins in line {first + 1}"
    *before, last = [*text.split("\n")[first : line + 1], ""][: line - first + 1]
    place = "\n".join([context, *before, f"{last[:column]}{_HERE}{last[column:]}"])
    advice = (words for pattern, words in _SYNTAX_HINTS if re.search(pattern, place, re.MULTILINE))
    advised = "".join(f" ({words})" for words in islice(advice, 1))
    message = f"not YAML{context}: {error.problem}{advised}"
    if error.problem == _LIBYAML_TOO_DEEP:
        message = f"nested deeper than {MAX_NESTING} levels"
    return InputIssue(message, Location(file, line + 1, column + 1))
