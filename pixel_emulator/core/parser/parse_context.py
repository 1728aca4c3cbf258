"""The context of parsing one document: its issues, and checks for keys, items and text."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace

from pixel_emulator.core.errors import Document, InputIssue, Location, did_you_mean
from pixel_emulator.core.matching.expected import describe_value
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.display import cut, printable

_WORD_LISTS = ("tags", "use")  # lists that are often written as one bare word
_SUGGESTION_BUDGET = 200_000
"""Characters times candidate words that suggestions may cost per file: some tenths of a second.
Hundreds of issues cost less."""
_MAX_VALUE_LENGTH = 200
"""Characters of a value that a message shows; longer values are cut in the middle."""
_MAX_MESSAGE_LENGTH = 700
_CUT_ADVICE = "; in braces, put quotes around a text that holds a comma"


def escape(text: str) -> str:
    """Return a literal text as a scenario has to write it: `$` is doubled where it is special."""
    return text.replace("$", "$$") if "$$" in text or is_special(text) else text


def value_text(value: JSON) -> str:
    """Return a value as messages show it: a scalar with its type, a container as its type."""
    if isinstance(value, dict | list):
        return f"a {describe_value(value).type}"
    if value is None:
        return "empty"
    description = describe_value(value)
    return str(replace(description, text=cut(description.text, _MAX_VALUE_LENGTH)))


class ParseContext:
    """Parsing state of one document; `issues` collects what is wrong in it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.issues: list[InputIssue] = []
        self._suggestions: dict[tuple[JsonPath, str], str] = {}
        self._suggestion_cost = 0

    def add_issue(self, at: JsonPath, message: str) -> None:
        """Add an issue at path `at`."""
        self.issues.append(self.document.issue(printable(cut(message, _MAX_MESSAGE_LENGTH)), *at))

    def suggestion(self, at: JsonPath, word: str, allowed: Collection[str]) -> str:
        """Return `errors.did_you_mean` for a word at path `at`; empty once the budget is spent."""
        suggestion = self._suggestions.get((at, word))  # rows of `cases` repeat the same words
        if suggestion is None:
            self._suggestion_cost += len(word) * len(allowed)
            affordable = self._suggestion_cost <= _SUGGESTION_BUDGET
            suggestion = did_you_mean(word, allowed) if affordable else ""
            self._suggestions[at, word] = suggestion
        return suggestion

    def location(self, at: JsonPath) -> Location:
        """Return the location of the value at path `at`."""
        return self.document.location(at)

    def sorted_issues(self) -> tuple[InputIssue, ...]:
        """Return the issues in file order without duplicates, which rows of `cases` cause."""
        return tuple(dict.fromkeys(sorted(self.issues, key=_position)))

    def check_keys(
        self,
        at: JsonPath,
        data: Payload,
        allowed: Collection[str],
        advice: str = "",
    ) -> None:
        """Add an issue for every unknown key; `advice` is appended if no allowed key is similar."""
        unknown = [key for key in data if key not in allowed]
        # Only in braces can two keys share a line.
        lines = Counter(self.location((*at, key)).line for key in data) if unknown else {}
        for key in unknown:
            here = (*at, key)
            in_braces = data[key] is None and lines[self.location(here).line] > 1
            fallback = _CUT_ADVICE if in_braces else advice
            guess = self.suggestion(here, key, allowed)
            self.add_issue(here, f"no such key here{guess or fallback}")

    def items(self, at: JsonPath, value: JSON) -> Iterator[tuple[JsonPath, JSON]]:
        """Yield the items of a list with their paths; add an issue if `value` is not a list."""
        if isinstance(value, list):
            yield from (((*at, index), item) for index, item in enumerate(value))
            return
        advice = ""
        if isinstance(value, dict):
            typo = next((key for key in value if key.startswith("-")), "")
            item = f"- {typo.lstrip('-')}" if typo else "- "
            advice = f": begin each item with a hyphen and a blank, `{item}`"
        elif isinstance(value, str) and value and at and at[-1] in _WORD_LISTS:
            advice = f": write [{value}]"
        self.add_issue(at, f"must be a list, but is {value_text(value)}{advice}")

    def text(self, at: JsonPath, value: JSON) -> str:
        """Return a literal text; add an issue and return an empty one if `value` is not text."""
        if isinstance(value, str):
            return value
        scalar = not isinstance(value, dict | list | None)
        advice = f': quote it, "{describe_value(value).text}"' if scalar else ""
        self.add_issue(at, f"must be text, but is {value_text(value)}{advice}")
        return ""


def is_special(text: str) -> bool:
    """Return True if a text is not literal: it begins with `$` or contains `${`."""
    pieces = text.split("$$")
    return pieces[0].startswith("$") or any("${" in piece for piece in pieces)


def _position(issue: InputIssue) -> tuple[int, int]:
    return issue.location.line, issue.location.column
