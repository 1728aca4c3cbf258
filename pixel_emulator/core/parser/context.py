"""What every part of a scenario file is read with: keys, items, text, mistakes."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace

from pixel_emulator.core.errors import Document, InputIssue, Location, did_you_mean
from pixel_emulator.core.matching.expected import describe_value
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.display import cut, printable

_WORD_LISTS = ("tags", "use")  # lists of which one word is often written alone
_SUGGESTION_BUDGET = 200_000
"""Characters times words that one file may cost while likely words are looked for: some tenths of
a second. Hundreds of mistakes come to less."""
_MAX_VALUE_LENGTH = 200
"""Characters of a value that a sentence shows: more is cut in its middle."""
_MAX_MESSAGE_LENGTH = 700
_CUT_ADVICE = "; in braces, put quotes around a text that holds a comma"


def escape(text: str) -> str:
    """The text as a scenario must write it to mean itself: `$$` stands for a dollar sign."""
    return text.replace("$", "$$") if "$$" in text or is_special(text) else text


def value_text(value: JSON) -> str:
    """A value inside a sentence: a scalar with its type, a container by its type."""
    if isinstance(value, dict | list):
        return f"a {describe_value(value).type}"
    if value is None:
        return "empty"
    found = describe_value(value)
    return str(replace(found, text=cut(found.text, _MAX_VALUE_LENGTH)))


class ParseContext:
    """One reading of one document; `issues` grows on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.issues: list[InputIssue] = []
        self._suggestions: dict[tuple[JsonPath, str], str] = {}
        self._suggestion_cost = 0

    def add_issue(self, at: JsonPath, message: str) -> None:
        """Note a mistake at `at`."""
        self.issues.append(self.document.mistake(printable(cut(message, _MAX_MESSAGE_LENGTH)), *at))

    def suggestion(self, at: JsonPath, word: str, allowed: Collection[str]) -> str:
        """Return `errors.did_you_mean` for a word at `at`; empty past the budget."""
        known = self._suggestions.get((at, word))  # rows of `cases` ask again
        if known is None:
            self._suggestion_cost += len(word) * len(allowed)
            known = (
                did_you_mean(word, allowed) if self._suggestion_cost <= _SUGGESTION_BUDGET else ""
            )
            self._suggestions[at, word] = known
        return known

    def location(self, at: JsonPath) -> Location:
        """Where the value at `at` stands."""
        return self.document.location(at)

    def sorted_issues(self) -> tuple[InputIssue, ...]:
        """The mistakes in the order of the file, each once: rows of `cases` repeat them."""
        return tuple(dict.fromkeys(sorted(self.issues, key=_position)))

    def check_keys(
        self,
        at: JsonPath,
        data: Payload,
        known: Collection[str],
        advice: str = "",
    ) -> None:
        """Refuse keys that are unknown."""
        unknown = [key for key in data if key not in known]
        # Only in braces may another key stand in the same line.
        lines = Counter(self.location((*at, key)).line for key in data) if unknown else {}
        for key in unknown:
            here = (*at, key)
            in_braces = data[key] is None and lines[self.location(here).line] > 1
            cut = _CUT_ADVICE if in_braces else advice
            self.add_issue(here, f"no such key here{self.suggestion(here, key, known) or cut}")

    def items(self, at: JsonPath, value: JSON) -> Iterator[tuple[JsonPath, JSON]]:
        """Each item of a list with its path."""
        if isinstance(value, list):
            yield from (((*at, index), item) for index, item in enumerate(value))
            return
        advice = ""
        if isinstance(value, dict):
            close = next((key for key in value if key.startswith("-")), "")
            item = f"- {close.lstrip('-')}" if close else "- "
            advice = f": begin each item with a hyphen and a blank, `{item}`"
        elif isinstance(value, str) and value and at and at[-1] in _WORD_LISTS:
            advice = f": write [{value}]"
        self.add_issue(at, f"must be a list, but is {value_text(value)}{advice}")

    def text(self, at: JsonPath, value: JSON) -> str:
        """A text, read literally."""
        if isinstance(value, str):
            return value
        scalar = not isinstance(value, dict | list | None)
        advice = f': quote it, "{describe_value(value).text}"' if scalar else ""
        self.add_issue(at, f"must be text, but is {value_text(value)}{advice}")
        return ""


def is_special(text: str) -> bool:
    """Whether a text does not mean itself: it begins with `$`, or holds `${`."""
    pieces = text.split("$$")
    return pieces[0].startswith("$") or any("${" in piece for piece in pieces)


def _position(mistake: InputIssue) -> tuple[int, int]:
    return mistake.location.line, mistake.location.column
