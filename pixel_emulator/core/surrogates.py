"""Lone surrogates as characters that every YAML loader accepts, and back.

JSON may hold one half of a surrogate pair, as `\\ud83d`; JavaScript writes it where a text is cut
between the two. YAML allows no such escape: libyaml (PyYAML's CSafeLoader, Ruby's Psych) refuses
the whole file. So U+D800 to U+DFFF are written as U+10D800 to U+10DFFF, which are private use, and
a text that holds one of these, or U+10FFFD, gets U+10FFFD before it. All other texts stay as
they are, and the length in code points changes only for those private characters.
"""

import re

_OFFSET = 0x10_0000
_MARK = "\U0010fffd"
_UNPORTABLE = re.compile("[\ud800-\udfff\U0010d800-\U0010dfff\U0010fffd]")
_ENCODED = re.compile("\U0010fffd([\U0010d800-\U0010dfff\U0010fffd])|[\U0010d800-\U0010dfff]")


def encode_surrogates(text: str) -> str:
    """Return the text without lone surrogates; `decode_surrogates` gives it back."""
    return _UNPORTABLE.sub(_encode, text)


def decode_surrogates(text: str) -> str:
    """Return the text that `encode_surrogates` was given."""
    return _ENCODED.sub(_decode, text)


def _encode(match: re.Match[str]) -> str:
    character = match[0]
    return chr(ord(character) + _OFFSET) if character < "\ue000" else f"{_MARK}{character}"


def _decode(match: re.Match[str]) -> str:
    return match[1] or chr(ord(match[0]) - _OFFSET)
