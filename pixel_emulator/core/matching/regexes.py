"""Regexes and globs, by RE2: time linear in the text, memory bounded, nothing logged."""

import re
from collections.abc import Callable

import re2  # type: ignore[import-untyped] # it has no annotations

from pixel_emulator.core.matching.checks import Check
from pixel_emulator.core.matching.values import Described, Value, describe

_MEMORY = 4 << 20  # bytes for one regex; RE2 refuses what needs more, or goes on without a cache
_HALF = re.compile("[\ud800-\udfff]")  # half a character: UTF-8, which RE2 reads, has none


class RegexError(ValueError):
    """What RE2 does not accept, in its words."""


def matching(pattern: str, *, ignore_case: bool = False) -> Check:
    """A text in which the regex is found, anywhere. Raises RegexError."""
    return Check(
        Described(f"matching /{pattern}/{'i' if ignore_case else ''}", ""),
        _search(pattern, ignore_case=ignore_case),
    )


def like(glob: str) -> Check:
    """`$like`: the whole text, where `*` stands for any text and `?` for one character.

    Raises RegexError for a glob that is too large.
    """
    wild = {"*": ".*", "?": "."}
    pattern = "".join(wild.get(each) or re2.escape(each) for each in _whole(glob))
    return Check(Described(f"like {describe(glob).text}", ""), _search(rf"(?s)\A{pattern}\z"))


def _search(pattern: str, *, ignore_case: bool = False) -> Callable[[Value], bool]:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MEMORY
    options.case_sensitive = not ignore_case
    try:
        regex = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise RegexError(reason.decode() if isinstance(reason, bytes) else reason) from None
    except UnicodeEncodeError:
        raise RegexError("it holds half a character (a lone surrogate)") from None

    def search(got: Value) -> bool:
        return isinstance(got, str) and regex.search(_whole(got)) is not None

    return search


def _whole(text: str) -> str:
    """The text with a replacement for each half of a character."""
    return text if text.isascii() else _HALF.sub("\ufffd", text)
