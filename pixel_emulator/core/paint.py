"""Colour on a terminal: one small set of styles for everything that is printed."""

_CODES = {"good": "32", "bad": "31", "warn": "33", "note": "36", "dim": "2", "bold": "1"}


def paint(text: str, style: str, *, colour: bool) -> str:
    """The text in one of the styles good, bad, warn, note, dim, bold; plain without `colour`."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if colour and text else text
