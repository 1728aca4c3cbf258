"""Calls on stderr as they arrive, and the words at the end of a run."""

import sys
import threading
from collections import Counter, deque
from collections.abc import Sequence
from threading import Event
from typing import Self

from pixel_emulator.cli.terminal import say, wants_colour
from pixel_emulator.core import call_text
from pixel_emulator.core.model import Hit, Outcome
from pixel_emulator.core.report.wording import why_impossible
from pixel_emulator.core.text.display import paint, printable
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.runner.file_watch import ScenarioFiles
from pixel_emulator.runner.waiting import MOST, Window, back_off
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.gaps import Refusal
from pixel_emulator.runtime.journal import Journal

_AT_ONCE = 50
"""Lines that are shown in one go: nobody reads more, and to make them costs the lane its time."""
_PAUSE = 0.1
"""Seconds between two goes."""


class Display:
    """Shows hits from a thread of its own, so that a slow terminal delays no answer.

    Of many at once the first are shown, and the others counted.
    """

    def __init__(self) -> None:
        self._colour = wants_colour(sys.stderr)
        self._waiting: deque[Hit | Refusal] = deque()
        self._more: Counter[Outcome] = Counter()
        self._lock = threading.Lock()
        self._has_news = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._has_news.set()
        self._thread.join()

    def show(self, hit: Hit) -> None:
        """Show a hit soon; returns at once."""
        with self._lock:
            if len(self._waiting) < _AT_ONCE:
                self._waiting.append(hit)
            else:
                self._more[hit.outcome] += 1
        if not self._has_news.is_set():
            self._has_news.set()

    def show_refusal(self, refused: Refusal) -> None:
        """Show soon that a client refused a TLS handshake; returns at once.

        Of many at once some are not shown: they are counted at the end.
        """
        with self._lock:
            if len(self._waiting) < _AT_ONCE:
                self._waiting.append(refused)
        self._has_news.set()

    def _run(self) -> None:
        while not self._ends.is_set():
            self._has_news.wait()
            self._has_news.clear()
            self._show_waiting()
            self._ends.wait(_PAUSE)
        self._show_waiting()

    def _show_waiting(self) -> None:
        with self._lock:
            waiting, more = tuple(self._waiting), self._more
            self._waiting.clear()
            self._more = Counter()
        lines = [self._line(each) for each in waiting]
        if more:
            lines.append(f"      and {tally(more)}")
        if lines:
            say("\n".join(lines))

    def _line(self, shown: Hit | Refusal) -> str:
        if isinstance(shown, Hit):
            return hit_line(shown, colour=self._colour)
        style = "warn" if shown.is_silent else "bad"
        return paint(printable(f"TLS handshake {shown}"), style, colour=self._colour)


def hit_line(hit: Hit, *, colour: bool) -> str:
    """One hit in one line: its number, its time, its outcome, what it is."""
    words = call_text.line(hit.call, hit.request, hit.outcome, hit.problems, colour=colour)
    return f"#{hit.seq:<3} {hit.time:%H:%M:%S}  {words}"


def farewell(
    journal: Journal,
    *,
    recorded: str = "",
    sessions: tuple[int, Counter[Outcome]] | None = None,
    gaps: Sequence[str] | None = None,
) -> str:
    """What a run came to: counts, the recording, and whatever was refused or went wrong.

    `sessions` are how many there were beside this journal, and what they got. `gaps` are those of
    the verdict, where there is one.
    """
    counts = ", ".join(filter(None, (tally(journal.outcomes), destination(journal, recorded))))
    if sessions and sessions[0]:
        count, outcomes = sessions
        where = f" in {count} {'session' if count == 1 else 'sessions'}"
        counts += f"; {tally(outcomes, where)}"
    lines = [counts]
    if journal.refused_hosts:
        lines.append(f"refused: {', '.join(journal.refused_hosts)}")
    return "\n".join(
        [*lines, *(f"incomplete: {gap}" for gap in (journal.gaps if gaps is None else gaps))]
    )


def destination(journal: Journal, recorded: str) -> str:
    """Where the calls stand, once the journal is closed; empty if they stand in no file."""
    if journal.put_back:
        return f"nothing recorded: {recorded} still holds the earlier recording"
    return f"recorded to {recorded}" if recorded and journal.recorded else ""


def tally(outcomes: Counter[Outcome], where: str = "") -> str:
    """How many of each outcome: `3 calls: 2 delivered, 1 dropped`."""
    calls = outcomes.total() - outcomes[Outcome.UNHANDLED]
    named = ", ".join(f"{outcomes[each]} {each}" for each in Outcome if outcomes[each])
    return f"{calls} {'call' if calls == 1 else 'calls'}{where}" + (f": {named}" if named else "")


_RECHECK = 0.5
"""Seconds after which the files are looked at again; calls are waited for, not looked for."""

_WORDS = {
    Outlook.MET: ("met", "good"),
    Outlook.OPEN: ("not yet met", "note"),
    Outlook.IMPOSSIBLE: ("can no longer be met", "bad"),
    Outlook.UNDECIDED: ("undecided", "warn"),
}


def watch_live(watched: ScenarioFiles, journal: Journal, stopped: Event) -> Window:
    """Say what becomes of the scenarios whenever that changes, until `stopped` is set.

    All calls so far count, also for scenarios that were read later. To be called from the main
    thread, where signals are handled. Returns the calls for the scenarios as they are then.
    """
    for each in watched.scenarios:
        if each.has_actions:
            say(f"{each.title}: what its `do` says is not done here; only its calls are expected")
    window = Window(journal, watched.scenarios)
    with window.awaited():
        _watch(watched, window, stopped)
    return window


def _watch(watched: ScenarioFiles, window: Window, stopped: Event) -> None:
    watch, said = LiveVerdict(watched.scenarios), ""
    while not stopped.is_set():
        if watched.changed() and _reload(watched):
            window.restart(watched.scenarios)
            watch, said = LiveVerdict(watched.scenarios), ""
        begun = monotonic()
        evidence = window.evidence(MOST)
        count = evidence.total
        prospect = watch.look(evidence)
        took = monotonic() - begun
        line = _line(prospect)
        if line != said:
            say(f"{line}, after {count} {'call' if count == 1 else 'calls'}")
            if prospect is Outlook.IMPOSSIBLE:
                say(f"  {printable(why_impossible(verify(watched.scenarios, evidence)))}")
            said = line
        window.wait_for_more(evidence, _RECHECK)
        back_off(took)


def _reload(watched: ScenarioFiles) -> bool:
    """Read the files again; whether there is no mistake in them."""
    mistakes = watched.reload()
    kept = "the scenarios stay as they last were without a mistake"
    say("\n".join([*map(str, mistakes), kept]) if mistakes else "scenarios read again")
    return not mistakes


def _line(prospect: Outlook) -> str:
    words, style = _WORDS[prospect]
    return f"scenarios: {paint(words, style, colour=wants_colour(sys.stderr))}"
