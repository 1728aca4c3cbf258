"""Write keys masked in finished text: reports, logs, messages, JSON.

A report cuts long values, with an ellipsis where it cuts, and wraps lines; a key is masked there,
too, and so is one that is encoded.
"""

import re
from bisect import bisect_right
from functools import lru_cache

from pixel_emulator.core.recordings.masking import hide, is_mask, mask
from pixel_emulator.core.recordings.readings import holds, readings, withhold
from pixel_emulator.core.recordings.redaction import longest_first
from pixel_emulator.core.recordings.write_keys import keys_in_words

_CUT = "…"
_LEAST = 4
"""Characters of a key that are masked where the rest of it is cut off."""

_ENCODED = re.compile(r"[A-Za-z0-9+/_%\\=-]{16,}")
_BREAK = re.compile(r"\n[ \t>|]*")
_NO_KEY = ("$", "{", "<", "*", "%")
"""What matchers, template tokens and placeholders begin with."""


def redact_text(text: str, known: tuple[str, ...] = ()) -> str:
    """Return the text with the `known` write keys masked, and those that it names itself.

    Masks stay as they are, so that what is redacted twice is as if redacted once.
    """
    keys = longest_first({*known, *named_keys(text)})
    if not keys:
        return text
    text = hide(text, keys)
    if _CUT in text:
        for key in keys:
            text = _hide_cut(text, key)
    if "\n" in text:
        text = _hide_wrapped(text, keys)
    return _hide_encoded(text, keys)


def named_keys(text: str) -> set[str]:
    """Return the write keys that a text names itself, also where it is encoded; no masks."""
    found = set(keys_in_words(text))
    for run in dict.fromkeys(_ENCODED.findall(text)):
        found.update(_named_in_encoded(run))
    return {each for each in found if not (each.startswith(_NO_KEY) or is_mask(each))}


@lru_cache(maxsize=256)
def _named_in_encoded(run: str) -> tuple[str, ...]:
    _, *others = readings(run)
    return tuple(key for each in others for key in keys_in_words(each))


def _hide_encoded(text: str, keys: tuple[str, ...]) -> str:
    for run in dict.fromkeys(_ENCODED.findall(text)):
        if holds(run, keys):
            text = text.replace(run, withhold(run, keys))
    return text


def _hide_cut(text: str, key: str) -> str:
    """Mask the beginning of a key before an ellipsis, and its end behind one."""
    masked, shown = mask(key), len(key) // 3
    at = text.find(_CUT)
    while at >= 0:
        sizes = range(len(key) - 1, max(shown, _LEAST - 1), -1)
        for size in sizes if text[max(0, at - _LEAST) : at] in key else ():
            if text.endswith(key[:size], 0, at):
                text = text[: at - size] + masked[:size] + text[at:]
                break
        sizes = range(len(key) - 1, _LEAST - 1, -1)
        for size in sizes if text[at + 1 : at + 1 + _LEAST] in key else ():
            if text.startswith(key[-size:], at + 1):
                text = text[: at + 1] + masked[-size:] + text[at + 1 + size :]
                break
        at = text.find(_CUT, at + 1)
    return text


def _hide_wrapped(text: str, keys: tuple[str, ...]) -> str:
    """Mask keys that go on in the next line."""
    joined = _BREAK.sub("", text)
    if not any(key in joined for key in keys):
        return text
    # Where each piece between two breaks begins, in the joined text and in the other one.
    joined_at, text_at, gone = [0], [0], 0
    for match in _BREAK.finditer(text):
        gone += len(match[0])
        joined_at.append(match.end() - gone)
        text_at.append(match.end())
    characters = list(text)
    for key in keys:
        at = joined.find(key)
        while at >= 0:
            for index, character in enumerate(mask(key), at):
                piece = bisect_right(joined_at, index) - 1
                characters[text_at[piece] + index - joined_at[piece]] = character
            at = joined.find(key, at + len(key))
    return "".join(characters)
