"""What a running emulator says of itself: printed by `serve`, read again by `env`."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pixel_emulator.core.mistakes import InputError, Mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Where an emulator listens and what its clients must trust.

    `ca` and `bundle` are paths of PEM files, `spki` is the base64 SHA-256 of the CA's key, and
    `hosts` are the emulated ones. `control` is the URL of its control API, `token` what one has
    to know there.
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
        """What a program needs to know, as one line of JSON."""
        return json.dumps({key: value for key, value in asdict(self).items() if key != "hosts"})


@contextmanager
def published(ready: Ready) -> Iterator[None]:
    """Let `env` find this emulator by its port, as long as the context lasts."""
    path = _folder(create=True) / f"{ready.port}.json"
    path.write_text(json.dumps(asdict(ready)), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others may still serve
            path.parent.rmdir()


def running(port: int) -> Ready:
    """The emulator of this user that serves on `port`; raises InputError if there is none."""
    path = _folder() / f"{port}.json"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        ready = Ready(**{**said, "hosts": tuple(said["hosts"])})
        os.kill(ready.pid, 0)
    except FileNotFoundError:
        others = sorted(each.stem for each in _folder().glob("*.json"))
        hint = f"; there is one on {', '.join(others)}" if others else ""
        raise InputError(
            Mistake(
                f"no emulator serves on port {port}{hint}: start one with "
                f"`pixel-emulator serve --port {port}`"
            )
        ) from None
    except ProcessLookupError:
        path.unlink(missing_ok=True)
        raise InputError(Mistake(f"the emulator on port {port} has died; start it again")) from None
    return ready


def _folder(*, create: bool = False) -> Path:
    folder = Path(tempfile.gettempdir()) / f"pixel-emulator-{os.getuid()}"
    if create:
        folder.mkdir(mode=0o700, exist_ok=True)
    if folder.exists():
        # The folder has a name that anybody can guess, and `env` makes a shell trust what it says.
        found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
        if found.st_uid != os.getuid() or not private:
            raise InputError(Mistake(f"{folder} is not a private folder of yours; remove it"))
    return folder
