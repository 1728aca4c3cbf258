"""Where write keys stand in a URL and in its data, read as carelessly as people write them.

Texts of the wire are Latin-1 here: a character is a byte.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from pixel_emulator.core.endpoint import data_parameter
from pixel_emulator.core.endpoint.data_parameter import MAX_DATA, Base64Data
from pixel_emulator.core.model import PixelRequest
from pixel_emulator.core.redaction.nested_encodings import (
    JSON_STRING,
    PERCENT,
    nested_texts,
    without_soft_breaks,
)
from pixel_emulator.core.text import json_codec

_JSON_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*:)?|[\[\]{}]', re.DOTALL)
# A key is a key in every case and with any separator, and whatever stands before or behind its
# name: `segmentWriteKey`, `WRITE_KEY_PROD`, `x-write-key`, `writeKeys[0]`. But not `writeKeyboard`.
_NAME_TEXT = (
    r"write(?:[\s._\x00-\x1f\x7f-\xad\u200b-\u200f\ufeff-]|%20|\+){0,2}keys?(?!(?-i:[a-z]))"
)
_NAME = re.compile(_NAME_TEXT, re.IGNORECASE)
_NO_NAME = re.compile(r"[=&?/]")  # in what is a whole query, or a URL
# The same at once for a text without escapes; a bracket behind the name needs the long way. What
# the name is followed by is looked at first, so that no name is read twice.
_PLAIN_MEMBER = re.compile(
    rf'"(?=[^"=&?/]*+"\s*+:\s*+["\[{{])[^"]*?{_NAME_TEXT}[^"]*+"\s*:\s*(?:"([^"]*)"|[\[{{])',
    re.IGNORECASE,
)
_NESTED = re.compile(r'write"\s*:\s*\{', re.IGNORECASE)  # {"write": {"key": …}}
_QUOTES = r"(?:[\\\"'`@]|&(?:quot|apos|#0*3[49]|#x0*2[27]);|%2[27])"
_SUFFIX = r"[\w.-]{0,40}(?:(?:\[|%5B)[^\[\]%=]{0,20}(?:\]|%5D)){0,3}"
# In a URL inside a text, in the addresses that analytics.js loads (documented by Segment), and
# where its snippet, or a client in another language, is given one.
_IN_URL = re.compile(
    rf"{_NAME_TEXT}{_SUFFIX}(?:=|%3D)([^&;#%\s\"'\\<>=]+)"
    r"|/(?:projects|analytics\.js/v1)/+([^/?#&\s\"'\\<>]+)"
    r"|(?:analytics\w{0,40}\s*(?:\.\s*(?:load|new|builder|init(?:ialize)?)\b"
    r"|\[\\?[\"']load\\?[\"']\])|\bnew\s+analytics\w{0,40})"
    rf"\s*\(\s*(?:\w{{1,20}}\s*,\s*)?{_QUOTES}+([^\s\"'`\\&;%,()<>]+)",
    re.IGNORECASE,
)
_IN_BROKEN_JSON = re.compile(
    rf"{_NAME_TEXT}{_SUFFIX}{_QUOTES}*\s*(?:[:=]>?|&gt;|>)\s*{_QUOTES}*"
    r"([^\s\\\"'`,;&}<>=\[{(]+)",
    re.IGNORECASE,
)
# What looks like a key behind the name of one: `writeKey/…`, `write key is …`, `["writeKey", …]`,
# `{"name": "writeKey", "value": …}`, `s:8:"writeKey";s:32:…`.
_BEHIND_NAME = re.compile(
    rf"{_NAME_TEXT}(?:[^A-Za-z0-9]{{1,8}}(?:is|value|s|\d{{1,3}})){{0,3}}[^A-Za-z0-9]{{1,8}}(?<!%)"
    r"((?=[A-Za-z_]*\d)[A-Za-z0-9_]{20,64})(?![A-Za-z0-9_-])",
    re.IGNORECASE,
)
_LIST = re.compile(
    rf"{_NAME_TEXT}{_SUFFIX}{_QUOTES}*\s*[:=]\s*[\[({{](?!{{)([^\])}}]{{0,4000}})", re.IGNORECASE
)
_FOLDER = re.compile(
    r"(?<!/v1)/projects/(?![^/?#&\s\"'\\<>]+/settings)", re.IGNORECASE
)  # one of this machine
_ITEM = re.compile(r"[^\s\\\"'`,;:&=>{}\[\]()]+")
_BASIC = re.compile(r"\bbasic\s+([A-Za-z0-9+/_-]{8,})", re.IGNORECASE)
_USER = re.compile(
    r"//([^/\s:@\"'<>\\]{8,}+):?[^/\s@\"'<>\\]*+@[\w.-]{0,250}segment", re.IGNORECASE
)


def is_write_key(name: str) -> bool:
    """Return True if a value of this name is a write key."""
    return _NAME.search(name) is not None and not _NO_NAME.search(name)


def string_spans(text: str) -> Iterator[tuple[int, int]]:
    """The start and end of each string in a JSON text, keys among them."""
    return (token.span(1) for token in _JSON_TOKEN.finditer(text) if token[1] is not None)


def key_spans(text: str) -> list[tuple[int, int]]:
    """The start and end of each string in a JSON text that stands under a write key's name."""
    if "\\" not in text and not _NESTED.search(text):
        members = list(_PLAIN_MEMBER.finditer(text))
        if all(each[1] is not None for each in members):
            return [each.span(1) for each in members]
    return list(_key_strings(text))


def _key_strings(text: str) -> Iterator[tuple[int, int]]:
    enclosing = [(False, "")]  # of each open bracket: all in it are keys, and its name
    belongs, name = False, ""
    for token in _JSON_TOKEN.finditer(text):
        if token[2] is not None:
            name = JSON_STRING.text(token[1])
            belongs = is_write_key(name) or is_write_key(f"{enclosing[-1][1]}.{name}")
        elif token[1] is not None:
            if belongs or enclosing[-1][0]:
                yield token.span(1)
        elif token[0] in "[{":
            enclosing.append((belongs or enclosing[-1][0], name))
            belongs, name = False, ""
        else:
            belongs, name = False, ""
            if len(enclosing) > 1:
                enclosing.pop()


def decode_data(value: str) -> tuple[str, Base64Data | None]:
    """The text that a `data` value holds, and how it stood in base64 (None: it did not)."""
    raw = value.encode("latin-1")
    decoded = data_parameter.decode(raw)
    return (decoded.data if decoded else raw).decode(errors="surrogateescape"), decoded


def _is_json_object(text: str) -> bool:
    if len(text.encode(errors="surrogateescape")) > MAX_DATA:
        return False
    try:
        return isinstance(json_codec.parse(text), dict)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """The write keys of some addresses, the texts that stand in them encoded, and those of their
    `data` that Segment's edge would read."""

    keys: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    encoded: list[str] = field(default_factory=list)

    def search_request(self, request: PixelRequest) -> None:
        """Look for keys in all of a request: target, headers with their names, method and host."""
        self.search(request.target.decode("latin-1"))
        self.search_words((f"{name}: {value}" for name, value in request.headers))
        self.search_words((request.method, request.host))

    def search_words(self, texts: Iterable[str]) -> None:
        """Look for keys in texts of a request, as they are in a `PixelRequest`."""
        for each in texts:
            self.search(each.encode(errors="surrogatepass").decode("latin-1"))

    def search(self, address: str) -> None:
        """Look for keys in a URL, or in a text that may hold one, as Latin-1 characters."""
        path, _, query = address.partition("?")
        self._search_text(utf8_from_latin1(PERCENT.text(path)))
        for pair in query.split("&") if query else ():
            name, equals, value = map(PERCENT.text, pair.partition("="))
            if name == "data" and value:
                self._search_data(value)
                continue
            if is_write_key(name):
                self.keys.add(utf8_from_latin1(value))
            self._search_text(utf8_from_latin1(f"{name}{equals}{value}"))

    def _search_data(self, value: str) -> None:
        text, _ = decode_data(value)
        if not _is_json_object(text):
            self._search_text(text)
            return
        self.objects.add(text)
        whole = without_soft_breaks(text)
        self.keys.update(_members(text), _in_urls(whole), _BEHIND_NAME.findall(whole))
        for start, end in string_spans(text):
            self._search_text(JSON_STRING.text(text[start:end]))

    def _search_text(self, text: str) -> None:
        self.keys.update(keys_in_text(text))
        self._search_encoded(text)

    def _search_encoded(self, text: str) -> None:
        for each in islice(nested_texts(text), 1, None):
            self.encoded.append(each)
            self.keys.update(keys_in_text(each))


@lru_cache(maxsize=64)  # who learns the keys of a request masks them next, and clients repeat it
def keys_in_request(request: PixelRequest) -> FoundKeys:
    """Return what is found in a request; it is shared, so nobody may add to it."""
    found = FoundKeys()
    found.search_request(request)
    return found


def _members(text: str) -> Iterator[str]:
    return (JSON_STRING.text(text[start:end]) for start, end in key_spans(text))


def _in_urls(text: str) -> Iterator[str]:
    return (match[1] or match[2] or match[3] for match in _IN_URL.finditer(text))


def keys_in_text(text: str) -> Iterator[str]:
    """Yield the write keys in a text that are known by what stands around them.

    The text is read as a URL, as JSON and as any source code that may hold a key; what is encoded
    in it is not looked into (see `nested_texts`).
    """
    text = without_soft_breaks(text)
    lower = text.lower()
    if any(word in lower for word in ("write", "/projects/", "analytics")):
        yield from _in_urls(text)
        yield from _members(text)
        yield from _IN_BROKEN_JSON.findall(text)
        yield from _BEHIND_NAME.findall(text)
        for each in _LIST.findall(text):
            yield from _ITEM.findall(each)
    if "basic" in lower:
        for each in _BASIC.findall(text):
            user = data_parameter.decode(each.encode())
            if user and user.data.isascii() and b":" in user.data:
                yield user.data.partition(b":")[0].decode()
    if "segment" in lower:
        yield from _USER.findall(text)


def keys_in_own_text(text: str) -> Iterator[str]:
    """Yield the write keys in words of this program, or of its user, as `keys_in_text` does.

    Of folders named `projects` in them, only Segment's are followed by a key.
    """
    yield from keys_in_text(_FOLDER.sub("/", text))


def utf8_from_latin1(wire: str) -> str:
    """Latin-1 characters read as the UTF-8 that they stand for."""
    return wire if wire.isascii() else wire.encode("latin-1").decode(errors="surrogateescape")


def latin1_from_utf8(text: str) -> str:
    """The inverse of `utf8_from_latin1`."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode("latin-1")
