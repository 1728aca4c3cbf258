"""Scenario files that are read again when somebody has changed them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import JSON
from pixel_emulator.core.scenarios.model import Scenario, select_by_tags
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import expand, folders_in, load_scenarios


class ScenarioFiles:
    """The scenarios of some files, as they were when all of these were last without a mistake.

    Of them, those with the `tags` of `select_by_tags`. Raises InputError where they have mistakes
    to begin with. Changes are found by looking at the files, at the folders that were asked for,
    and at the files that are named under `use` and `plan`: that works on every file system, and
    with editors that put a new file in the place of the old one.
    """

    def __init__(
        self, paths: Sequence[Path], given: Mapping[str, JSON], tags: Sequence[str] = ()
    ) -> None:
        self._paths = paths
        self._tags = tags
        self._given = given
        self._seen: dict[Path, object] = {}
        self.scenarios = self._load()

    def changed(self) -> bool:
        """Whether a file is not as it was when it was read."""
        return any(_state(path) != state for path, state in self._seen.items())

    def reload(self) -> tuple[InputIssue, ...]:
        """Read the files again; returns their mistakes, with which the old scenarios stay."""
        try:
            self.scenarios = self._load()
        except InputError as error:
            return error.mistakes
        return ()

    def _load(self) -> tuple[Scenario, ...]:
        # Each state is from before its file is read: what changes meanwhile is read again.
        self._seen = {path: _state(path) for path in _named(self._paths)}
        return select_by_tags(load_scenarios(self._paths, given=self._given), self._tags)


def _named(paths: Sequence[Path]) -> Iterator[Path]:
    """The files and folders, and the files that they name, as far as they can be read."""
    known = {folder for path in paths for folder in folders_in(path)}
    yield from known
    waiting = [Path(each) for each in expand(paths)]
    while waiting:
        path = waiting.pop()
        if path not in known:
            known.add(path)
            yield path
            with suppress(InputError):
                names = _names(read_write.read_document(path).data)
                waiting += [path.parent / each for each in names if isinstance(each, str)]


def _names(data: JSON) -> Iterator[JSON]:
    if not isinstance(data, dict):
        return
    for key in ("use", "scenarios"):
        listed = data.get(key)
        if isinstance(listed, list):
            yield from listed if key == "use" else (n for each in listed for n in _names(each))
    for plan in (data.get("plan"), *(_names(data.get("defaults")))):
        yield from plan.values() if isinstance(plan, dict) else (plan,)


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
