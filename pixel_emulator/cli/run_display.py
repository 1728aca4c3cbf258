"""Live display of calls and of scenarios on stderr, and the summary of a run."""

import sys
import threading
from collections import Counter, deque
from collections.abc import Sequence
from threading import Event
from typing import Self

from pixel_emulator.cli.terminal import print_message, wants_colour
from pixel_emulator.core import call_text
from pixel_emulator.core.model import Hit, Outcome, count_calls, count_outcomes
from pixel_emulator.core.report.page import counted
from pixel_emulator.core.report.wording import impossible_reason
from pixel_emulator.core.text.display import paint, printable
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.runner.file_watch import ScenarioFiles
from pixel_emulator.runner.waiting import MAX_CALLS_PER_LOOK, Window, back_off
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.gaps import Refusal
from pixel_emulator.runtime.journal import Journal

_MAX_LINES = 50
"""Lines printed at once. Nobody reads more, and formatting them slows down the answers to calls."""
_PAUSE_SECONDS = 0.1
"""Seconds between two prints."""


class Display:
    """Prints hits from its own thread, so that a slow terminal delays no response.

    Of many at once it prints the first and counts the others.
    """

    def __init__(self) -> None:
        self._colour = wants_colour(sys.stderr)
        self._waiting: deque[Hit | Refusal] = deque()
        self._skipped: Counter[Outcome] = Counter()
        self._lock = threading.Lock()
        self._has_items = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._has_items.set()
        self._thread.join()

    def show(self, hit: Hit) -> None:
        """Queue a hit to be printed. Does not block."""
        with self._lock:
            if len(self._waiting) < _MAX_LINES:
                self._waiting.append(hit)
            else:
                self._skipped[hit.outcome] += 1
        if not self._has_items.is_set():
            self._has_items.set()

    def show_refusal(self, refused: Refusal) -> None:
        """Queue a TLS handshake that a client refused to be printed. Does not block.

        If many are queued, some are not printed; the summary counts them.
        """
        with self._lock:
            if len(self._waiting) < _MAX_LINES:
                self._waiting.append(refused)
        self._has_items.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._has_items.wait()
            self._has_items.clear()
            self._show_waiting()
            self._stopping.wait(_PAUSE_SECONDS)
        self._show_waiting()

    def _show_waiting(self) -> None:
        with self._lock:
            waiting, skipped = tuple(self._waiting), self._skipped
            self._waiting.clear()
            self._skipped = Counter()
        lines = [self._line(item) for item in waiting]
        if skipped:
            lines.append(f"      and {outcome_counts(skipped)}")
        if lines:
            print_message("\n".join(lines))

    def _line(self, shown: Hit | Refusal) -> str:
        if isinstance(shown, Hit):
            return hit_line(shown, colour=self._colour)
        style = "warn" if shown.is_silent else "bad"
        return paint(printable(f"TLS handshake {shown}"), style, colour=self._colour)


def hit_line(hit: Hit, *, colour: bool) -> str:
    """Return a hit in one line: number, time, outcome, title."""
    words = call_text.line(hit.call, hit.request, hit.outcome, hit.problems, colour=colour)
    return f"#{hit.seq:<3} {hit.time:%H:%M:%S}  {words}"


def run_summary(
    journal: Journal,
    *,
    recorded: str = "",
    sessions: tuple[int, Counter[Outcome]] | None = None,
    gaps: Sequence[str] | None = None,
) -> str:
    """Return the result of a run: counts, the recording, refused hosts, gaps.

    `sessions` is the number of named sessions and, by outcome, the calls that they received. `gaps`
    are those of the verdict, if there is one.
    """
    counts = ", ".join(
        filter(None, (outcome_counts(journal.outcomes), recording_note(journal, recorded)))
    )
    if sessions and sessions[0]:
        count, outcomes = sessions
        where = f" in {count} {'session' if count == 1 else 'sessions'}"
        counts += f"; {outcome_counts(outcomes, where)}"
    lines = [counts]
    if journal.refused_hosts:
        lines.append(f"refused: {', '.join(journal.refused_hosts)}")
    return "\n".join(
        [*lines, *(f"incomplete: {gap}" for gap in (journal.gaps if gaps is None else gaps))]
    )


def recording_note(journal: Journal, recorded: str) -> str:
    """Return where the calls are recorded, or "" if they are in no file. The journal must be
    closed."""
    if journal.put_back:
        return f"nothing recorded: {recorded} still holds the earlier recording"
    return f"recorded to {recorded}" if recorded and journal.is_recorded else ""


def outcome_counts(outcomes: Counter[Outcome], where: str = "") -> str:
    """Return the number of calls by outcome, and of the requests that are no calls:
    `3 calls: 2 delivered, 1 dropped, and 1 unhandled request`."""
    named = ", ".join(
        f"{outcomes[outcome]} {outcome}"
        for outcome in Outcome
        if outcomes[outcome] and outcome is not Outcome.UNHANDLED
    )
    text = f"{counted(count_calls(outcomes), 'call')}{where}" + (f": {named}" if named else "")
    unhandled = outcomes[Outcome.UNHANDLED]
    return f"{text}, and {counted(unhandled, 'unhandled request')}" if unhandled else text


_FILE_CHECK_SECONDS = 0.5
"""Seconds between two checks for changed scenario files. Calls are not polled."""

_OUTLOOK_TEXTS = {
    Outlook.MET: ("met", "good"),
    Outlook.OPEN: ("not yet met", "note"),
    Outlook.IMPOSSIBLE: ("can no longer be met", "bad"),
    Outlook.UNDECIDED: ("undecided", "warn"),
}


def print_outlooks(watched: ScenarioFiles, journal: Journal, stopped: Event) -> Window:
    """Print the outlook of the scenarios whenever it changes, until `stopped` is set.

    All calls so far count for scenarios that are read again. Must be called from the main thread,
    because it handles signals. Return the calls for the scenarios as they are at the end.
    """
    for scenario in watched.scenarios:
        if scenario.has_actions:
            notice = "what its `do` says is not done here; only its calls are expected"
            print_message(f"{scenario.title}: {notice}")
    window = Window(journal, watched.scenarios)
    with window.back_pressure():
        _print_changes(watched, window, stopped)
    return window


def _print_changes(watched: ScenarioFiles, window: Window, stopped: Event) -> None:
    live, printed = LiveVerdict(watched.scenarios), ""
    while not stopped.is_set():
        if watched.changed() and _reload(watched):
            window.restart(watched.scenarios)
            live, printed = LiveVerdict(watched.scenarios), ""
        start = monotonic()
        evidence = window.evidence(MAX_CALLS_PER_LOOK)
        count = count_calls(count_outcomes(evidence.hits))
        outlook = live.update(evidence)
        duration = monotonic() - start
        line = _outlook_line(outlook)
        if line != printed:
            print_message(f"{line}, after {counted(count, 'call')}")
            if outlook is Outlook.IMPOSSIBLE:
                print_message(
                    f"  {printable(impossible_reason(verify(watched.scenarios, evidence)))}"
                )
            printed = line
        window.wait_for_more(evidence, _FILE_CHECK_SECONDS)
        back_off(duration)


def _reload(watched: ScenarioFiles) -> bool:
    """Read the scenario files again. Return True if they have no mistakes."""
    issues = watched.reload()
    kept = "the last version of the scenarios without a mistake stays in use"
    print_message("\n".join([*map(str, issues), kept]) if issues else "scenarios read again")
    return not issues


def _outlook_line(outlook: Outlook) -> str:
    words, style = _OUTLOOK_TEXTS[outlook]
    return f"scenarios: {paint(words, style, colour=wants_colour(sys.stderr))}"
