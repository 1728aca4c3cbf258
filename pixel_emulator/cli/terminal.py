"""Where words go: results to stdout, messages for people to stderr, colour only on a terminal.

Write keys are masked in all of them.
"""

import os
import shutil
import sys
from contextlib import suppress
from enum import IntEnum
from typing import TextIO

from pixel_emulator.runtime.output import redacted

MAX_WIDTH = 110  # longer lines are hard to read


def wants_colour(stream: TextIO | None) -> bool:
    """Whether to colour what goes to `stream` (https://no-color.org, https://force-color.org).

    A stream that the caller closed (`2>&-`) is None.
    """
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream is not None and stream.isatty())


def width() -> int:
    """The columns to fill."""
    return min(shutil.get_terminal_size((100, 24)).columns, MAX_WIDTH)


def print_message(text: str) -> None:
    """Print a message for people to stderr; one that nobody can read changes nothing."""
    with suppress(OSError):
        # In one piece: what another thread says stays behind it, on a line of its own.
        print(f"{redacted(text)}\n", end="", file=sys.stderr, flush=True)  # noqa: T201 - copes with a closed stderr


def print_result(text: str, *, keep_write_keys: bool = False, flush: bool = True) -> None:
    """Print a result to stdout, whatever characters it holds."""
    if not keep_write_keys:
        text = redacted(text)
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
    if flush:
        sys.stdout.flush()


class ExitCode(IntEnum):
    """What an exit code of our own means."""

    MET = 0
    UNMET = 1
    MISUSED = 2
    INCOMPLETE = 3
