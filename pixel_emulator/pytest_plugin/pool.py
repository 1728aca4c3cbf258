"""The calls of one session, as scenario files and expectations of a test share them out."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from pixel_emulator.core.calls import Evidence
from pixel_emulator.core.verdicts.verdict import Verdict
from pixel_emulator.pytest_plugin.beside import claims_of, without
from pixel_emulator.session import Session

if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.expecting import Expecting


class Pool:
    """The calls of a session, and those among them that scenario files have claimed.

    `contexts` are those of `Pixels.expecting`, in the order in which they were asked for. Those
    that were open at the same time, or beside the same other, are one `company`.
    """

    def __init__(self, session: Session, folders: Sequence[Path], *, update: bool) -> None:
        self.session = session
        self.update = update
        self.lock = RLock()
        self.claimed: frozenset[int] = frozenset()
        self.contexts: tuple[Expecting, ...] = ()
        self.company: tuple[Expecting, ...] = ()
        self._folders = folders
        self._settled: frozenset[int] = frozenset()

    def rest(self) -> Evidence:
        """The evidence without the calls that are claimed."""
        return without(self.session.evidence(), self.claimed)

    def last(self) -> int:
        """The number of the call that came last; 0 for none."""
        return max((hit.seq for hit in self.session.evidence().hits), default=0)

    def enter(self, context: "Expecting") -> None:
        """A context begins: beside those that are open, or else for itself."""
        with self.lock:
            others = self.company if any(each.is_open for each in self.company) else ()
            if not others:
                self._settled = self.claimed
            self.company = (*(each for each in others if each is not context), context)

    def claim(self, verdict: Verdict, *, anew: bool = False) -> None:
        """The calls that scenarios claim are no longer there for others.

        With `anew`, the verdict is on all of the company that have ended.
        """
        with self.lock:
            known = self._settled if anew else self.claimed
            self.claimed = known | claims_of(verdict.scenarios)

    def forget(self) -> None:
        """What is over is forgotten; what is still open goes on."""
        with self.lock:
            self.contexts = tuple(each for each in self.contexts if each.is_open)
            self.company = tuple(each for each in self.company if each.is_open)

    def find(self, file: str | os.PathLike[str]) -> str:
        """The path of a scenario file, as reports show it."""
        found = (folder / file for folder in self._folders if (folder / file).exists())
        return os.path.relpath(
            next(found, self._folders[0] / file if self._folders else Path(file))
        )
