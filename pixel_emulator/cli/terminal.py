"""Output of commands: results to stdout, messages for people to stderr, colour only on a terminal.

Write keys are masked in both.
"""

import os
import sys
from contextlib import suppress
from enum import IntEnum
from typing import TextIO

from pixel_emulator.runtime.output import redacted

MAX_WIDTH = 110  # longer lines are hard to read


def wants_colour(stream: TextIO | None) -> bool:
    """Return True if `stream` is to get colours (https://no-color.org, https://force-color.org).

    A stream that the caller closed (`2>&-`) is None.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream is not None and stream.isatty())


def width() -> int:
    """Return the number of columns to fill."""
    return min(_columns() or 100, MAX_WIDTH)


def _columns() -> int:
    """Return the columns of the terminal, or 0, as `shutil` does, whose import takes 3 ms."""
    columns = os.environ.get("COLUMNS", "")
    try:
        if columns.isdecimal() and int(columns):
            return int(columns)
        return os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 0
    except (OSError, ValueError):  # no terminal, or closed
        return 0


def print_message(text: str) -> None:
    """Print a message for people to stderr. A stderr that cannot be written is ignored."""
    with suppress(OSError):
        # One write: output of another thread cannot come between the text and its newline.
        print(f"{redacted(text)}\n", end="", file=sys.stderr, flush=True)  # noqa: T201 - copes with a closed stderr


def print_result(text: str, *, keep_write_keys: bool = False, flush: bool = True) -> None:
    """Print a result to stdout; characters that its encoding lacks are escaped."""
    if not keep_write_keys:
        text = redacted(text)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
    if flush:
        sys.stdout.flush()


class ExitCode(IntEnum):
    """The exit codes of our own, by their meaning."""

    MET = 0
    UNMET = 1
    MISUSED = 2
    INCOMPLETE = 3
