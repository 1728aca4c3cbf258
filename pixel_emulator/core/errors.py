"""Errors in a user's input: their places, their messages, and suggestions for misspelt words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pixel_emulator.core.model import JSON, JsonPath, path_text

_MAX_LENGTH = 100  # characters of a word that suggestions are searched for


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; `line` and `column` count from 1, and 0 means unknown."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file or "<input>", *(str(n) for n in (self.line, self.column) if n)]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class InputIssue:
    """One error in an input, as one sentence; `path` is its JSON path in the document."""

    message: str
    location: Location = Location()
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location.file else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}{path}{self.message}"


class InputError(ValueError):
    """All issues of one input at once. Commands print them and exit with 2."""

    def __init__(self, *issues: InputIssue) -> None:
        super().__init__("\n".join(map(str, issues)))
        self.issues = issues


class SelectionError(InputError):
    """A selection that is unknown or empty. Nothing was verified, so commands exit with 3."""


@dataclass(frozen=True, slots=True)
class Document:
    """The data of a YAML or JSON file, and the place of each of its values.

    The place of a map's member is that of its key.
    """

    file: str
    data: JSON
    positions: Mapping[JsonPath, Location]

    def issue(self, message: str, *at: str | int) -> InputIssue:
        """Return an issue at the path `at`, located at that value or the nearest around it."""
        return InputIssue(message, self.location(at), path_text(at))

    def location(self, at: JsonPath) -> Location:
        """Return the place of the value at the path `at`, or of the nearest value around it."""
        for n in range(len(at), -1, -1):
            if at[:n] in self.positions:
                return self.positions[at[:n]]
        return Location(self.file)


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return ` (did you mean "x"?)` for the nearest of the `allowed` words, or an empty text."""
    if len(word) > _MAX_LENGTH:  # difflib takes quadratic time
        return ""
    from difflib import get_close_matches

    by_folded = {name.casefold(): name for name in allowed if len(name) <= _MAX_LENGTH}
    matches = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f' (did you mean "{by_folded[matches[0]]}"?)' if matches else ""
