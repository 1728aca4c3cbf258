"""The calls of one session, as scenario files and expectations of a test share them out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from pixel_emulator.core.model import JSON, Evidence, Hit
from pixel_emulator.core.parser.expectations import Policies
from pixel_emulator.core.verification.verdict import Verdict
from pixel_emulator.pytest_plugin.beside import claims_of, without
from pixel_emulator.pytest_plugin.snapshots import Snapshot, Updating
from pixel_emulator.runtime.session import Session

if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.expecting import Expecting


_MANY = 10_000
"""Hits that are not remembered: whole ones take much memory."""


class SharedCalls:
    """The calls of a session, and those among them that scenario files have claimed.

    `files` are those that were asked for, in order.
    `contexts` are those of `Pixels.expecting`, in the order in which they were asked for. Those
    that were open at the same time, or beside the same other, are one `company`.
    """

    def __init__(
        self,
        session: Session,
        folders: Sequence[Path],
        policies: Policies,
        updating: Updating | None,
    ) -> None:
        self.session = session
        self.updating = updating
        self.files: dict[str, None] = {}
        self.lock = RLock()
        self.claimed: frozenset[int] = frozenset()
        self.contexts: tuple[Expecting, ...] = ()
        self.company: tuple[Expecting, ...] = ()
        self._folders = folders
        self._policies = policies
        self._known: tuple[Hit, ...] = ()

    def rest(self) -> Evidence:
        """The evidence without the calls that are claimed."""
        return without(self._whole(), self.claimed)

    def last(self) -> int:
        """The number of the call that came last; 0 for none."""
        return max((hit.seq for hit in self.session.evidence().hits), default=0)

    def enter(self, context: "Expecting") -> None:
        """A context begins: beside those that are open, or else for itself."""
        with self.lock:
            others = self.company if any(each.is_open for each in self.company) else ()
            self.company = (*(each for each in others if each is not context), context)

    def claim(self, verdict: Verdict) -> None:
        """The calls that scenarios claim are no longer there for others."""
        with self.lock:
            self.claimed |= claims_of(verdict.scenarios)

    def forget(self) -> None:
        """What is over is forgotten; what is still open goes on."""
        with self.lock:
            self.contexts = tuple(each for each in self.contexts if each.is_open)
            self.company = tuple(each for each in self.company if each.is_open)

    def _whole(self) -> Evidence:
        """All evidence; what a session has told is not asked for again, for it may have to judge
        it again."""
        with self.lock:
            known = self._known
            # The last one too, which shows that the session was not cleared meanwhile.
            found = self.session.evidence(max(len(known) - 1, 0))
            if known and [hit.seq for hit in found.hits[:1]] != [known[-1].seq]:
                known, found = (), self.session.evidence()
            if known and (found.gaps or found.masked):  # they speak of what was asked for
                known, found = (), self.session.evidence()
            hits = (*known, *found.hits[1:]) if known else found.hits
            self._known = hits if len(hits) <= _MANY else ()
            return replace(found, hits=hits)

    @property
    def update(self) -> bool:
        """Whether files are rewritten to what happened."""
        return self.updating is not None

    def snapshot(self, file: str | os.PathLike[str], given: Mapping[str, JSON]) -> Snapshot:
        """A scenario file, looked for, under the policies of the test."""
        found = self._find(file)
        self.files[found] = None
        return Snapshot(found, given, self._policies, self.updating)

    def _find(self, file: str | os.PathLike[str]) -> str:
        """The path of a scenario file, as reports show it."""
        found = (folder / file for folder in self._folders if (folder / file).exists())
        return os.path.relpath(
            next(found, self._folders[0] / file if self._folders else Path(file))
        )
