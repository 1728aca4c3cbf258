"""How a value from the wire is shown inside a sentence: short, quoted, safe for a terminal."""

import json

from pixel_emulator.core.calls import JSON

_LONGEST = 60  # characters of a value: enough to recognise it, too few to fill a line
_HUGE = 10**_LONGEST  # str() refuses integers of some thousand digits, so it is never tried


def quoted(value: JSON | tuple[str, ...]) -> str:
    """A scalar as JSON, cut in its middle; an object or array by its kind; a tuple as a list."""
    if isinstance(value, tuple):
        some = ", ".join(quoted(each) for each in value[:5])
        return some if len(value) <= 5 else f"{some} and {len(value) - 5} more"
    if isinstance(value, str):
        return f'"{printable(_cut(value))}"' if value else "empty"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, int) and abs(value) >= _HUGE:
        return "a huge number"
    kind = "" if value is None or isinstance(value, bool) else "the number "
    return kind + _cut(repr(value) if isinstance(value, float) else json.dumps(value))


def masked(key: str) -> str:
    """What a message may show of a write key: at most a third of it, and four characters."""
    return f'"{printable(key[: min(4, len(key) // 3)])}…"'


def printable(text: str) -> str:
    """The text with JSON escapes for quotes and for whatever a terminal would not show."""
    return "".join(
        each if each.isprintable() and each not in '"\\' else json.dumps(each)[1:-1]
        for each in text
    )


def _cut(text: str) -> str:
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half:]}"
