"""What every part of a scenario file is read with: keys, items, text, mistakes."""

from collections.abc import Collection, Iterator

from pixel_emulator.core.calls import JSON, Payload, Steps
from pixel_emulator.core.matching.values import describe
from pixel_emulator.core.mistakes import Document, Location, Mistake, likely
from pixel_emulator.core.quoting import printable

_OF_WORDS = ("tags", "use")  # lists of which one word is often written alone
_CUT = "; in braces, put quotes around a text that holds a comma"


def escaped(text: str) -> str:
    """The text as a scenario must write it to mean itself: `$$` stands for a dollar sign."""
    return text.replace("$", "$$") if "$$" in text or is_special(text) else text


def shown(value: JSON) -> str:
    """A value inside a sentence: a scalar with its type, a container by its type."""
    if isinstance(value, dict | list):
        return f"a {describe(value).type}"
    return "empty" if value is None else str(describe(value))


class Reader:
    """One reading of one document; `mistakes` grows on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.mistakes: list[Mistake] = []

    def wrong(self, steps: Steps, message: str) -> None:
        """Note a mistake at `steps`."""
        self.mistakes.append(self.document.mistake(printable(message), *steps))

    def location(self, steps: Steps) -> Location:
        """Where the value at `steps` stands."""
        return self.document.location(steps)

    def in_order(self) -> tuple[Mistake, ...]:
        """The mistakes in the order of the file, each once: rows of `cases` repeat them."""
        return tuple(dict.fromkeys(sorted(self.mistakes, key=_place)))

    def check_keys(
        self,
        steps: Steps,
        data: Payload,
        known: Collection[str],
        advice: str = "",
    ) -> None:
        """Refuse keys that are unknown."""
        for key in data:
            if key not in known:
                cut = _CUT if data[key] is None and self._in_braces(steps, data, key) else advice
                self.wrong((*steps, key), f"no such key here{likely(key, known) or cut}")

    def _in_braces(self, steps: Steps, data: Payload, key: str) -> bool:
        """Whether another key of the map stands in the same line, as only braces allow."""
        lines = [self.location((*steps, each)).line for each in data]
        return lines.count(self.location((*steps, key)).line) > 1

    def items(self, steps: Steps, value: JSON) -> Iterator[tuple[Steps, JSON]]:
        """Each item of a list with its steps."""
        if isinstance(value, list):
            yield from (((*steps, index), item) for index, item in enumerate(value))
            return
        advice = ""
        if isinstance(value, dict):
            close = next((key for key in value if key.startswith("-")), "")
            item = f"- {close.lstrip('-')}" if close else "- "
            advice = f": begin each item with a hyphen and a blank, `{item}`"
        elif isinstance(value, str) and value and steps and steps[-1] in _OF_WORDS:
            advice = f": write [{value}]"
        self.wrong(steps, f"must be a list, but is {shown(value)}{advice}")

    def text(self, steps: Steps, value: JSON) -> str:
        """A text, read literally."""
        if isinstance(value, str):
            return value
        scalar = not isinstance(value, dict | list | None)
        advice = f': quote it, "{describe(value).text}"' if scalar else ""
        self.wrong(steps, f"must be text, but is {shown(value)}{advice}")
        return ""


def is_special(text: str) -> bool:
    """Whether a text does not mean itself: it begins with `$`, or holds `${`."""
    pieces = text.split("$$")
    return pieces[0].startswith("$") or any("${" in piece for piece in pieces)


def _place(mistake: Mistake) -> tuple[int, int]:
    return mistake.location.line, mistake.location.column
