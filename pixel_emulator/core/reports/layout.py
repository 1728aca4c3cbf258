"""How a report is laid out: width, colour, and words that keep to them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from pixel_emulator.core.text.display import paint, printable

MOST = 20
"""Items that are listed in one place; the JSON report has them all."""

_NARROWEST = 20  # characters of a line that is indented far
_COLOURS = re.compile(r"\x1b\[\d+m")


@dataclass(frozen=True, slots=True)
class Layout:
    """Lines of about `width` characters, with ANSI colours if `colour`.

    `recording` is the file that holds the calls, where it is known.
    """

    width: int = 100
    colour: bool = False
    recording: str = ""

    def paint(self, words: str, style: str) -> str:
        """The words in a style of `core.paint`; `""` is no style."""
        return paint(words, style, colour=self.colour and bool(style))

    def sentence(self, words: str, indent: int = 4, *, first: str = "") -> list[str]:
        """Words of any origin, wrapped; the first line may begin with something else."""
        margin = " " * indent
        width = max(self.width, indent + _NARROWEST)
        return wrap(
            printable(words), width, initial_indent=first or margin, subsequent_indent=margin
        )

    def said(self, head: str, gap: str, words: str, style: str = "") -> Iterator[str]:
        """Words behind their head, or below it where its line has no room for them."""
        if len(_COLOURS.sub("", head) + gap + words) <= self.width:
            yield f"{head}{gap}{self.paint(words, style)}"
            return
        yield head
        for line in wrap(words, max(1, self.width - 4)):
            yield f"    {self.paint(line, style)}"


def more(count: int, listed: int = MOST) -> Iterator[str]:
    """How many items of so many are not listed, if any."""
    if count > listed:
        yield f"    … and {count - listed} more"
