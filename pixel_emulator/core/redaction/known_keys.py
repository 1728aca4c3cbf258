"""The write keys that a run has shown so far: each is masked in all that follows."""

import re
from collections.abc import Callable, Iterable

from pixel_emulator.core.model import Hit
from pixel_emulator.core.redaction.fast_redaction import sole_key
from pixel_emulator.core.redaction.key_finder import keys_in_request
from pixel_emulator.core.redaction.masking import MIN_KEY_LENGTH, is_mask

MAX_KEYS = 100
"""Keys that are remembered; of more, those that were seen last."""

MAX_KEY_LENGTH = 256
"""Characters of a key that is remembered: Segment's have 32."""

MIN_WORD_LENGTH = 20
"""Characters from which a key without a digit is remembered: shorter ones may be words."""

_DIGIT = re.compile("[0-9]")


def is_distinctive(key: str) -> bool:
    """Return True if a key may be masked wherever it stands without hurting other texts.

    It has `MIN_KEY_LENGTH` characters with a digit among them, or `MIN_WORD_LENGTH`: a key such as
    `production` is masked only in the calls that have it as their key.
    """
    size = len(key)
    if not MIN_KEY_LENGTH <= size <= MAX_KEY_LENGTH or is_mask(key):
        return False
    return size >= MIN_WORD_LENGTH or _DIGIT.search(key) is not None


def keys_of(hit: Hit) -> Iterable[str]:
    """Return the write keys in all of a request, in whatever disguise."""
    key = sole_key(hit)
    return keys_in_request(hit.request).keys if key is None else (key,)


class KnownKeys:
    """Keys by age; those in `given` never go.

    Each new one is also `told`. Adding is for one thread at a time; reading is for any.
    """

    def __init__(
        self, given: Iterable[str] = (), told: Callable[[Iterable[str]], None] | None = None
    ) -> None:
        self._given = frozenset(given)
        self._found: dict[str, None] = {}
        self._told = told
        self.keys: tuple[str, ...] = ()
        self._sort()
        if told:
            told(self._given)

    def learn(self, hit: Hit) -> None:
        """Remember the keys of a hit."""
        self.add(keys_of(hit))

    def add(self, keys: Iterable[str]) -> None:
        """Remember those of the keys that are distinctive."""
        new = False
        for key in keys:
            if key in self._found:
                if len(self._found) > 1:
                    del self._found[key]  # the last seen stand last
                    self._found[key] = None
            elif key not in self._given and is_distinctive(key):
                self._found[key] = None
                new = True
                if self._told:
                    self._told((key,))
        if new:
            while len(self._found) > MAX_KEYS:
                del self._found[next(iter(self._found))]
            self._sort()

    def _sort(self) -> None:
        everything = {*self._given, *self._found}
        self.keys = tuple(sorted(everything, key=lambda key: (-len(key), key)))
