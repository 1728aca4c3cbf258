"""Where write keys stand in a URL and in its data, read as carelessly as people write them.

Texts of the wire are Latin-1 here: a character is a byte.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from pixel_emulator.core import json_text
from pixel_emulator.core.endpoint import base64_data
from pixel_emulator.core.endpoint.base64_data import Decoded
from pixel_emulator.core.endpoint.json_data import MAX_DATA
from pixel_emulator.core.recordings.readings import readings
from pixel_emulator.core.recordings.spelling import JSON_STRING, PERCENT

_JSON_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*:)?|[\[\]{}]', re.DOTALL)
# The same at once for a text without escapes; a bracket behind the name needs the long way.
_PLAIN_MEMBER = re.compile(
    r'"(?:[^"]*[.;])?\s*write[ _-]?key\s*"\s*:\s*(?:"([^"]*)"|[\[{])', re.IGNORECASE
)
# Also misspelt, behind `&amp;`, or as the last part of a flat key: a key is a key.
_NAME = re.compile(r"(?:\A|[.;])\s*write[ _-]?key\s*\Z", re.IGNORECASE)
# In a URL inside a text, and in the addresses that analytics.js loads (documented by Segment).
_IN_URL = re.compile(
    r"write[_-]?key(?:=|%3D)([^&;#%\s\"'\\<>]+)"
    r"|/(?:projects|analytics\.js/v1)/+([^/?#&\s\"'\\<>]+)",
    re.IGNORECASE,
)
_IN_BROKEN_JSON = re.compile(
    r"write[_-]?key[\\\"']*\s*[:=][\s\\\"']*([^\s\\\"',}]+)", re.IGNORECASE
)
# A JSON text in which strings may be other than they look, or hold JSON themselves.
_ESCAPES = re.compile(r"[\\%']")


def is_write_key(name: str) -> bool:
    """Whether a value of this name is a write key."""
    return _NAME.search(name) is not None


def strings(text: str) -> Iterator[tuple[int, int]]:
    """The start and end of each string in a JSON text, keys among them."""
    return (token.span(1) for token in _JSON_TOKEN.finditer(text) if token[1] is not None)


def key_strings(text: str) -> list[tuple[int, int]]:
    """The start and end of each string in a JSON text that stands under a write key's name."""
    if "\\" not in text:
        members = list(_PLAIN_MEMBER.finditer(text))
        if all(each[1] is not None for each in members):
            return [each.span(1) for each in members]
    return list(_key_strings(text))


def _key_strings(text: str) -> Iterator[tuple[int, int]]:
    enclosing = [False]
    belongs = False
    for token in _JSON_TOKEN.finditer(text):
        if token[2] is not None:
            belongs = is_write_key(JSON_STRING.text(token[1]))
        elif token[1] is not None:
            if belongs or enclosing[-1]:
                yield token.span(1)
        elif token[0] in "[{":
            enclosing.append(belongs or enclosing[-1])
            belongs = False
        else:
            belongs = False
            if len(enclosing) > 1:
                enclosing.pop()


def open_data(value: str) -> tuple[str, Decoded | None]:
    """The text that a `data` value holds, and how it stood in base64 (None: it did not)."""
    raw = value.encode("latin-1")
    decoded = base64_data.decode(raw)
    return (decoded.data if decoded else raw).decode(errors="surrogateescape"), decoded


def _is_json_object(text: str) -> bool:
    if len(text.encode(errors="surrogateescape")) > MAX_DATA:
        return False
    try:
        return isinstance(json_text.parse(text), dict)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Found:
    """The write keys of some addresses, the texts that stand in them encoded, and those of their
    `data` that Segment's edge would read."""

    keys: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    encoded: list[str] = field(default_factory=list)

    def search(self, address: str) -> None:
        """Look for keys in a URL, or in a text that may hold one, as Latin-1 characters."""
        path, _, query = address.partition("?")
        self._search_text(text_of_wire(PERCENT.text(path)))
        for pair in query.split("&") if query else ():
            name, _, value = map(PERCENT.text, pair.partition("="))
            if name == "data" and value:
                self._search_data(value)
                continue
            if is_write_key(name):
                self.keys.add(text_of_wire(value))
            self._search_text(text_of_wire(f"{name}={value}"))

    def _search_data(self, value: str) -> None:
        text, _ = open_data(value)
        if not _is_json_object(text):
            self._search_text(text)
            return
        self.objects.add(text)
        self.keys.update(_members(text), _in_urls(text))
        if _ESCAPES.search(text):
            for start, end in strings(text):
                self._search_text(JSON_STRING.text(text[start:end]))
        else:
            self._search_encoded(text)

    def _search_text(self, text: str) -> None:
        self.keys.update(_in_text(text))
        self._search_encoded(text)

    def _search_encoded(self, text: str) -> None:
        for each in islice(readings(text), 1, None):
            self.encoded.append(each)
            self.keys.update(_in_text(each))


def _members(text: str) -> Iterator[str]:
    return (JSON_STRING.text(text[start:end]) for start, end in key_strings(text))


def _in_urls(text: str) -> Iterator[str]:
    return (match[1] or match[2] for match in _IN_URL.finditer(text))


def _in_text(text: str) -> Iterator[str]:
    lower = text.lower()
    if any(word in lower for word in ("write", "/projects/", "/analytics.js/")):
        yield from _in_urls(text)
        yield from _members(text)
        yield from _IN_BROKEN_JSON.findall(text)


def text_of_wire(wire: str) -> str:
    """Latin-1 characters read as the UTF-8 that they stand for."""
    return wire if wire.isascii() else wire.encode("latin-1").decode(errors="surrogateescape")


def wire_of_text(text: str) -> str:
    """The inverse of `text_of_wire`."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode("latin-1")
