"""What every part of a scenario file is read with: keys, text, the dollar sign, mistakes."""

from collections.abc import Collection, Iterator

from pixel_emulator.core.calls import JSON, Payload, Steps
from pixel_emulator.core.matching.values import describe
from pixel_emulator.core.mistakes import Document, InputError, Location, Mistake, likely
from pixel_emulator.core.quoting import printable

_DEEPEST = 200  # levels: the bound of every file that is read, so recursion below it is safe

_CUT = "; in braces, put quotes around a text that holds a comma"


def escaped(text: str) -> str:
    """The text as a scenario must write it to mean itself: `$$` stands for a dollar sign."""
    return text.replace("$", "$$") if "$$" in text or _is_special(text) else text


def to_come(word: str) -> str:
    """The message for a word that a later version understands."""
    return f"`{printable(word)}` is part of the scenario language but not supported by this version"


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
        self.mistakes.append(self.document.mistake(message, *steps))

    def location(self, steps: Steps) -> Location:
        """Where the value at `steps` stands."""
        return self.document.mistake("", *steps).location

    def finish(self) -> None:
        """Raise InputError with all mistakes, in the order of the file, if there are any."""
        if self.mistakes:
            places = sorted(self.mistakes, key=_place)
            raise InputError(*places)

    def check_keys(
        self,
        steps: Steps,
        data: Payload,
        known: Collection[str],
        later: Collection[str],
        advice: str = "",
    ) -> None:
        """Refuse keys that are unknown, or known only to a later version."""
        for key in data:
            if key in later or key.startswith("$"):
                self.wrong((*steps, key), to_come(key))
            elif key not in known:
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
        else:
            self.wrong(steps, f"must be a list, but is {shown(value)}")

    def text(self, steps: Steps, value: JSON) -> str:
        """A text, with its `$$` resolved."""
        if not isinstance(value, str):
            scalar = not isinstance(value, dict | list | None)
            advice = f': quote it, "{describe(value).text}"' if scalar else ""
            self.wrong(steps, f"must be text, but is {shown(value)}{advice}")
            return ""
        return self._plain(steps, value)

    def value(self, steps: Steps, value: JSON) -> JSON:
        """Any expected value, with `$$` resolved in all its texts and keys."""
        if len(steps) > _DEEPEST:
            self.wrong(steps, f"nested deeper than {_DEEPEST} levels")
        elif isinstance(value, str):
            return self._plain(steps, value)
        elif isinstance(value, list):
            return [self.value(*each) for each in self.items(steps, value)]
        elif isinstance(value, dict):
            return {
                self._plain((*steps, key), key): self.value((*steps, key), each)
                for key, each in value.items()
            }
        return value

    def _plain(self, steps: Steps, text: str) -> str:
        if _is_special(text):
            self.wrong(steps, f"{to_come(text)}; {_advice(text)}")
        return text.replace("$$", "$")


def _advice(text: str) -> str:
    """What was probably meant by a text that is special."""
    literal = f"for this very text, write `{printable(escaped(text))}`"
    if text.startswith("$/") and "\b" in text:
        return "it holds U+0008, which `\\b` is in double quotes: use single quotes"
    if text.startswith("$/") and "/" not in text[2:]:
        return f"if ` #`, or a comma in braces, cut off its end, put quotes around it; {literal}"
    return literal


def _is_special(text: str) -> bool:
    pieces = text.split("$$")
    return pieces[0].startswith("$") or any("${" in piece for piece in pieces)


def _place(mistake: Mistake) -> tuple[int, int]:
    return mistake.location.line, mistake.location.column
