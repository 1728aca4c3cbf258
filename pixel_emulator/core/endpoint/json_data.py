"""The decoded `data` as one JSON object, read in the way of Go's encoding/json."""

import re

from pixel_emulator.core import json_text
from pixel_emulator.core.calls import Payload, Problem
from pixel_emulator.core.endpoint.base64_data import TELLTALES
from pixel_emulator.core.endpoint.query import text_of
from pixel_emulator.core.problems.rules import problem

MAX_DATA = 32_768
"""Decoded bytes of `data` that are kept at most (Segment 2018; 32 KB per call, documented)."""

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def json_object(data: bytes) -> tuple[Payload | None, list[Problem]]:
    """The object, or None, and what is to be said about its text (Segment 2018)."""
    if len(data) > MAX_DATA:
        cause = f"the decoded data has {len(data):,} bytes; the limit is {MAX_DATA:,}"
        return None, [problem("bad_request", cause=cause, mend="Send less in one call.")]
    text = text_of(data)
    try:
        value, repeated = json_text.parse_noting_repeats(text)
    except ValueError as error:
        cause, mend = f"the decoded data is not JSON ({error})", "Send exactly one JSON object."
        for start, meaning, hint in TELLTALES:
            if data.startswith(start):
                cause, mend = f"the decoded data is not JSON: {meaning}", hint
        return None, [problem("bad_request", cause=cause, mend=mend)]
    if not isinstance(value, dict):
        cause = f"the decoded JSON is of type {json_text.kind(value)}, not object"
        return None, [problem("bad_request", cause=cause, mend="Send exactly one JSON object.")]
    problems = []
    if repeated is not None:
        problems.append(problem("duplicate_json_key", shown=repeated))
    if "\ufffd" in text and text.encode() != data:
        problems.append(problem("invalid_utf8"))
    if "\\u" in text and _has_lone_surrogate(text):
        problems.append(problem("lone_surrogate"))
        # Go decodes the top-level keys, and keeps each value below as raw text.
        value = {_SURROGATE.sub("\ufffd", key): member for key, member in value.items()}
    return value, problems


def _has_lone_surrogate(text: str) -> bool:
    high_ends_at = -1
    for match in _ESCAPE.finditer(text):
        unit = int(match[1], 16) if match[1] else 0
        paired = high_ends_at == match.start()
        if (0xDC00 <= unit <= 0xDFFF) != paired or (high_ends_at != -1 and not paired):
            return True
        high_ends_at = match.end() if 0xD800 <= unit <= 0xDBFF else -1
    return high_ends_at != -1
