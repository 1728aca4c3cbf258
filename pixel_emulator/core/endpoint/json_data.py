"""The decoded `data` as one JSON object, read in the way of Go's encoding/json."""

import re
from typing import NamedTuple

from pixel_emulator.core.endpoint.base64_data import TELLTALES
from pixel_emulator.core.endpoint.query import text_of
from pixel_emulator.core.model import Payload, Problem
from pixel_emulator.core.problems.rules import problem
from pixel_emulator.core.text import json_codec

MAX_DATA = 32_768
"""Decoded bytes of `data` that are kept at most (Segment 2018; 32 KB per call, documented)."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Read(NamedTuple):
    """An object, or None, what is to be said about its text (Segment 2018), and the text.

    Each string of the object stands in the text as it is; an empty text says that they may not.
    """

    value: Payload | None
    problems: tuple[Problem, ...]
    text: str = ""


def json_object(data: bytes) -> Read:
    """Read bytes as one JSON object; never raises."""
    if len(data) > MAX_DATA:
        cause = f"the decoded data has {len(data):,} bytes; the limit is {MAX_DATA:,}"
        return _unread(cause, "Send less in one call.")
    text = text_of(data)
    try:
        value, repeated = json_codec.parse_noting_repeats(text)
    except ValueError as error:
        cause, mend = f"the decoded data is not JSON ({error})", "Send exactly one JSON object."
        for start, meaning, hint in TELLTALES:
            if data.startswith(start):
                cause, mend = f"the decoded data is not JSON: {meaning}", hint
        return _unread(cause, mend)
    if not isinstance(value, dict):
        cause = f"the decoded JSON is of type {json_codec.kind(value)}, not object"
        return _unread(cause, "Send exactly one JSON object.")
    problems = []
    if repeated is not None:
        problems.append(problem("duplicate_json_key", shown=repeated))
    if "\ufffd" in text and text.encode() != data:
        problems.append(problem("invalid_utf8"))
    if "\\" not in text:
        return Read(value, tuple(problems), text)
    if "\\u" in text and _has_lone_surrogate(text):
        problems.append(problem("lone_surrogate"))
        # Go decodes the top-level keys, and keeps each value below as raw text.
        value = {_SURROGATE.sub("\ufffd", key): member for key, member in value.items()}
    return Read(value, tuple(problems))


def _unread(cause: str, mend: str) -> Read:
    return Read(None, (problem("bad_request", cause=cause, mend=mend),))


def _has_lone_surrogate(text: str) -> bool:
    high_ends_at = -1
    for match in _ESCAPE.finditer(text):
        unit = int(match[1], 16) if match[1] else 0
        paired = high_ends_at == match.start()
        if (0xDC00 <= unit <= 0xDFFF) != paired or (high_ends_at != -1 and not paired):
            return True
        high_ends_at = match.end() if 0xD800 <= unit <= 0xDBFF else -1
    return high_ends_at != -1
