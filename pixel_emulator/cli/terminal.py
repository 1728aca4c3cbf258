"""Where words go: results to stdout, messages for people to stderr, colour only on a terminal."""

import os
import shutil
import sys
from typing import TextIO

WIDEST = 110  # longer lines are hard to read


def wants_colour(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream` (https://no-color.org, https://force-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def width() -> int:
    """The columns to fill."""
    return min(shutil.get_terminal_size((100, 24)).columns, WIDEST)


def say(text: str) -> None:
    """Print a message for people to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def show(text: str) -> None:
    """Print a result to stdout, whatever characters it holds."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()
