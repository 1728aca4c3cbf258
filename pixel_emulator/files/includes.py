"""Definitions across files: what a file takes in by `use`, and from where.

A file in `use` holds `define` and `use`, and nothing that runs. Files are named relative to the
file that names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pixel_emulator.core.errors import Document, InputError, InputIssue, Location
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.parser.context import ParseContext
from pixel_emulator.core.parser.definitions import Definition, read_use
from pixel_emulator.core.parser.document import ParsedDocument, read_document
from pixel_emulator.core.scenarios.model import Values
from pixel_emulator.files import read_write
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.runtime.output import learn_from

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of a file that is read for its scenarios: ten thousands of expectations."""

_DEEPEST = 20  # files in a row, each named by `use` in the one before


@dataclass(frozen=True, slots=True)
class Used:
    """What a file gives to those that use it."""

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    mistakes: tuple[InputIssue, ...] = ()


@dataclass(slots=True)
class DefinitionFiles:
    """The files that one loading takes definitions from; each is read once."""

    given: Values
    hooks: Mapping[str, Expected]
    used: dict[Path, Used] = field(default_factory=dict)

    def read(self, document: Document, around: Used) -> ParsedDocument:
        """What a document says, with the definitions around it."""
        return read_document(
            document, given=self.given, definitions=around.definitions, plugin_matchers=self.hooks
        )

    def around(self, document: Document, trail: tuple[Path, ...] = ()) -> Used:
        """What a document takes in by `use`; `trail` are the files that led to it."""
        if not isinstance(document.data, dict):
            return Used()
        reader = ParseContext(document)
        here = Path(document.file)
        trail = (*trail, real_path(here))
        definitions: dict[str, Definition] = {}
        mistakes: list[InputIssue] = []
        for at, file in read_use(reader, document.data):
            path = here.parent / file
            if real_path(path) in trail:
                reader.add_issue(at, f"goes round in a circle: {file} leads back here")
            elif len(trail) > _DEEPEST:
                reader.add_issue(at, f"is file {_DEEPEST + 1} in a row, each used by the next")
            else:
                found = self._use(reader, at, path, trail)
                mistakes += found.mistakes
                for name, each in found.definitions.items():
                    if definitions.setdefault(name, each) is not each:
                        both = f"{definitions[name].location_text} and {each.location_text}"
                        reader.add_issue(at, f"`{name}` is defined twice, in {both}")
        return Used(definitions, (*reader.sorted_issues(), *mistakes))

    def _use(self, reader: ParseContext, at: JsonPath, path: Path, trail: tuple[Path, ...]) -> Used:
        real = real_path(path)
        if real not in self.used:
            try:
                self.used[real] = self._used(read_limited(str(path)), trail)
            except InputError as error:
                if all(not each.location.line for each in error.mistakes):
                    reader.add_issue(at, f"{error.mistakes[0]}")
                    return Used()
                self.used[real] = Used(mistakes=error.mistakes)
        return self.used[real]

    def _used(self, document: Document, trail: tuple[Path, ...]) -> Used:
        around = self.around(document, trail)
        reader = ParseContext(document)
        if isinstance(document.data, dict):
            for key in document.data.keys() - {"define", "use"}:
                only = "a file that others use holds `define` and `use`, nothing that runs"
                reader.add_issue((key,), f"does not belong here: {only}")
        if around.mistakes or reader.issues:
            return Used(mistakes=(*around.mistakes, *reader.sorted_issues()))
        reading = self.read(document, around)
        return Used({**around.definitions, **reading.definitions}, reading.issues)


def read_limited(path: str) -> Document:
    """A document that is not too large to look into. Raises InputError as `read_write` does."""
    text = read_write.read_text(path)
    check_size(text, path)
    learn_from(text)
    return parse_document(text, path)


def check_size(text: str, path: str) -> None:
    """Raise InputError for a text that is too large to look into."""
    if len(text) > MAX_BYTES:
        raise InputError(InputIssue(f"is larger than {MAX_BYTES:,} bytes", Location(path)))


def real_path(path: Path) -> Path:
    """The path without links, or as it is where it cannot be followed: reading it will say why."""
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # Python 3.12 raises the last for a circle of links
        return path
