"""Verdicts on stderr while calls arrive, and scenario files that change meanwhile."""

import sys
from threading import Event

from pixel_emulator.cli.terminal import say, wants_colour
from pixel_emulator.core.report.wording import why_impossible
from pixel_emulator.core.text.display import paint, printable
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.runner.file_watch import ScenarioFiles
from pixel_emulator.runner.waiting import MOST, Window, rest
from pixel_emulator.runtime.clock import monotonic
from pixel_emulator.runtime.journal import Journal

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
        if each.acts:
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
        rest(took)


def _reload(watched: ScenarioFiles) -> bool:
    """Read the files again; whether there is no mistake in them."""
    mistakes = watched.reload()
    kept = "the scenarios stay as they last were without a mistake"
    say("\n".join([*map(str, mistakes), kept]) if mistakes else "scenarios read again")
    return not mistakes


def _line(prospect: Outlook) -> str:
    words, style = _WORDS[prospect]
    return f"scenarios: {paint(words, style, colour=wants_colour(sys.stderr))}"
