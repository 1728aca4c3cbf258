"""Read and write JSON text, with all digits of numbers and without recursion."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Never, Self

from pixel_emulator.core.model import JSON

_BLANKS = re.compile(r"[ \t\n\r]*")
_CLOSERS = {"{": "}", "[": "]"}


@dataclass(slots=True)
class _OpenContainer:
    """An object or array whose end is not reached; an array has no keys."""

    closer: str
    keys: list[str] = field(default_factory=list)
    values: list[JSON] = field(default_factory=list)


def parse_deep(text: str, decoder: json.JSONDecoder) -> JSON:
    """Return what `decoder.decode(text)` returns, without recursion.

    Raises ValueError if the text is not JSON, and any error of the decoder's `object_pairs_hook`.
    """
    hook: Callable[[list[tuple[str, JSON]]], JSON] | None = decoder.object_pairs_hook
    stack: list[_OpenContainer] = []
    at = _after_blanks(text, 0)
    while True:
        if stack and stack[-1].closer == "}":
            at = _read_key(text, at, decoder, stack[-1].keys)
        closer = _CLOSERS.get(text[at : at + 1])
        if closer:
            at = _after_blanks(text, at + 1)
            if text[at : at + 1] != closer:
                stack.append(_OpenContainer(closer))
                continue
            value: JSON = {} if closer == "}" else []
            at += 1
        else:
            value, at = _deep_scalar(text, at, decoder)
        while True:  # after a value: close the containers that end here
            at = _after_blanks(text, at)
            if not stack:
                if at < len(text):
                    raise ValueError(f"extra data at character {at}")
                return value
            inner = stack[-1]
            inner.values.append(value)
            mark, at = text[at : at + 1], _after_blanks(text, at + 1)
            if mark == ",":
                break
            if mark != inner.closer:
                raise ValueError(f"no comma and no {inner.closer} before character {at}")
            stack.pop()
            value = inner.values
            if inner.closer == "}":
                pairs = list(zip(inner.keys, inner.values, strict=True))
                value = hook(pairs) if hook else dict(pairs)


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _read_key(text: str, at: int, decoder: json.JSONDecoder, keys: list[str]) -> int:
    """Append the key at offset `at` to `keys`, and return the offset of its value."""
    key, at = _deep_scalar(text, at, decoder)
    at = _after_blanks(text, at)
    if not isinstance(key, str) or text[at : at + 1] != ":":
        raise ValueError(f"no key and colon before character {at}")
    keys.append(key)
    return _after_blanks(text, at + 1)


def _deep_scalar(text: str, at: int, decoder: json.JSONDecoder) -> tuple[JSON, int]:
    try:
        scanned: tuple[JSON, int] = decoder.scan_once(text, at)  # type: ignore[attr-defined] # stubs
    except StopIteration:
        raise ValueError(f"no value at character {at}") from None
    return scanned


MAX_NESTING = 10_000
"""Levels of nesting. Go's encoding/json, and so Segment's edge, refuses more ("max depth")."""

_MAX_DIGITS = 4_000  # Python refuses to convert longer integers from text (sys.int_info)
_BRACKET_OR_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class Number(float):
    """A float that keeps its digits as written: `1.10` stays `1.10`."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Parse a JSON number; the value is infinite if its exponent is out of range."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type["Number"], tuple[str]]:
        return Number, (self.text,)


def parse(text: str) -> JSON:
    """Return the value of a JSON text (RFC 8259; `NaN` and `Infinity` are not JSON).

    Integers are int, other numbers are `Number`; the last of repeated keys wins.
    Raises ValueError if the text is not JSON or nests deeper than `MAX_NESTING`.
    """
    return parse_with_repeated_key(text)[0]


def parse_with_repeated_key(text: str) -> tuple[JSON, str | None]:
    """Return what `parse` returns, and a key that is repeated in one object, or None."""
    brackets = text.count("[") + text.count("{")
    if brackets > MAX_NESTING and depth(text) > MAX_NESTING:
        raise ValueError(f"nested deeper than {MAX_NESTING:,} levels")
    try:
        return _read(text, _strict_decoder), None
    except _RepeatedKeyError as repeat:
        return _read(text, _decoder), repeat.key


def _read(text: str, decoder: json.JSONDecoder) -> JSON:
    try:
        value: JSON = decoder.decode(text)
    except RecursionError:  # its limit differs between versions of Python
        return parse_deep(text, decoder)
    return value


def json_type(value: JSON) -> str:
    """Return the JSON type of a value: object, array, string, number, boolean or null."""
    return _KINDS.get(type(value), "number")


def depth(text: str) -> int:
    """Return the depth of nesting of a JSON text; 0 for a scalar."""
    level = deepest = 0
    for match in _BRACKET_OR_STRING.finditer(text):
        if match[0] in "[{":
            level += 1
            deepest = max(deepest, level)
        elif match[0] in "]}":
            level -= 1
    return deepest


def write(
    value: JSON, *, indent: int | None = None, separators: tuple[str, str] = (", ", ": ")
) -> str:
    """Return the value as ASCII JSON text, with all digits of numbers, at any depth of nesting."""
    comma, colon = separators
    return "".join(_pieces(value, indent, comma if indent is None else ",", colon))


def _integer(text: str) -> int | Number:
    # int("-0") would lose its sign.
    return Number(text) if len(text) > _MAX_DIGITS or text == "-0" else int(text)


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


class _RepeatedKeyError(Exception):
    """An object has `key` twice. The caller parses again with a decoder that allows it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _reject_repeats(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in members if keys.count(key) > 1))
    return members


_decoder = json.JSONDecoder(parse_float=Number, parse_int=_integer, parse_constant=_refuse_constant)
_strict_decoder = json.JSONDecoder(
    parse_float=Number,
    parse_int=_integer,
    parse_constant=_refuse_constant,
    object_pairs_hook=_reject_repeats,
)
_KINDS: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    type(None): "null",
}


def _scalar(value: JSON) -> str:
    if isinstance(value, Number):
        return value.text
    return json.dumps(value)


def _pieces(root: JSON, indent: int | None, comma: str, colon: str) -> Iterator[str]:
    # A stack of open containers: an iterator of (prefix, value), and the closing bracket.
    stack: list[tuple[Iterator[tuple[str, JSON]], str]] = [(iter([("", root)]), "")]
    first = True
    while stack:
        items, close = stack[-1]
        item = next(items, None)
        if item is None:
            stack.pop()
            if close:
                if indent is not None and not first:
                    yield "\n" + " " * indent * (len(stack) - 1)
                yield close
            first = False
            continue
        prefix, value = item
        if len(stack) > 1:
            yield "" if first else comma
            if indent is not None:
                yield "\n" + " " * indent * (len(stack) - 1)
        yield prefix
        if isinstance(value, dict):
            yield "{"
            members = ((json.dumps(key) + colon, member) for key, member in value.items())
            stack.append((iter(members), "}"))
            first = True
        elif isinstance(value, list):
            yield "["
            stack.append((iter([("", member) for member in value]), "]"))
            first = True
        else:
            yield _scalar(value)
            first = False


_OFFSET = 0x10_0000
_ESCAPE_MARK = "\U0010fffd"
_UNPORTABLE = re.compile("[\ud800-\udfff\U0010d800-\U0010dfff\U0010fffd]")
_ENCODED = re.compile("\U0010fffd([\U0010d800-\U0010dfff\U0010fffd])|[\U0010d800-\U0010dfff]")


def encode_surrogates(text: str) -> str:
    """Return the text with lone surrogates replaced; `decode_surrogates` is the inverse.

    U+D800 to U+DFFF become U+10D800 to U+10DFFF; such a character of the text itself, and U+10FFFD,
    get U+10FFFD before them.
    """
    return _UNPORTABLE.sub(_encode, text)


def decode_surrogates(text: str) -> str:
    """Return the text that `encode_surrogates` encoded."""
    return _ENCODED.sub(_decode, text)


def _encode(match: re.Match[str]) -> str:
    character = match[0]
    return chr(ord(character) + _OFFSET) if character < "\ue000" else f"{_ESCAPE_MARK}{character}"


def _decode(match: re.Match[str]) -> str:
    return match[1] or chr(ord(match[0]) - _OFFSET)
