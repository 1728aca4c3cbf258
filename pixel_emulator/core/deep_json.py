"""JSON that nests too deep for the stack of the interpreter, read with a stack of its own."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pixel_emulator.core.calls import JSON

_BLANKS = re.compile(r"[ \t\n\r]*")
_CLOSERS = {"{": "}", "[": "]"}


@dataclass(slots=True)
class _Open:
    """A container that is being read; a list has no keys."""

    closer: str
    keys: list[str] = field(default_factory=list)
    values: list[JSON] = field(default_factory=list)


def parse_deep(text: str, decoder: json.JSONDecoder) -> JSON:
    """What `decoder.decode(text)` gives, however deep it nests.

    Raises ValueError for what is not JSON, and whatever the decoder's `object_pairs_hook` raises.
    """
    hook: Callable[[list[tuple[str, JSON]]], JSON] | None = decoder.object_pairs_hook
    stack: list[_Open] = []
    at = _after_blanks(text, 0)
    while True:
        if stack and stack[-1].closer == "}":
            at = _read_key(text, at, decoder, stack[-1].keys)
        closer = _CLOSERS.get(text[at : at + 1])
        if closer:
            at = _after_blanks(text, at + 1)
            if text[at : at + 1] != closer:
                stack.append(_Open(closer))
                continue
            value: JSON = {} if closer == "}" else []
            at += 1
        else:
            value, at = _scalar(text, at, decoder)
        while True:  # a value has ended, and with it perhaps the containers around it
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
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _read_key(text: str, at: int, decoder: json.JSONDecoder, keys: list[str]) -> int:
    """Take the key at `at`; returns where its value begins."""
    key, at = _scalar(text, at, decoder)
    at = _after_blanks(text, at)
    if not isinstance(key, str) or text[at : at + 1] != ":":
        raise ValueError(f"no key and colon before character {at}")
    keys.append(key)
    return _after_blanks(text, at + 1)


def _scalar(text: str, at: int, decoder: json.JSONDecoder) -> tuple[JSON, int]:
    try:
        found: tuple[JSON, int] = decoder.scan_once(text, at)  # type: ignore[attr-defined] # stubs
    except StopIteration:
        raise ValueError(f"no value at character {at}") from None
    return found
