"""The write keys that a run has seen so far, and their redaction in texts: all later output."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache

from pixel_emulator.core.model import Exchange
from pixel_emulator.core.redaction.fast_redaction import sole_key
from pixel_emulator.core.redaction.key_finder import keys_in_own_text, keys_in_request
from pixel_emulator.core.redaction.masking import (
    MIN_KEY_LENGTH,
    hide,
    is_mask,
    is_start_of_mask,
    mask,
)
from pixel_emulator.core.redaction.nested_encodings import contains_key, nested_texts, withhold
from pixel_emulator.core.redaction.redact import longest_first

MAX_KEYS = 100
"""Number of keys that are remembered: those that were seen last."""

MAX_KEY_LENGTH = 256
"""Characters of a key that is remembered; Segment's keys have 32."""

MIN_WORD_LENGTH = 20
"""Characters of a key without a digit that is remembered; shorter ones may be words."""

_DIGIT = re.compile("[0-9]")


def is_distinctive(key: str) -> bool:
    """Return True if a key can be masked everywhere without damage to other texts.

    It needs `MIN_KEY_LENGTH` characters and a digit, or `MIN_WORD_LENGTH` characters. A key such as
    `production` is masked only in the calls that have it as their key.
    """
    size = len(key)
    if not MIN_KEY_LENGTH <= size <= MAX_KEY_LENGTH or is_mask(key):
        return False
    return size >= MIN_WORD_LENGTH or _DIGIT.search(key) is not None


def keys_of(exchange: Exchange) -> Iterable[str]:
    """Return the write keys in all parts of a request, in any encoding."""
    key = sole_key(exchange)
    return keys_in_request(exchange.request).keys if key is None else (key,)


class KnownKeys:
    """The last `MAX_KEYS` keys that were seen, and the `given` ones, which are always kept.

    `on_new` is called with the `given` keys and with each new one. Only one thread at a time may
    add keys; any may read `keys`.
    """

    def __init__(
        self, given: Iterable[str] = (), on_new: Callable[[Iterable[str]], None] | None = None
    ) -> None:
        self._given = frozenset(given)
        self._seen: dict[str, None] = {}
        self._on_new = on_new
        self.keys: tuple[str, ...] = ()
        self._sort()
        if on_new:
            on_new(self._given)

    def learn(self, exchange: Exchange) -> None:
        """Add the keys of an exchange (see `keys_of`)."""
        self.add(keys_of(exchange))

    def add(self, keys: Iterable[str]) -> None:
        """Add those of the keys that are distinctive."""
        new = False
        for key in keys:
            if key in self._seen:
                if len(self._seen) > 1:
                    del self._seen[key]  # move the key to the end
                    self._seen[key] = None
            elif key not in self._given and is_distinctive(key):
                self._seen[key] = None
                new = True
                if self._on_new:
                    self._on_new((key,))
        if new:
            while len(self._seen) > MAX_KEYS:
                del self._seen[next(iter(self._seen))]
            self._sort()

    def _sort(self) -> None:
        keys = {*self._given, *self._seen}
        self.keys = tuple(sorted(keys, key=lambda key: (-len(key), key)))


_ELLIPSIS = "…"
_MIN_CUT = 4
"""Characters of a part of a key that is masked next to an ellipsis."""

_ENCODED = re.compile(r"[A-Za-z0-9+/_%\\=-]{16,}")
_BREAK = re.compile(r"\n[ \t>|]*")
_NOT_A_KEY = ("$", "{", "<", "*", "%")
"""First characters of matchers, template tokens and placeholders."""


def redact_text(text: str, known: tuple[str, ...] = ()) -> str:
    """Return the text with the `known` write keys masked, and those that the text itself names.

    Masks are not changed, so redacting a text twice gives the same result as redacting it once.
    """
    keys = longest_first({*known, *named_keys(text)})
    if not keys:
        return text
    text = hide(text, keys)
    if _ELLIPSIS in text:
        for key in keys:
            text = _hide_cut(text, key)
    if "\n" in text:
        text = _hide_wrapped(text, keys)
    return _hide_encoded(text, keys)


def named_keys(text: str) -> set[str]:
    """Return the write keys that a text names, also in encoded parts, except masks."""
    keys = set(keys_in_own_text(text))
    for run in dict.fromkeys(_ENCODED.findall(text)):
        keys.update(_named_in_encoded(run))
    return {key for key in keys if not (key.startswith(_NOT_A_KEY) or _is_masked(key))}


def _is_masked(key: str) -> bool:
    """Return True for a mask, also for one that is cut: `wk_d-!-_-___…=4`."""
    start, cut, _ = key.partition(_ELLIPSIS)
    return is_mask(start) or bool(cut and is_start_of_mask(start))


@lru_cache(maxsize=256)
def _named_in_encoded(run: str) -> tuple[str, ...]:
    _, *encoded_texts = nested_texts(run)
    return tuple(key for encoded in encoded_texts for key in keys_in_own_text(encoded))


def _hide_encoded(text: str, keys: tuple[str, ...]) -> str:
    for run in dict.fromkeys(_ENCODED.findall(text)):
        if contains_key(run, keys):
            text = text.replace(run, withhold(run, keys))
    return text


def _hide_cut(text: str, key: str) -> str:
    """Mask the beginning of a key before an ellipsis, and its end after one."""
    masked, shown = mask(key), len(key) // 3
    at = text.find(_ELLIPSIS)
    while at >= 0:
        sizes = range(len(key) - 1, max(shown, _MIN_CUT - 1), -1)
        for size in sizes if text[max(0, at - _MIN_CUT) : at] in key else ():
            if text.endswith(key[:size], 0, at):
                text = text[: at - size] + masked[:size] + text[at:]
                break
        sizes = range(len(key) - 1, _MIN_CUT - 1, -1)
        for size in sizes if text[at + 1 : at + 1 + _MIN_CUT] in key else ():
            if text.startswith(key[-size:], at + 1):
                text = text[: at + 1] + masked[-size:] + text[at + 1 + size :]
                break
        at = text.find(_ELLIPSIS, at + 1)
    return text


def _hide_wrapped(text: str, keys: tuple[str, ...]) -> str:
    """Mask keys that continue on the next line."""
    joined = _BREAK.sub("", text)
    if not any(key in joined for key in keys):
        return text
    # Start of each piece between two breaks, in the joined text and in the original one.
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
