"""The pages of the manual in `docs/`: their blocks of code, and their generated tables."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>not run: [^\n]+|exit code \d+) -->\n+)?"
    r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_TABLE = re.compile(
    r"(?P<begin><!-- table: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end of table -->)", re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A block of code: its page, its kind, and the HTML comment before it, which readers never see.

    `not run: REASON` is for commands that need what a test has not; `exit code 1` for commands that
    fail as they should.
    """

    page: str
    line: int
    kind: str
    text: str
    note: str = ""

    @property
    def place(self) -> str:
        """Return the page and the line, as the id of a test."""
        return f"{self.page}:{self.line}"


def page_text(name: str) -> str:
    """Return the text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page_text(page)
    return [
        Block(
            page,
            text.count("\n", 0, found.start("text")),
            found["kind"],
            found["text"],
            found["note"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def block_with(page: str, word: str) -> str:
    """Return the first block of a page with this word."""
    return next(block.text for block in blocks_of(page) if word in block.text)


def with_table(text: str, name: str, table: str) -> str:
    """Return a page with this text in place of a table. Raises ValueError if it has no place."""
    changed, places = _TABLE.subn(
        lambda found: (
            f"{found['begin']}\n{table}\n{found['end']}" if found["name"] == name else found[0]
        ),
        text,
    )
    if f"<!-- table: {name} -->" not in text or not places:
        raise ValueError(f"the page needs <!-- table: {name} --> and <!-- end of table -->")
    return changed
