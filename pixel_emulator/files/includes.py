"""Definitions across files: what a file includes with `use`.

An included file holds `define` and `use`, and nothing that runs. Paths are relative to the file
that names them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pixel_emulator.core.errors import Document, InputError, InputIssue, Location
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.parser.definitions import Definition, read_use
from pixel_emulator.core.parser.document import ParsedDocument, read_document
from pixel_emulator.core.parser.parse_context import ParseContext
from pixel_emulator.core.scenarios.scenario import Values
from pixel_emulator.files import read_write
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.runtime.output import learn_from

MAX_BYTES = 16 * 1024 * 1024
"""Largest size in bytes of a scenario file: enough for tens of thousands of expectations."""

_MAX_CHAIN = 20  # length of a chain of files, each included by the one before


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a file provides to the files that include it."""

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    issues: tuple[InputIssue, ...] = ()


@dataclass(slots=True)
class Includes:
    """The included files of one loading; each is read once."""

    given: Values
    hooks: Mapping[str, Expected]
    cache: dict[Path, Definitions] = field(default_factory=dict)

    def read(self, document: Document, included: Definitions) -> ParsedDocument:
        """Parse a document, with the definitions that it includes."""
        return read_document(
            document, given=self.given, definitions=included.definitions, plugin_matchers=self.hooks
        )

    def included(self, document: Document, trail: tuple[Path, ...] = ()) -> Definitions:
        """Return what a document includes with `use`; `trail` are the files that led to it."""
        if not isinstance(document.data, dict):
            return Definitions()
        reader = ParseContext(document)
        here = Path(document.file)
        trail = (*trail, real_path(here))
        definitions: dict[str, Definition] = {}
        issues: list[InputIssue] = []
        for at, file in read_use(reader, document.data):
            path = here.parent / file
            if real_path(path) in trail:
                reader.add_issue(at, f"goes round in a circle: {file} leads back here")
            elif len(trail) > _MAX_CHAIN:
                reader.add_issue(at, f"is file {_MAX_CHAIN + 1} in a row, each used by the next")
            else:
                loaded = self._load(reader, at, path, trail)
                issues += loaded.issues
                for name, definition in loaded.definitions.items():
                    if definitions.setdefault(name, definition) is not definition:
                        both = f"{definitions[name].location_text} and {definition.location_text}"
                        reader.add_issue(at, f"`{name}` is defined twice, in {both}")
        return Definitions(definitions, (*reader.sorted_issues(), *issues))

    def _load(
        self, reader: ParseContext, at: JsonPath, path: Path, trail: tuple[Path, ...]
    ) -> Definitions:
        real = real_path(path)
        if real not in self.cache:
            try:
                self.cache[real] = self._definitions_of(read_limited(str(path)), trail)
            except InputError as error:
                if all(not issue.location.line for issue in error.issues):
                    reader.add_issue(at, f"{error.issues[0]}")
                    return Definitions()
                self.cache[real] = Definitions(issues=error.issues)
        return self.cache[real]

    def _definitions_of(self, document: Document, trail: tuple[Path, ...]) -> Definitions:
        around = self.included(document, trail)
        reader = ParseContext(document)
        if isinstance(document.data, dict):
            for key in document.data.keys() - {"define", "use"}:
                only = "a file that others use holds `define` and `use`, nothing that runs"
                reader.add_issue((key,), f"does not belong here: {only}")
        if around.issues or reader.issues:
            return Definitions(issues=(*around.issues, *reader.sorted_issues()))
        reading = self.read(document, around)
        return Definitions({**around.definitions, **reading.definitions}, reading.issues)


def read_limited(path: str) -> Document:
    """Read a document of at most `MAX_BYTES`. Raises InputError as `read_write` does."""
    text = read_write.read_text(path)
    check_size(text, path)
    learn_from(text)
    return parse_document(text, path)


def check_size(text: str, path: str) -> None:
    """Raise InputError if a text is larger than `MAX_BYTES`."""
    if len(text) > MAX_BYTES:
        raise InputError(InputIssue(f"is larger than {MAX_BYTES:,} bytes", Location(path)))


def real_path(path: Path) -> Path:
    """Return the path without links, or unchanged if it cannot be resolved: reading it will
    fail."""
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # the last for a loop of links in Python 3.12
        return path
