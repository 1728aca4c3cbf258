"""File of a recording while it is written: locked, with the earlier recording kept until a call
arrives."""

import errno
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.recordings.recording import EXCHANGES
from pixel_emulator.core.schemas.recording_schema import schema_line
from pixel_emulator.files.file_io import close_locked, file_error, holder, lock
from pixel_emulator.files.read_write import FIRST_KEY

_OLD_HEADING = f"{schema_line('recording.schema.json')}\n"
"""First line of the recordings of earlier versions."""
"""First line of a recording that this program writes."""

_START_BYTES = 4096
"""Bytes at the start of a file that are examined; a recording without calls is shorter."""

_NEW_FILE = 0o666  # less the umask
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}
_ATTEMPTS = 100


class RecordingFile:
    """File of one recording, which no other writer can write at the same time.

    The lock belongs to the open file, so it ends with the process, however that ends. The file
    holds `head` (if the disk has room for it) as soon as it exists. Only a recording or an empty
    file is overwritten. An earlier recording is renamed to `NAME.previous` and stays there until
    `commit` or `put_back`. Pipes and devices are written directly. Raises InputError if the file is
    locked, cannot be written, or is no recording.
    """

    def __init__(self, path: str | os.PathLike[str], head: bytes) -> None:
        self.path = path
        self.size = 0
        self._unwritten = head
        self._file = -1
        self._earlier: os.stat_result | None = None
        self._absolute = os.path.abspath(path)  # noqa: PTH100 - keeps links: they may be retargeted
        try:
            self._open()
        except InputError:
            self.close()
            raise
        except (OSError, ValueError) as error:
            self.close()
            raise file_error("write", path, error) from None

    @property
    def real(self) -> Path:
        """Absolute path of the file behind the links in its name."""
        return self._real

    def write(self, data: bytes) -> None:
        """Append `data`, all of it or nothing. Raises OSError if that fails."""
        unwritten = memoryview(self._unwritten + data)
        size = self.size + len(unwritten)
        try:
            while unwritten:
                unwritten = unwritten[os.write(self._file, unwritten) :]
        except OSError:
            if self._is_regular():
                os.ftruncate(self._file, self.size)
            raise
        self.size, self._unwritten = size, b""

    def commit(self) -> None:
        """Remove the earlier recording: the current content replaces it."""
        if self._earlier is not None:
            with suppress(OSError):  # the calls are safe; the next run reports what is left
                if self._has_earlier():
                    self._previous.unlink()
            self._earlier = None

    def changes(self) -> Iterator[str]:
        """Yield a sentence for each thing that another program has done to the file: deleted,
        moved, replaced or changed it, or the earlier recording."""
        if not self._is_regular():
            return
        while_written = "while calls were recorded to it"
        try:
            status = os.stat(self._absolute)  # noqa: PTH116 - a str: it may be no valid path
        except OSError:
            yield f"{self.path} is gone: it was deleted or moved {while_written}"
        else:
            if not os.path.samestat(status, os.fstat(self._file)):
                yield f"{self.path} is another file now: it was replaced {while_written}"
            elif status.st_size != self.size:
                yield (
                    f"{self.path} has {status.st_size:,} bytes where {self.size:,} were written: "
                    f"it was cut off, or something else was written to it, {while_written}"
                )
        if self._earlier is not None and not self._has_earlier():
            yield f"{self._shown_previous}, the recording from before, is gone or another file now"

    def put_back(self) -> bool:
        """Give the earlier recording its name again, unless `commit` came before.

        Return True if it has its name now, False if there is none or if another program has given
        the name to a file of its own.
        """
        if self._file == -1 or not self._has_earlier():
            return False
        with suppress(FileNotFoundError):
            if not os.path.samestat(self._real.stat(), os.fstat(self._file)):
                return False
        try:
            self._previous.rename(self._real)
        except OSError:
            return False
        self._earlier = None
        return True

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        file, self._file = self._file, -1  # the descriptor may soon be that of another file
        if file != -1:
            close_locked(file)

    def __del__(self) -> None:
        """Close the file, as the end of the process does."""
        self.close()

    def _is_regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self._file).st_mode)

    def _has_earlier(self) -> bool:
        """Return True if `NAME.previous` is the recording that was renamed to it."""
        try:
            status = self._previous.lstat()
        except OSError:
            return False
        return self._earlier is not None and os.path.samestat(status, self._earlier)

    @property
    def _shown_previous(self) -> str:
        name = self.path if self._absolute == str(self._real) else self._real
        return f"{name}.previous"

    def _open(self) -> None:
        self._file = open_locked(self.path)
        self._real = Path(os.path.realpath(self.path))
        self._previous = self._real.with_name(f"{self._real.name}.previous")
        start = _start(self.path) if self._is_regular() else b""
        if start and not _is_recording(start):
            message = "exists and is no recording: it is not overwritten; choose another file"
            raise InputError(InputIssue(message, Location(str(self.path))))
        if start:
            is_empty = start.endswith(f"\n{EXCHANGES}".encode())
            self._replace(is_unused=len(start) < _START_BYTES and is_empty)
            return
        with suppress(OSError):  # a full disk: writing the first call, or the end, will report it
            self.write(b"")

    def _replace(self, *, is_unused: bool) -> None:
        """Put a new file in place of a recording, and keep that one as `NAME.previous`.

        A recording that `is_unused` (its run was killed before the first call) holds nothing, so
        the recording that it replaced is kept instead. At every moment the name stands for a
        recording.
        """
        # The name is ours: this process holds the lock of the recording.
        temporary = self._real.with_name(f".{self._real.name}.new")
        temporary.unlink(missing_ok=True)
        file = os.open(temporary, os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_WRONLY, _NEW_FILE)
        original, self._file = self._file, file
        try:
            lock(file)
            os.fchmod(file, stat.S_IMODE(os.fstat(original).st_mode))
            self.write(b"")
            if is_unused:
                self._earlier = self._leftover()
            else:
                self._keep_previous()
            temporary.replace(self._real)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            os.close(original)

    def _keep_previous(self) -> None:
        """Keep the recording as `NAME.previous`, too. Raises InputError if that is not possible.

        A run that was killed may have left such a file; any other file of this name is not touched.
        """
        leftover, status = self._leftover(), self._real.stat()
        is_ours = leftover is not None and (
            os.path.samestat(leftover, status) or not _has_end(self._real)
        )
        if os.path.lexists(self._previous) and not is_ours:
            message = (
                f"exists already: the recording that {self.path} holds would be kept there until "
                "a call arrives; move one of the two away"
            )
            raise InputError(InputIssue(message, Location(self._shown_previous)))
        try:
            _link_over(self._real, self._previous)
        except OSError as error:
            message = (
                f"holds a recording, and this one cannot be kept as {self._shown_previous} until "
                f"a call arrives ({error.strerror}): choose another file, or empty this one first"
            )
            raise InputError(InputIssue(message, Location(str(self.path)))) from None
        self._earlier = status

    def _leftover(self) -> os.stat_result | None:
        """Return the status of `NAME.previous`, or None if it does not exist or is no recording."""
        try:
            status = self._previous.lstat()
        except FileNotFoundError:
            return None
        is_ours = stat.S_ISREG(status.st_mode) and _is_recording(_start(self._previous))
        return status if is_ours else None


def open_locked(path: str | os.PathLike[str]) -> int:
    """Open the file at `path` for appending, and lock it if it is a regular file.

    Returns its descriptor, to be closed with `file_io.close_locked`. Raises OSError, or InputError
    if another process holds the lock.
    """
    # Without O_NONBLOCK, opening a pipe blocks until it has a reader.
    flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK
    for _ in range(_ATTEMPTS):
        try:
            file = os.open(path, flags, _NEW_FILE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            message = "is a pipe that nobody reads: start its reader first"
            raise InputError(InputIssue(message, Location(str(path)))) from None
        try:
            os.set_blocking(file, True)
            if not stat.S_ISREG(os.fstat(file).st_mode) or _locked(file, path):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)
    raise InputError(InputIssue("is replaced again and again", Location(str(path))))


def _locked(file: int, path: str | os.PathLike[str]) -> bool:
    """Lock an open file; return False if `path` stands for a newer file by now.

    Raises InputError if another process holds the lock.
    """
    if not lock(file):
        message = f"is being recorded to by {holder(file)}: end that first, or choose another file"
        raise InputError(InputIssue(message, Location(str(path))))
    try:
        return os.path.samestat(os.fstat(file), os.stat(os.path.realpath(path)))  # noqa: PTH116
    except FileNotFoundError:
        return False


def _is_recording(start: bytes) -> bool:
    return start.removeprefix(_OLD_HEADING.encode()).startswith(FIRST_KEY)


def _start(path: str | os.PathLike[str]) -> bytes:
    """Return the first bytes of a file. Raises InputError if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_START_BYTES)
    except OSError as error:
        raise file_error("read", path, error) from None


def _has_end(path: Path) -> bool:
    """Return True if a recording has an end. Entries are indented, so no entry can look like it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.rfind(b"\nend:") != -1


def _link_over(source: Path, target: Path) -> None:
    """Give a file a second name atomically, replacing what had that name."""
    temporary = source.with_name(f".{source.name}.old")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        source.replace(target)
        return
    temporary.replace(target)
    temporary.unlink(missing_ok=True)  # still there if both were names of one file already
