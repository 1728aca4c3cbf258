"""The bytes of a file, read within a limit; without a reader of YAML, so that `check` is quick."""

import errno
import fcntl
import os
import re
from contextlib import suppress
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


def cannot(verb: str, path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    """The mistake of a user who named a file that we cannot `do` something with."""
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(InputIssue(f"cannot {verb} this file: {reason}", Location(str(path))))


_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def lock(file: int, *, shared: bool = False) -> bool:
    """Lock an open file; return False if another open file has the lock.

    Only `shared` locks of one file go together. A file system without locks (some network ones)
    locks nothing.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def close_locked(file: int) -> None:
    """Unlock an open file and close it."""
    with suppress(OSError):  # else a fork of this process holds the lock, too
        fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def holder(file: int) -> str:
    """Return who has locked an open file, as words for a message; Linux says which process."""
    status = os.fstat(file)
    inode = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError):
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
        if match := re.search(rf"FLOCK +ADVISORY +WRITE +(\d+) +{inode} ", locks):
            return "this process" if match[1] == str(os.getpid()) else f"process {match[1]}"
    return "another emulator"


def holder_of(path: str | os.PathLike[str]) -> str | None:
    """Return who has locked the file at `path`, as `holder` does; None if nobody has."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        if lock(file, shared=True):
            return None
        return holder(file)
    finally:
        close_locked(file)
