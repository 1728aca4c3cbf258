"""Bytes and locks of files; imports no YAML parser, so that `check` starts fast."""

import errno
import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue, Location

MAX_BYTES = 256 * 1024 * 1024
"""Largest size in bytes of a file that is read as a whole."""


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a file. Raises InputError if it cannot be read or is too large."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise file_error("read", path, error) from None
    if len(data) > MAX_BYTES:
        raise InputError(InputIssue(f"is larger than {MAX_BYTES:,} bytes", Location(str(path))))
    return data


def file_error(verb: str, path: str | os.PathLike[str], error: OSError | ValueError) -> InputError:
    """Return the InputError for a file with which we cannot do `verb`, such as "read"."""
    reason = error.strerror if isinstance(error, OSError) else error
    return InputError(InputIssue(f"cannot {verb} this file: {reason}", Location(str(path))))


_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def lock(file: int, *, shared: bool = False) -> bool:
    """Lock an open file; return False if another open file description holds a lock on it.

    Several `shared` locks of one file can be held at once. On a file system without locks (some
    network file systems) this locks nothing and returns True.
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
    """Unlock and close an open file."""
    with suppress(OSError):  # without unlocking, a fork of this process keeps the lock
        fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def holder(file: int) -> str:
    """Return who holds the lock of an open file, as words for a message. Only Linux tells the
    process."""
    status = os.fstat(file)
    inode = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError):
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
        if match := re.search(rf"FLOCK +ADVISORY +WRITE +(\d+) +{inode} ", locks):
            return "this process" if match[1] == str(os.getpid()) else f"process {match[1]}"
    return "another emulator"


def holder_of(path: str | os.PathLike[str]) -> str | None:
    """Return who holds the lock of the file at `path`, as `holder` does, or None."""
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
