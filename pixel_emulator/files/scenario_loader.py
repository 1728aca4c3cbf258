"""Load scenario files with what they name: definitions of other files, tracking plans, matchers.

Paths are relative to the file that names them. A recording is a scenario that expects exactly the
recorded calls.
"""

import os
from collections import ChainMap
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
from pixel_emulator.core.scenarios.scenario import Scenario, Values
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.tracking_plan import plan
from pixel_emulator.core.tracking_plan.plan import Plan
from pixel_emulator.files import read_write
from pixel_emulator.files.includes import Includes, check_size, read_limited, real_path
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.runtime.output import learn_from

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

SUFFIXES = (".yaml", ".yml")

_DEFINITION_KEYS = frozenset(("define", "use"))
_PLAN_KEYS = frozenset(("rules", "data"))  # a tracking plan has one of these, a scenario neither


def expand(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the files, each folder replaced by its scenario files, without duplicates.

    A folder without scenario files stays in the list, so that loading it reports the problem.
    """
    by_real_path: dict[str, str] = {}
    for path in [os.fspath(file) for file in paths]:
        inside = list(map(str, _scenarios_in(Path(path)))) if is_folder(path) else []
        for file in inside or [path]:
            by_real_path.setdefault(_real(file), file)
    return list(by_real_path.values())


def folders_in(path: Path) -> Iterator[Path]:
    """Yield a folder and those below it that are searched; nothing for a file."""
    return (folder for folder, _ in _walk(path))


def _walk(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its files, sorted by name."""
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _scenarios_in(folder_path: Path) -> Iterator[Path]:
    for folder, names in _walk(folder_path):
        for path in (folder / name for name in names if name.endswith(SUFFIXES)):
            if path.is_file() and _may_be_scenarios(path):
                yield path


def _may_be_scenarios(path: Path) -> bool:
    """Return False if a file is known to be something else; a file with mistakes may be
    scenarios."""
    try:
        if read_write.is_recording(path):
            return False
        data = read_limited(str(path)).data
    except InputError:
        return True
    if not isinstance(data, dict):
        return True
    return not (data.keys() and data.keys() <= _DEFINITION_KEYS) and not data.keys() & _PLAN_KEYS


def is_folder(path: str) -> bool:
    """Return True if there is a folder of this name."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _real(path: str) -> str:
    """Return the path without links, or unchanged if it cannot be resolved: reading it will
    fail."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


GROUP = "pixel_emulator.matchers"


class RegisteredMatchers(Mapping[str, Expected]):
    """Registered matchers by name. A matcher is imported when a scenario uses it."""

    def __getitem__(self, name: str) -> Expected:
        """Return the matcher. Raises KeyError, or InputError if it cannot be imported."""
        entry_point = self._entry_points[name]
        where = f"the matcher `${name}` ({entry_point.value})"
        try:
            function = entry_point.load()
        except Exception as error:  # noqa: BLE001 - foreign code: importing it may raise anything
            raise InputError(InputIssue(f"{where} cannot be loaded: {error}")) from None
        if not callable(function):
            raise InputError(InputIssue(f"{where} is no function"))
        return PluginMatcher(name, function)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entry_points.names)

    def __len__(self) -> int:
        return len(self._entry_points)

    def __contains__(self, name: object) -> bool:
        return name in self._entry_points.names

    @cached_property
    def _entry_points(self) -> "EntryPoints":
        from importlib.metadata import entry_points

        return entry_points(group=GROUP)


_NOTHING: Mapping[str, JSON] = {}


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """One file: its scenarios with their plans, how many names it defines, and its mistakes."""

    path: str
    scenarios: tuple[Scenario, ...] = ()
    definitions: int = 0
    declared: frozenset[str] = frozenset()
    issues: tuple[InputIssue, ...] = ()


def load_scenarios(
    paths: Iterable[str | os.PathLike[str]], *, given: Values = _NOTHING
) -> tuple[Scenario, ...]:
    """Return the scenarios of all files and folders; `given` are values of their variables.

    Raises InputError with the mistakes of all files, and if a file only defines names.
    """
    files = read_files(paths, given=given)
    issues = list(issues_of(files, given))
    for file in files:
        if not file.scenarios and not file.issues:
            message = "only defines names for files that `use` it: there is nothing to be met"
            issues.append(InputIssue(message, Location(file.path)))
    if issues:
        raise InputError(*issues)
    return tuple(scenario for file in files for scenario in file.scenarios)


def load_data(
    document: Document, matchers: Mapping[str, Expected], *, given: Values = _NOTHING
) -> tuple[Scenario, ...]:
    """Return the scenarios of a document that is no file; files that it names are relative to its
    own. `matchers` are further names for matchers.

    Raises InputError with its mistakes and those of the files that it names.
    """
    learn_from(json_codec.write(document.data))
    known = ChainMap({**matchers}, RegisteredMatchers())  # type: ignore[arg-type] # never written
    file = _Loader(Includes(given, known)).read(document)
    if issues := issues_of([file], given):
        raise InputError(*issues)
    return file.scenarios


def load_text(text: str, path: str, *, given: Values = _NOTHING) -> tuple[Scenario, ...]:
    """Return the scenarios of a text that is to be written to the file `path`.

    Raises InputError with its mistakes and those of the files that it names.
    """
    learn_from(text)
    file = _Loader(Includes(given, RegisteredMatchers())).read(parse_document(text, path))
    if issues := issues_of([file], given):
        raise InputError(*issues)
    return file.scenarios


def read_files(
    paths: Iterable[str | os.PathLike[str]], *, given: Values = _NOTHING
) -> tuple[ScenarioFile, ...]:
    """Return each file, and each file of the folders, once, with its scenarios and mistakes. Does
    not raise InputError."""
    loader = _Loader(Includes(given, RegisteredMatchers()))
    return tuple(map(loader.load, expand(paths)))


def issues_of(files: Iterable[ScenarioFile], given: Values = _NOTHING) -> tuple[InputIssue, ...]:
    """Return the mistakes of all files without duplicates. A given value that no file declares is
    one."""
    files = tuple(files)
    issues = [issue for file in files for issue in file.issues]
    declared = {name for file in files for name in file.declared}
    for name in given:
        if name not in declared:
            advice = did_you_mean(name, declared) or f": write `let: [{name}]` into one of them"
            issues.append(InputIssue(f"`{name}` is given a value, but no file declares it{advice}"))
    return tuple(dict.fromkeys(issues))


@dataclass(slots=True)
class _Loader:
    """One loading, in which every file is read once."""

    definitions: Includes
    plans: dict[Path, Plan | InputError] = field(default_factory=dict)

    def load(self, path: str) -> ScenarioFile:
        """Load a file, or report a folder without scenario files."""
        if is_folder(path):
            ends = " or ".join(SUFFIXES)
            message = f"holds no scenario: no file in it that ends with {ends} is one"
            return ScenarioFile(path, issues=(InputIssue(message, Location(path)),))
        try:
            return self.read(
                _scenario_of_recording(path)
                if read_write.is_recording(path)
                else read_limited(path)
            )
        except InputError as error:
            return ScenarioFile(path, issues=error.issues)

    def read(self, document: Document) -> ScenarioFile:
        """Parse the document of a file."""
        path = document.file
        try:
            included = self.definitions.included(document)
            if included.issues:
                return ScenarioFile(path, issues=included.issues)
            reading = self.definitions.read(document, included)
            scenarios, issues = self._with_plans(document, reading.scenarios)
        except InputError as error:
            return ScenarioFile(path, issues=error.issues)
        return ScenarioFile(
            path=path,
            scenarios=scenarios,
            definitions=len(reading.definitions),
            declared=reading.declared,
            issues=(*reading.issues, *issues),
        )

    def _with_plans(
        self, document: Document, scenarios: Iterable[Scenario]
    ) -> tuple[tuple[Scenario, ...], tuple[InputIssue, ...]]:
        with_plans, issues = [], []
        for scenario in scenarios:
            plans: dict[int, Plan] = {}
            for version, file in scenario.plan_files.items():
                read = self._plan(Path(document.file).parent / file)
                if isinstance(read, Plan):
                    plans[version] = read
                else:
                    issues += list(_plan_issues(document, scenario, read))
            with_plans.append(replace(scenario, plans=plans))
        return tuple(with_plans), tuple(issues)

    def _plan(self, path: Path) -> Plan | InputError:
        real = real_path(path)
        if real not in self.plans:
            try:
                self.plans[real] = plan.parse(read_limited(str(path)))
            except InputError as error:
                self.plans[real] = error
        return self.plans[real]


def _scenario_of_recording(path: str) -> Document:
    """Return a recording as a scenario. Its values have no positions in the file."""
    evidence = read_write.read_recording(path).evidence()
    if evidence.gaps:
        message = f"is no scenario, because not all that was sent is in it: {evidence.gaps[0]}"
        raise InputError(InputIssue(message, Location(path)))
    text = draft(evidence.hits)
    check_size(text, path)
    return Document(path, parse_document(text, path).data, {})


def _plan_issues(document: Document, scenario: Scenario, error: InputError) -> Iterator[InputIssue]:
    """Yield the mistakes of a plan. Those without a line are placed where the plan is named: in the
    scenario, or in the defaults of its file."""
    listed = document.data.get("scenarios") if isinstance(document.data, dict) else None
    items = listed if isinstance(listed, list) else []
    containers: list[JsonPath] = [(), *(("scenarios", n) for n, _ in enumerate(items))]
    own = (at for at in containers if document.issue("", *at).location == scenario.location)
    plan_paths = [(*at, "plan") for at in own]
    place = next((at for at in plan_paths if at in document.positions), ("defaults", "plan"))
    for issue in error.issues:
        yield issue if issue.location.line else document.issue(str(issue), *place)
