"""Addresses of running emulators: written by `serve`, found by `env`."""

import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from pixel_emulator.core.errors import InputError, InputIssue


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """Where an emulator listens and what its clients must trust.

    `ca` and `bundle` are paths of PEM files, `spki` is the base64 SHA-256 of the CA's key, and
    `hosts` are the emulated hosts. `control` is the URL of its control API, `token` the secret for
    it.
    """

    proxy: str
    url: str
    port: int
    ca: str
    bundle: str
    spki: str
    hosts: tuple[str, ...]
    pid: int
    control: str
    token: str

    def line(self) -> str:
        """Return one line of JSON with what a program needs to connect."""
        return json.dumps({key: value for key, value in asdict(self).items() if key != "hosts"})


@contextmanager
def publish(info: ServerInfo) -> Iterator[None]:
    """Let `env` find this emulator by its port while the context lasts.

    The file holds a token, so only its owner may read it. A lock on the file shows that the
    emulator is running, however its process ends.
    """
    folder = _folder(create=True)
    remove_dead_servers()
    path, new = folder / f"{info.port}.json", folder / f".{info.port}.{os.getpid()}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump(asdict(info), file)
        file.flush()
        new.rename(path)  # nobody sees the file without its lock
        try:
            yield
        finally:
            if _is_same(path, file):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # other emulators may still be running
                folder.rmdir()


def find_server(port: int | None = None) -> ServerInfo:
    """Return this user's emulator on `port`, or without a port the only one that is running.

    Raises InputError if there is none, or if there are several and no `port` was given.
    """
    path = _folder() / f"{port}.json"
    was_there = path.exists()
    servers = running_servers()
    if port is None and len(servers) == 1:
        return servers[0]
    for server in servers:
        if server.port == port:
            return server
    if was_there:
        raise InputError(InputIssue(f"the emulator on port {port} has died; start it again"))
    if port is None and servers:
        raise InputError(
            InputIssue(
                f"several emulators serve, {server_list(servers)}: say which one with --port"
            )
        )
    where, start = ("", "") if port is None else (f" on port {port}", f" --port {port}")
    hint = f"; there is {server_list(servers)}" if servers else ""
    raise InputError(
        InputIssue(f"no emulator serves{where}{hint}: start one with `pixel-emulator serve{start}`")
    )


def running_servers() -> list[ServerInfo]:
    """Return this user's running emulators, sorted by port. Removes the files of dead ones."""
    remove_dead_servers()
    servers = []
    for path in _folder().glob("*.json"):
        # The file may be gone by now, or of another format.
        with suppress(OSError, ValueError, TypeError, KeyError):
            data = json.loads(path.read_text(encoding="utf-8"))
            servers.append(ServerInfo(**{**data, "hosts": tuple(data["hosts"])}))
    return sorted(servers, key=lambda server: server.port)


def server_list(servers: Iterable[ServerInfo]) -> str:
    """Return emulators as words: `one on port 8080 (process 17)`, separated by commas."""
    return ", ".join(f"one on port {server.port} (process {server.pid})" for server in servers)


def remove_dead_servers() -> None:
    """Remove the files of emulators that have died, and with them their tokens."""
    folder = _folder()
    for path in (*folder.glob("*.json"), *folder.glob(".*.new")):
        with suppress(OSError), path.open("rb") as file:
            # A shared lock: two processes that check at once must not mistake each other for an
            # emulator.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if _is_same(path, file):
                path.unlink()


def _is_same(path: Path, file: IO[str] | IO[bytes]) -> bool:
    """Return True if the path still names this open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def _folder(*, create: bool = False) -> Path:
    folder = Path(tempfile.gettempdir()) / f"pixel-emulator-{os.getuid()}"
    if create:
        folder.mkdir(mode=0o700, exist_ok=True)
    if folder.exists():
        # Anybody can guess the folder's name, and `env` makes a shell trust what is in it.
        status = folder.lstat()
        private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
        if status.st_uid != os.getuid() or not private:
            raise InputError(InputIssue(f"{folder} is not a private folder of yours; remove it"))
    return folder


_PREFIX = "pixel-emulator-"
_LOCK = "lock"


@contextmanager
def private_directory() -> Iterator[Path]:
    """Make a new temporary directory that only this user can read, and remove it at the end.

    While this process lives it holds a lock in the directory: `remove_stale` relies on that.
    """
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        directory = Path(name)
        new = directory / f"{_LOCK}.new"
        with new.open("xb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            new.rename(directory / _LOCK)  # nobody sees the file unlocked
            yield directory


def remove_stale() -> None:
    """Remove directories and server files, with their tokens, whose processes were killed.

    Those of running processes and of other users stay.
    """
    with suppress(InputError, OSError):  # the folder may belong to somebody else
        remove_dead_servers()
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            status = directory.lstat()  # others may write to the parent: follow no links
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
                with (directory / _LOCK).open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(directory, ignore_errors=True)
