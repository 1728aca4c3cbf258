"""Scenario files with what they name: the definitions of other files, tracking plans, matchers.

Files are named relative to the file that names them. A recording is a scenario, read literally:
what was sent has to be sent again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_emulator.core.errors import Document, InputError, InputIssue, Location, did_you_mean
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.matching.predicates import PluginMatcher
from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.scenario_edit.generate import draft
from pixel_emulator.core.scenarios.model import Scenario, Values
from pixel_emulator.core.tracking_plan import plan
from pixel_emulator.core.tracking_plan.plan import Plan
from pixel_emulator.files import read_write
from pixel_emulator.files.includes import DefinitionFiles, check_size, read_limited, real_path
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.runtime.output import learn_from

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
        if read_write.is_recording(path):
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


if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP = "pixel_emulator.matchers"


class MatcherHooks(Mapping[str, Expected]):
    """The registered matchers by name; one is imported when a scenario asks for it."""

    def __getitem__(self, name: str) -> Expected:
        """The matcher. Raises KeyError, and InputError where it cannot be imported."""
        point = self._points[name]
        where = f"the matcher `${name}` ({point.value})"
        try:
            function = point.load()
        except Exception as error:  # noqa: BLE001 - foreign code: importing it may raise anything
            raise InputError(InputIssue(f"{where} cannot be loaded: {error}")) from None
        if not callable(function):
            raise InputError(InputIssue(f"{where} is no function"))
        return PluginMatcher(name, function)

    def __iter__(self) -> Iterator[str]:
        return iter(self._points.names)

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points.names

    @cached_property
    def _points(self) -> "EntryPoints":
        from importlib.metadata import entry_points

        return entry_points(group=GROUP)


_NOTHING: Mapping[str, JSON] = {}


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """One file: its scenarios, with their plans, how many names it defines, and what is wrong."""

    path: str
    scenarios: tuple[Scenario, ...] = ()
    definitions: int = 0
    declared: frozenset[str] = frozenset()
    mistakes: tuple[InputIssue, ...] = ()


def load_scenarios(
    paths: Iterable[str | os.PathLike[str]], *, given: Values = _NOTHING
) -> tuple[Scenario, ...]:
    """The scenarios of all files and folders; `given` are values of their variables.

    Raises InputError with the mistakes of all files, and for a file that only defines names.
    """
    found = read_files(paths, given=given)
    mistakes = list(mistakes_of(found, given))
    for each in found:
        if not each.scenarios and not each.mistakes:
            message = "only defines names for files that `use` it: there is nothing to be met"
            mistakes.append(InputIssue(message, Location(each.path)))
    if mistakes:
        raise InputError(*mistakes)
    return tuple(scenario for each in found for scenario in each.scenarios)


def load_text(text: str, path: str, *, given: Values = _NOTHING) -> tuple[Scenario, ...]:
    """The scenarios of a text that is to stand in the file `path`.

    Raises InputError with its mistakes, and those of the files that it names.
    """
    learn_from(text)
    found = _Loader(DefinitionFiles(given, MatcherHooks())).read(parse_document(text, path))
    if mistakes := mistakes_of([found], given):
        raise InputError(*mistakes)
    return found.scenarios


def read_files(
    paths: Iterable[str | os.PathLike[str]], *, given: Values = _NOTHING
) -> tuple[ScenarioFile, ...]:
    """Each file with its scenarios and its mistakes, once; those of folders too. Raises nothing."""
    loader = _Loader(DefinitionFiles(given, MatcherHooks()))
    return tuple(map(loader.load, expand(paths)))


def mistakes_of(found: Iterable[ScenarioFile], given: Values = _NOTHING) -> tuple[InputIssue, ...]:
    """The mistakes of all files, each once; a given value that no file declares is one too."""
    found = tuple(found)
    mistakes = [mistake for each in found for mistake in each.mistakes]
    declared = {name for each in found for name in each.declared}
    for name in given:
        if name not in declared:
            advice = did_you_mean(name, declared) or f": write `let: [{name}]` into one of them"
            mistakes.append(
                InputIssue(f"`{name}` is given a value, but no file declares it{advice}")
            )
    return tuple(dict.fromkeys(mistakes))


@dataclass(slots=True)
class _Loader:
    """One loading; every file is read once."""

    definitions: DefinitionFiles
    plans: dict[Path, Plan | InputError] = field(default_factory=dict)

    def load(self, path: str) -> ScenarioFile:
        """A file that was asked for, or a folder in which nothing was found."""
        if is_folder(path):
            ends = " or ".join(ENDINGS)
            message = f"holds no scenario: no file in it that ends with {ends} is one"
            return ScenarioFile(path, mistakes=(InputIssue(message, Location(path)),))
        try:
            return self.read(
                _literal(path) if read_write.is_recording(path) else read_limited(path)
            )
        except InputError as error:
            return ScenarioFile(path, mistakes=error.mistakes)

    def read(self, document: Document) -> ScenarioFile:
        """A document of that file."""
        path = document.file
        try:
            around = self.definitions.around(document)
            if around.mistakes:
                return ScenarioFile(path, mistakes=around.mistakes)
            reading = self.definitions.read(document, around)
            scenarios, mistakes = self._with_plans(document, reading.scenarios)
        except InputError as error:
            return ScenarioFile(path, mistakes=error.mistakes)
        return ScenarioFile(
            path=path,
            scenarios=scenarios,
            definitions=len(reading.definitions),
            declared=reading.declared,
            mistakes=(*reading.issues, *mistakes),
        )

    def _with_plans(
        self, document: Document, scenarios: Iterable[Scenario]
    ) -> tuple[tuple[Scenario, ...], tuple[InputIssue, ...]]:
        found, mistakes = [], []
        for scenario in scenarios:
            plans: dict[int, Plan] = {}
            for version, file in scenario.plan_files.items():
                read = self._plan(Path(document.file).parent / file)
                if isinstance(read, Plan):
                    plans[version] = read
                else:
                    mistakes += list(_unread(document, scenario, read))
            found.append(replace(scenario, plans=plans))
        return tuple(found), tuple(mistakes)

    def _plan(self, path: Path) -> Plan | InputError:
        real = real_path(path)
        if real not in self.plans:
            try:
                self.plans[real] = plan.parse(read_limited(str(path)))
            except InputError as error:
                self.plans[real] = error
        return self.plans[real]


def _literal(path: str) -> Document:
    """A recording as a scenario. Nothing of it stands in a line of the file."""
    evidence = read_write.read_recording(path).evidence()
    if evidence.gaps:
        message = f"is no scenario, because not all that was sent is in it: {evidence.gaps[0]}"
        raise InputError(InputIssue(message, Location(path)))
    text = draft(evidence.hits)
    check_size(text, path)
    return Document(path, parse_document(text, path).data, {})


def _unread(document: Document, scenario: Scenario, error: InputError) -> Iterator[InputIssue]:
    """The mistakes of a plan; one without a place is told where the plan is named: by the
    scenario, or by the defaults of its file."""
    listed = document.data.get("scenarios") if isinstance(document.data, dict) else None
    items = listed if isinstance(listed, list) else []
    every: list[JsonPath] = [(), *(("scenarios", n) for n, _ in enumerate(items))]
    own = (each for each in every if document.mistake("", *each).location == scenario.location)
    named = [(*each, "plan") for each in own]
    place = next((each for each in named if each in document.positions), ("defaults", "plan"))
    for each in error.mistakes:
        yield each if each.location.line else document.mistake(str(each), *place)
