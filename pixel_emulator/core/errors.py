"""A user's mistake: where it stands, what is wrong, and what was probably meant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pixel_emulator.core.model import JSON, JsonPath, path_text

_LONGEST = 100  # characters of a word whose likeness is looked for


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; `line` and `column` count from 1, 0 means unknown."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file or "<input>", *(str(n) for n in (self.line, self.column) if n)]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class InputIssue:
    """One mistake in one sentence; `path` is the way to it inside the document."""

    message: str
    location: Location = Location()
    path: str = ""

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location.file else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}{path}{self.message}"


class InputError(ValueError):
    """Everything that is wrong with one input, all at once; doors print it and exit with 2."""

    def __init__(self, *issues: InputIssue) -> None:
        super().__init__("\n".join(map(str, issues)))
        self.issues = issues


class SelectionError(InputError):
    """A selection that is unknown or empty: nothing is judged, so doors exit with 3."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a YAML or JSON file says, and where each of its values stands.

    A member of a map stands where its key begins.
    """

    file: str
    data: JSON
    positions: Mapping[JsonPath, Location]

    def issue(self, message: str, *at: str | int) -> InputIssue:
        """A mistake at the value that `at` lead to, or at the nearest one around it."""
        return InputIssue(message, self.location(at), path_text(at))

    def location(self, at: JsonPath) -> Location:
        """Where the value at `at` stands, or the nearest one around it."""
        for n in range(len(at), -1, -1):
            if at[:n] in self.positions:
                return self.positions[at[:n]]
        return Location(self.file)


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """` (did you mean "x"?)` for the nearest of `allowed`, else an empty text."""
    from difflib import get_close_matches

    if len(word) > _LONGEST:  # difflib takes quadratic time
        return ""
    by_folded = {name.casefold(): name for name in allowed if len(name) <= _LONGEST}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f' (did you mean "{by_folded[found[0]]}"?)' if found else ""
