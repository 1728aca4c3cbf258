"""Calls on stderr as they arrive, and the words at the end of a run."""

import queue
import sys
import threading
from collections import Counter
from typing import Self

from pixel_emulator.cli.terminal import say, wants_colour
from pixel_emulator.core import explain
from pixel_emulator.core.calls import Hit, Outcome
from pixel_emulator.journal import Journal


class Display:
    """Shows hits from a thread of its own, so that a slow terminal delays no answer."""

    def __init__(self) -> None:
        self._colour = wants_colour(sys.stderr)
        self._waiting: queue.SimpleQueue[Hit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    def show(self, hit: Hit) -> None:
        """Show a hit soon; returns at once."""
        self._waiting.put(hit)

    def _run(self) -> None:
        while (hit := self._waiting.get()) is not None:
            say(hit_line(hit, colour=self._colour))


def hit_line(hit: Hit, *, colour: bool) -> str:
    """One hit in one line: its number, its time, its outcome, what it is."""
    words = explain.line(hit.call, hit.request, hit.outcome, hit.problems, colour=colour)
    return f"#{hit.seq:<3} {hit.time:%H:%M:%S}  {words}"


def farewell(journal: Journal, *, recorded: str = "") -> str:
    """What a run came to: counts, the recording, and whatever was refused or went wrong."""
    evidence = journal.evidence()
    whole = recorded and not journal.failures
    lines = [tally(evidence.hits) + (f", recorded to {recorded}" if whole else "")]
    if journal.refused_hosts:
        lines.append(f"refused: {', '.join(journal.refused_hosts)}")
    return "\n".join([*lines, *(f"incomplete: {gap}" for gap in evidence.gaps)])


def tally(hits: tuple[Hit, ...]) -> str:
    """The hits counted by outcome: `3 calls: 2 delivered, 1 dropped`."""
    counts = Counter(hit.outcome for hit in hits)
    calls = len(hits) - counts[Outcome.UNHANDLED]
    named = ", ".join(f"{counts[each]} {each}" for each in Outcome if counts[each])
    return f"{calls} {'call' if calls == 1 else 'calls'}" + (f": {named}" if named else "")
