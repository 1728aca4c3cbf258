"""Find write keys in URLs and their data, also in malformed ones.

Texts of a request are Latin-1 here: each character is one byte.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from pixel_emulator.core.endpoint.pixel import data_parameter
from pixel_emulator.core.endpoint.pixel.data_parameter import MAX_DATA, Base64Data
from pixel_emulator.core.model import HttpRequest
from pixel_emulator.core.redaction.nested_encodings import (
    JSON_STRING,
    PERCENT,
    nested_texts,
    without_soft_breaks,
)
from pixel_emulator.core.text import json_codec

_JSON_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)"(\s*:)?|[\[\]{}]', re.DOTALL)
# The name of a write key in upper or lower case, with any separator, and with any text before or
# after it: `segmentWriteKey`, `WRITE_KEY_PROD`, `x-write-key`, `writeKeys[0]`; but not
# `writeKeyboard`.
_NAME_TEXT = (
    r"write(?:[\s._\x00-\x1f\x7f-\xad\u200b-\u200f\ufeff-]|%20|\+){0,2}keys?(?!(?-i:[a-z]))"
)
_NAME = re.compile(_NAME_TEXT, re.IGNORECASE)
_NOT_IN_NAME = re.compile(r"[=&?/]")  # characters of a whole query or a URL
# The same in one pattern for a text without escapes; a bracket after the name needs `_key_spans`.
# The lookahead checks first what follows the name, so that no name is scanned twice.
_PLAIN_MEMBER = re.compile(
    rf'"(?=[^"=&?/]*+"\s*+:\s*+["\[{{])[^"]*?{_NAME_TEXT}[^"]*+"\s*:\s*(?:"([^"]*)"|[\[{{])',
    re.IGNORECASE,
)
_NESTED = re.compile(r'write"\s*:\s*\{', re.IGNORECASE)  # {"write": {"key": …}}
_QUOTES = r"(?:[\\\"'`@]|&(?:quot|apos|#0*3[49]|#x0*2[27]);|%2[27])"
_SUFFIX = r"[\w.-]{0,40}(?:(?:\[|%5B)[^\[\]%=]{0,20}(?:\]|%5D)){0,3}"
# In a URL inside a text, in the URLs that analytics.js loads (documented by Segment), and in the
# code that gives a key to its snippet or to a client in another language.
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
# A text in the form of a key after the name of one: `writeKey/…`, `write key is …`,
# `["writeKey", …]`, `{"name": "writeKey", "value": …}`, `s:8:"writeKey";s:32:…`.
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
)  # a folder in a path, not Segment's
_ITEM = re.compile(r"[^\s\\\"'`,;:&=>{}\[\]()]+")
_BASIC = re.compile(r"\bbasic\s+([A-Za-z0-9+/_-]{8,})", re.IGNORECASE)
_USER = re.compile(
    r"//([^/\s:@\"'<>\\]{8,}+):?[^/\s@\"'<>\\]*+@[\w.-]{0,250}segment", re.IGNORECASE
)


def is_write_key(name: str) -> bool:
    """Return True if a value with this name is a write key."""
    return _NAME.search(name) is not None and not _NOT_IN_NAME.search(name)


def string_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each string in a JSON text, including the names of members."""
    return (token.span(1) for token in _JSON_TOKEN.finditer(text) if token[1] is not None)


def key_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each string of a JSON text under the name of a write key."""
    if "\\" not in text and not _NESTED.search(text):
        members = list(_PLAIN_MEMBER.finditer(text))
        if all(member[1] is not None for member in members):
            return [member.span(1) for member in members]
    return list(_key_strings(text))


def _key_strings(text: str) -> Iterator[tuple[int, int]]:
    enclosing = [(False, "")]  # for each open bracket: whether all its strings are keys; its name
    is_key, name = False, ""
    for token in _JSON_TOKEN.finditer(text):
        if token[2] is not None:
            name = JSON_STRING.decode(token[1])
            is_key = is_write_key(name) or is_write_key(f"{enclosing[-1][1]}.{name}")
        elif token[1] is not None:
            if is_key or enclosing[-1][0]:
                yield token.span(1)
        elif token[0] in "[{":
            enclosing.append((is_key or enclosing[-1][0], name))
            is_key, name = False, ""
        else:
            is_key, name = False, ""
            if len(enclosing) > 1:
                enclosing.pop()


def decode_data(value: str) -> tuple[str, Base64Data | None]:
    """Return the text in a `data` value, and its base64 (None if it is not base64)."""
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


def is_json_body(text: str) -> bool:
    """Return True if a body is JSON that may hold members: an object or a list."""
    try:
        return isinstance(json_codec.parse(text), dict | list)
    except ValueError:
        return False


def basic_user(authorization: str) -> str:
    """Return the user of Basic credentials (RFC 7617), or an empty text."""
    scheme, _, credentials = authorization.strip().partition(" ")
    decoded = data_parameter.decode(credentials.strip().encode(errors="surrogatepass"))
    if scheme.lower() != "basic" or decoded is None:
        return ""
    return decoded.data.partition(b":")[0].decode(errors="surrogateescape")


def basic_credentials(user: str) -> str:
    """Return the Basic credentials of a user without a password."""
    return f"Basic {b64encode(f'{user}:'.encode(errors='surrogatepass')).decode()}"


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """The write keys of some URLs and texts.

    `encoded` holds the texts that were encoded in them, and `objects` the JSON texts of those
    `data` parameters that Segment's edge would read, and of bodies.
    """

    keys: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    encoded: list[str] = field(default_factory=list)

    def search_request(self, request: HttpRequest) -> None:
        """Search all parts of a request: target, headers with their names, method, host, body."""
        self.search(request.target.decode("latin-1"))
        self.search_words((f"{name}: {value}" for name, value in request.headers))
        self.search_words((request.method, request.host))
        if request.body:
            self._search_body(request.body.decode("latin-1"))
        if user := basic_user(request.authorization):
            self.keys.add(user)

    def search_words(self, texts: Iterable[str]) -> None:
        """Search texts of a request, as they are in a `HttpRequest`."""
        for text in texts:
            self.search(text.encode(errors="surrogatepass").decode("latin-1"))

    def search(self, address: str) -> None:
        """Search a URL, or a text that may contain one, as Latin-1 characters."""
        path, _, query = address.partition("?")
        self._search_text(utf8_from_latin1(PERCENT.decode(path)))
        self._search_query(query)

    def _search_query(self, query: str) -> None:
        for pair in query.split("&") if query else ():
            name, equals, value = map(PERCENT.decode, pair.partition("="))
            if name == "data" and value:
                self._search_data(value)
                continue
            if is_write_key(name):
                self.keys.add(utf8_from_latin1(value))
            self._search_text(utf8_from_latin1(f"{name}{equals}{value}"))

    def _search_body(self, body: str) -> None:
        text = utf8_from_latin1(body)
        if is_json_body(text):
            self._search_json(text)
        else:
            self._search_text(text)
            self._search_query(body)

    def _search_data(self, value: str) -> None:
        text, _ = decode_data(value)
        if _is_json_object(text):
            self._search_json(text)
        else:
            self._search_text(text)

    def _search_json(self, text: str) -> None:
        self.objects.add(text)
        unfolded = without_soft_breaks(text)
        self.keys.update(_members(text), _in_urls(unfolded), _BEHIND_NAME.findall(unfolded))
        for start, end in string_spans(text):
            self._search_text(JSON_STRING.decode(text[start:end]))

    def _search_text(self, text: str) -> None:
        self.keys.update(keys_in_text(text))
        self._search_encoded(text)

    def _search_encoded(self, text: str) -> None:
        for nested in islice(nested_texts(text), 1, None):
            self.encoded.append(nested)
            self.keys.update(keys_in_text(nested))


@lru_cache(maxsize=64)  # searched for its keys and then masked; clients repeat requests
def keys_in_request(request: HttpRequest) -> FoundKeys:
    """Return the keys of a request. The result is cached, so it must not be changed."""
    keys = FoundKeys()
    keys.search_request(request)
    return keys


def _members(text: str) -> Iterator[str]:
    return (JSON_STRING.decode(text[start:end]) for start, end in key_spans(text))


def _in_urls(text: str) -> Iterator[str]:
    return (match[1] or match[2] or match[3] for match in _IN_URL.finditer(text))


def keys_in_text(text: str) -> Iterator[str]:
    """Yield the write keys in a text that the text around them shows to be keys.

    The text is searched as a URL, as JSON and as source code; texts that are encoded in it are not
    (see `nested_texts`).
    """
    text = without_soft_breaks(text)
    lower = text.lower()
    if any(word in lower for word in ("write", "/projects/", "analytics")):
        yield from _in_urls(text)
        yield from _members(text)
        yield from _IN_BROKEN_JSON.findall(text)
        yield from _BEHIND_NAME.findall(text)
        for items in _LIST.findall(text):
            yield from _ITEM.findall(items)
    if "basic" in lower:
        for encoded in _BASIC.findall(text):
            credentials = data_parameter.decode(encoded.encode())
            if credentials and credentials.data.isascii() and b":" in credentials.data:
                yield credentials.data.partition(b":")[0].decode()
    if "segment" in lower:
        yield from _USER.findall(text)


def keys_in_own_text(text: str) -> Iterator[str]:
    """Yield the write keys in a text of this program or its user, as `keys_in_text` does.

    In such a text a folder named `projects` may be one of this machine: only Segment's path is
    followed by a key.
    """
    yield from keys_in_text(_FOLDER.sub("/", text))


def utf8_from_latin1(text: str) -> str:
    """Return the text whose UTF-8 bytes are these Latin-1 characters."""
    return text if text.isascii() else text.encode("latin-1").decode(errors="surrogateescape")


def latin1_from_utf8(text: str) -> str:
    """Return the UTF-8 bytes of a text as Latin-1 characters; the inverse of `utf8_from_latin1`."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode("latin-1")
