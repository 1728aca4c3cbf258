"""How something from the wire is shown inside a sentence: short, quoted, safe for a terminal."""

import json

from pixel_emulator.core.model import JSON

LONGEST = 60
"""Characters of a value that are shown: enough to recognise it, too few to fill the sentence."""

_HUGE = 10**LONGEST  # Python refuses to write integers of some thousand digits


def quoted(value: JSON) -> str:
    """A scalar as JSON with its kind, cut in its middle; an object or an array by its kind."""
    if isinstance(value, str):
        return f'"{printable(cut(value, LONGEST), quotes=True)}"' if value else "an empty string"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) >= _HUGE:
        return "a huge number"
    return f"the number {cut(repr(value), LONGEST)}"


def abbreviated_key(key: str) -> str:
    """What a message may show of a write key: at most a third of it, and four characters."""
    return f'"{printable(key[: min(4, len(key) // 3)], quotes=True)}…"'


def shortened(text: str) -> str:
    """Words of ours with something of the wire in them: printable, and cut where endless."""
    return printable(cut(text, 5 * LONGEST))


def printable(text: str, *, quotes: bool = False) -> str:
    """The text with JSON escapes for what a terminal would not show, or would obey."""
    if text.isprintable() and not (quotes and ('"' in text or "\\" in text)):
        return text
    return "".join(
        json.dumps(each)[1:-1] if not each.isprintable() or (quotes and each in '"\\') else each
        for each in text
    )


def cut(text: str, longest: int) -> str:
    """The text with an ellipsis in its middle, if it is longer than that."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"


_CODES = {"good": "32", "bad": "31", "warn": "33", "note": "36", "dim": "2", "bold": "1"}


def paint(text: str, style: str, *, colour: bool) -> str:
    """The text in one of the styles good, bad, warn, note, dim, bold; plain without `colour`."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if colour and text else text
