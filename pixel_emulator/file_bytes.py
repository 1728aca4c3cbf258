"""The bytes of a file, read within a limit; without a reader of YAML, so that `check` is quick."""

import os
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue, Location

MAX_BYTES = 256 * 1024 * 1024
"""Bytes that a file may have which is read as a whole."""


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """What a file holds. Raises InputError where it cannot be read, or is too large."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise cannot("read", path, error) from None
    if len(data) > MAX_BYTES:
        raise InputError(InputIssue(f"is larger than {MAX_BYTES:,} bytes", Location(str(path))))
    return data


def cannot(do: str, path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    """The mistake of a user who named a file that we cannot `do` something with."""
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(InputIssue(f"cannot {do} this file: {reason}", Location(str(path))))
