"""Folders of scenario files: which of their files are scenarios.

Those are all `.yaml` and `.yml` files, also in folders below, in the order of their names. What
says of itself that it is something else is left out: recordings, tracking plans, files that only
define names for others, and all that is hidden. Anything else is a scenario or a mistake.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pixel_emulator import files
from pixel_emulator.core.errors import InputError
from pixel_emulator.definition_files import read_limited

ENDINGS = (".yaml", ".yml")

_DEFINING = frozenset(("define", "use"))
_PLANNING = frozenset(("rules", "data"))  # a tracking plan has one of these, a scenario neither


def expand(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """The files, with those of a folder in its place, each once.

    A folder without scenario files stands for itself, so that somebody says so.
    """
    found: dict[str, str] = {}
    for path in [os.fspath(each) for each in paths]:
        inside = list(map(str, _scenarios_in(Path(path)))) if is_folder(path) else []
        for each in inside or [path]:
            found.setdefault(_real(each), each)
    return list(found.values())


def folders_in(path: Path) -> Iterator[Path]:
    """The folder and those below it, as far as they are looked at; none for a file."""
    return (folder for folder, _ in _walk(path))


def _walk(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder with the names of its files, in the order of their names."""
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _scenarios_in(path: Path) -> Iterator[Path]:
    for folder, names in _walk(path):
        for each in (folder / name for name in names if name.endswith(ENDINGS)):
            if each.is_file() and _may_be_one(each):
                yield each


def _may_be_one(path: Path) -> bool:
    """Whether nothing says that it is something else; a file with mistakes may be one."""
    try:
        if files.is_recording(path):
            return False
        data = read_limited(str(path)).data
    except InputError:
        return True
    if not isinstance(data, dict):
        return True
    return not (data.keys() and data.keys() <= _DEFINING) and not data.keys() & _PLANNING


def is_folder(path: str) -> bool:
    """Whether there is a folder of this name."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _real(path: str) -> str:
    """The path without links, or as it is where it cannot be followed: reading it will say why."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path
