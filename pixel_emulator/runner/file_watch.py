"""Reload scenario files when they change."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import JSON
from pixel_emulator.core.scenarios.scenario import Scenario, select_by_tags
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import expand, folders_in, load_scenarios


class ScenarioFiles:
    """The scenarios of some files, as of the last time that none of the files had mistakes.

    `tags` select among them; see `select_by_tags`. Raises InputError if they have mistakes at the
    start. Changes are found by polling the files, the given folders, and the files named under
    `use` and `plan`: that works on every file system, and with editors that replace a file by a new
    one.
    """

    def __init__(
        self, paths: Sequence[Path], given: Mapping[str, JSON], tags: Sequence[str] = ()
    ) -> None:
        self._paths = paths
        self._tags = tags
        self._given = given
        self._states: dict[Path, object] = {}
        self.scenarios = self._load()

    def changed(self) -> bool:
        """Return True if a file has changed since it was read."""
        return any(_state(path) != state for path, state in self._states.items())

    def reload(self) -> tuple[InputIssue, ...]:
        """Read the files again; return their mistakes. With mistakes, the old scenarios stay."""
        try:
            self.scenarios = self._load()
        except InputError as error:
            return error.issues
        return ()

    def _load(self) -> tuple[Scenario, ...]:
        # The states are taken before the files are read: a change in between causes a reload.
        self._states = {path: _state(path) for path in _watched_paths(self._paths)}
        return select_by_tags(load_scenarios(self._paths, given=self._given), self._tags)


def _watched_paths(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders, the files, and the files that these name, as far as they can be read."""
    yielded = {folder for path in paths for folder in folders_in(path)}
    yield from yielded
    pending = [Path(file) for file in expand(paths)]
    while pending:
        path = pending.pop()
        if path not in yielded:
            yielded.add(path)
            yield path
            with suppress(InputError):
                names = _included_files(read_write.read_document(path).data)
                pending += [path.parent / file for file in names if isinstance(file, str)]


def _included_files(data: JSON) -> Iterator[JSON]:
    if not isinstance(data, dict):
        return
    for key in ("use", "scenarios"):
        listed = data.get(key)
        if isinstance(listed, list):
            yield from (
                listed
                if key == "use"
                else (n for scenario in listed for n in _included_files(scenario))
            )
    for plan in (data.get("plan"), *(_included_files(data.get("defaults")))):
        yield from plan.values() if isinstance(plan, dict) else (plan,)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
