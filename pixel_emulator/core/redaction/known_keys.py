"""The write keys that a run has seen so far, to be masked in all later output."""

import re
from collections.abc import Callable, Iterable

from pixel_emulator.core.model import Exchange
from pixel_emulator.core.redaction.fast_redaction import sole_key
from pixel_emulator.core.redaction.key_finder import keys_in_request
from pixel_emulator.core.redaction.masking import MIN_KEY_LENGTH, is_mask

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
