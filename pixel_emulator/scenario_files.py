"""Scenario files with what they name: the definitions of other files, tracking plans, matchers.

A file in `use` holds `define` and `use`, and nothing that runs. Files are named relative to the
file that names them. A recording is a scenario, read literally: what was sent has to be sent again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pixel_emulator import files
from pixel_emulator.core.calls import JSON, Steps
from pixel_emulator.core.drafts.draft import draft
from pixel_emulator.core.grammar.definitions import Definition, read_use
from pixel_emulator.core.grammar.reader import Reader
from pixel_emulator.core.grammar.scenario import Reading, read
from pixel_emulator.core.matching.wants import Want
from pixel_emulator.core.mistakes import Document, InputError, Location, Mistake, likely
from pixel_emulator.core.plans import plan
from pixel_emulator.core.plans.plan import Plan
from pixel_emulator.core.scenarios.model import Scenario, Values
from pixel_emulator.documents import parse_document
from pixel_emulator.matcher_hooks import MatcherHooks

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of a file that is read for its scenarios: ten thousands of expectations."""

_NOTHING: Mapping[str, JSON] = {}
_DEEPEST = 20  # files in a row, each named by `use` in the one before


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """One file: its scenarios, with their plans, how many names it defines, and what is wrong."""

    path: str
    scenarios: tuple[Scenario, ...] = ()
    definitions: int = 0
    declared: frozenset[str] = frozenset()
    mistakes: tuple[Mistake, ...] = ()


def load_scenarios(
    paths: Iterable[str | os.PathLike[str]], *, given: Values = _NOTHING
) -> tuple[Scenario, ...]:
    """The scenarios of all files; `given` are values of their variables.

    Raises InputError with the mistakes of all files, and for a file that only defines names.
    """
    found = read_files(paths, given=given)
    mistakes = list(mistakes_of(found, given))
    for each in found:
        if not each.scenarios and not each.mistakes:
            message = "only defines names for files that `use` it: there is nothing to be met"
            mistakes.append(Mistake(message, Location(each.path)))
    if mistakes:
        raise InputError(*mistakes)
    return tuple(scenario for each in found for scenario in each.scenarios)


def load_text(text: str, path: str, *, given: Values = _NOTHING) -> tuple[Scenario, ...]:
    """The scenarios of a text that is to stand in the file `path`.

    Raises InputError with its mistakes, and those of the files that it names.
    """
    found = _Loader(given, MatcherHooks()).read(parse_document(text, path))
    if mistakes := mistakes_of([found], given):
        raise InputError(*mistakes)
    return found.scenarios


def read_files(
    paths: Iterable[str | os.PathLike[str]], *, given: Values = _NOTHING
) -> tuple[ScenarioFile, ...]:
    """Each file with its scenarios and its mistakes; nothing is raised."""
    loader = _Loader(given, MatcherHooks())
    return tuple(loader.load(os.fspath(path)) for path in paths)


def mistakes_of(found: Iterable[ScenarioFile], given: Values = _NOTHING) -> tuple[Mistake, ...]:
    """The mistakes of all files, each once; a given value that no file declares is one too."""
    found = tuple(found)
    mistakes = [mistake for each in found for mistake in each.mistakes]
    declared = {name for each in found for name in each.declared}
    for name in given:
        if name not in declared:
            advice = likely(name, declared) or f": write `let: [{name}]` into one of them"
            mistakes.append(Mistake(f"--let {name}=…: no file declares `{name}`{advice}"))
    return tuple(dict.fromkeys(mistakes))


@dataclass(frozen=True, slots=True)
class _Used:
    """What a file gives to those that use it."""

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()


@dataclass(slots=True)
class _Loader:
    """One loading; every file is read once."""

    given: Values
    hooks: Mapping[str, Want]
    used: dict[Path, _Used] = field(default_factory=dict)
    plans: dict[Path, Plan | InputError] = field(default_factory=dict)

    def load(self, path: str) -> ScenarioFile:
        """A file that was asked for."""
        try:
            return self.read(_literal(path) if files.is_recording(path) else _document(path))
        except InputError as error:
            return ScenarioFile(path, mistakes=error.mistakes)

    def read(self, document: Document) -> ScenarioFile:
        """A document of that file."""
        path = document.file
        try:
            around = self._around(document, ())
            if around.mistakes:
                return ScenarioFile(path, mistakes=around.mistakes)
            reading = self._read(document, around)
            scenarios, mistakes = self._with_plans(path, reading.scenarios)
        except InputError as error:
            return ScenarioFile(path, mistakes=error.mistakes)
        return ScenarioFile(
            path=path,
            scenarios=scenarios,
            definitions=len(reading.definitions),
            declared=reading.declared,
            mistakes=(*reading.mistakes, *mistakes),
        )

    def _read(self, document: Document, around: _Used) -> Reading:
        return read(document, given=self.given, definitions=around.definitions, hooks=self.hooks)

    def _around(self, document: Document, trail: tuple[Path, ...]) -> _Used:
        """What a document takes in by `use`; `trail` are the files that led to it."""
        if not isinstance(document.data, dict):
            return _Used()
        reader = Reader(document)
        here = Path(document.file)
        trail = (*trail, _real(here))
        definitions: dict[str, Definition] = {}
        mistakes: list[Mistake] = []
        for steps, file in read_use(reader, document.data):
            path = here.parent / file
            if _real(path) in trail:
                reader.wrong(steps, f"goes round in a circle: {file} leads back here")
            elif len(trail) > _DEEPEST:
                reader.wrong(steps, f"is file {_DEEPEST + 1} in a row, each used by the next")
            else:
                found = self._use(reader, steps, path, trail)
                mistakes += found.mistakes
                for name, each in found.definitions.items():
                    if definitions.setdefault(name, each) is not each:
                        both = f"{definitions[name].place} and {each.place}"
                        reader.wrong(steps, f"`{name}` is defined twice, in {both}")
        return _Used(definitions, (*reader.in_order(), *mistakes))

    def _use(self, reader: Reader, steps: Steps, path: Path, trail: tuple[Path, ...]) -> _Used:
        real = _real(path)
        if real not in self.used:
            try:
                self.used[real] = self._used(_document(str(path)), trail)
            except InputError as error:
                if all(not each.location.line for each in error.mistakes):
                    reader.wrong(steps, f"{error.mistakes[0]}")
                    return _Used()
                self.used[real] = _Used(mistakes=error.mistakes)
        return self.used[real]

    def _used(self, document: Document, trail: tuple[Path, ...]) -> _Used:
        around = self._around(document, trail)
        reader = Reader(document)
        if isinstance(document.data, dict):
            for key in document.data.keys() - {"define", "use"}:
                only = "a file that others use holds `define` and `use`, nothing that runs"
                reader.wrong((key,), f"does not belong here: {only}")
        if around.mistakes or reader.mistakes:
            return _Used(mistakes=(*around.mistakes, *reader.in_order()))
        reading = self._read(document, around)
        return _Used({**around.definitions, **reading.definitions}, reading.mistakes)

    def _with_plans(
        self, path: str, scenarios: Iterable[Scenario]
    ) -> tuple[tuple[Scenario, ...], tuple[Mistake, ...]]:
        found, mistakes = [], []
        for scenario in scenarios:
            plans: dict[int, Plan] = {}
            for version, file in scenario.plan_files.items():
                read = self._plan(Path(path).parent / file)
                if isinstance(read, Plan):
                    plans[version] = read
                else:
                    mistakes += list(_naming(scenario, read))
            found.append(replace(scenario, plans=plans))
        return tuple(found), tuple(mistakes)

    def _plan(self, path: Path) -> Plan | InputError:
        real = _real(path)
        if real not in self.plans:
            try:
                self.plans[real] = plan.parse(_document(str(path)))
            except InputError as error:
                self.plans[real] = error
        return self.plans[real]


def _document(path: str) -> Document:
    text = files.read_text(path)
    _check_size(text, path)
    return parse_document(text, path)


def _literal(path: str) -> Document:
    """A recording as a scenario. Nothing of it stands in a line of the file."""
    evidence = files.read_recording(path).evidence()
    if evidence.gaps:
        message = f"is no scenario, because not all that was sent is in it: {evidence.gaps[0]}"
        raise InputError(Mistake(message, Location(path)))
    text = draft(evidence.hits)
    _check_size(text, path)
    return Document(path, parse_document(text, path).data, {})


def _check_size(text: str, path: str) -> None:
    if len(text) > MAX_BYTES:
        raise InputError(Mistake(f"is larger than {MAX_BYTES:,} bytes", Location(path)))


def _real(path: Path) -> Path:
    """The path without links, or as it is where it cannot be followed: reading it will say why."""
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # Python 3.12 raises the last for a circle of links
        return path


def _naming(scenario: Scenario, error: InputError) -> Iterator[Mistake]:
    """The mistakes of a plan; one without a place is told with the scenario that names it."""
    for each in error.mistakes:
        if each.location.line:
            yield each
        else:
            yield Mistake(f"{each}", scenario.location, "plan")
