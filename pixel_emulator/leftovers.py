"""Directories that live as long as their process, and what is left of those that were killed."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pixel_emulator.core.errors import InputError
from pixel_emulator.ready import remove_dead

_PREFIX = "pixel-emulator-"
_LOCK = "lock"


@contextmanager
def private_directory() -> Iterator[Path]:
    """A new temporary directory for this user only, removed at the end.

    A lock in it is held by this process, however it ends: that is how `sweep` knows.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        directory = Path(name)
        new = directory / f"{_LOCK}.new"
        with new.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            new.rename(directory / _LOCK)  # nobody sees it without being locked
            yield directory


def sweep() -> None:
    """Remove the directories, and the tokens, whose processes were killed; those of others stay."""
    with suppress(InputError, OSError):  # a folder of somebody else's in its place
        remove_dead()
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = directory.lstat()  # others may write there, too: no links
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
                with (directory / _LOCK).open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(directory, ignore_errors=True)
