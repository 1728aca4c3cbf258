"""Values in messages: quoted, shortened, with escapes for a terminal, and coloured."""

import json

from pixel_emulator.core.model import JSON

MAX_SHOWN = 60
"""Characters of a value that are shown: enough to recognise it, too few to fill the sentence."""

_HUGE = 10**MAX_SHOWN  # Python refuses to write integers of some thousand digits


def quoted(value: JSON) -> str:
    """Return a scalar as JSON, cut in its middle if long; for a container, only its JSON type."""
    if isinstance(value, str):
        return f'"{printable(cut(value, MAX_SHOWN), quotes=True)}"' if value else "an empty string"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) >= _HUGE:
        return "a huge number"
    return f"the number {cut(repr(value), MAX_SHOWN)}"


def abbreviated_key(key: str) -> str:
    """Return the start of a write key for a message: a third of it, at most four characters."""
    return f'"{printable(key[: min(4, len(key) // 3)], quotes=True)}…"'


def shortened(text: str) -> str:
    """Return a text that may contain data of a client: printable, and cut to 300 characters."""
    return printable(cut(text, 5 * MAX_SHOWN))


def printable(text: str, *, quotes: bool = False) -> str:
    """Return the text with JSON escapes for unprintable characters, such as control sequences."""
    if text.isprintable() and not (quotes and ('"' in text or "\\" in text)):
        return text
    return "".join(
        json.dumps(char)[1:-1] if not char.isprintable() or (quotes and char in '"\\') else char
        for char in text
    )


def cut(text: str, max_length: int) -> str:
    """Return the text, its middle replaced by an ellipsis if it is longer than `max_length`."""
    half = max_length // 2
    return text if len(text) <= max_length else f"{text[:half]}…{text[-half:]}"


_CODES = {"good": "32", "bad": "31", "warn": "33", "note": "36", "dim": "2", "bold": "1"}


def paint(text: str, style: str, *, colour: bool) -> str:
    """Return the text in a style (good, bad, warn, note, dim, bold); unchanged without `colour`."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if colour and text else text
