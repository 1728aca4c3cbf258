"""Locks of open files, which end with the process that holds them, however it ends."""

import errno
import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

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
    found = os.fstat(file)
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    with suppress(OSError):
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
        if match := re.search(rf"FLOCK +ADVISORY +WRITE +(\d+) +{place} ", locks):
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
