"""Verdicts on stderr while calls arrive, and scenario files that change meanwhile."""

import sys
from threading import Event

from pixel_emulator.cli.terminal import say, wants_colour
from pixel_emulator.core.paint import paint
from pixel_emulator.core.verdicts.watch import Prospect, Watch
from pixel_emulator.journal import Journal
from pixel_emulator.running.reloading import ScenarioFiles
from pixel_emulator.running.waiting import Part

_RECHECK = 0.5
"""Seconds after which the files are looked at again; calls are waited for, not looked for."""

_WORDS = {
    Prospect.MET: ("met", "good"),
    Prospect.OPEN: ("not yet met", "note"),
    Prospect.IMPOSSIBLE: ("can no longer be met", "bad"),
    Prospect.UNDECIDED: ("undecided", "warn"),
}


def watch_live(watched: ScenarioFiles, journal: Journal, stopped: Event) -> None:
    """Say what becomes of the scenarios whenever that changes, until `stopped` is set.

    All calls so far count, also for scenarios that were read later. To be called from the main
    thread, where signals are handled.
    """
    for each in watched.scenarios:
        if each.acts:
            say(f"{each.title}: what its `do` says is not done here; only its calls are expected")
    part, watch, said = Part(journal), Watch(watched.scenarios), ""
    while not stopped.is_set():
        if watched.changed():
            say("\n".join(_reload(watched)))
            watch, said = Watch(watched.scenarios), ""
        evidence = part.evidence()
        count = len(evidence.hits)
        line = _line(watch.look(evidence))
        if line != said:
            say(f"{line}, after {count} {'call' if count == 1 else 'calls'}")
            said = line
        part.wait_for_more(evidence, _RECHECK)


def _reload(watched: ScenarioFiles) -> list[str]:
    mistakes = watched.reload()
    if not mistakes:
        return ["scenarios read again"]
    return [*map(str, mistakes), "the scenarios stay as they last were without a mistake"]


def _line(prospect: Prospect) -> str:
    words, style = _WORDS[prospect]
    return f"scenarios: {paint(words, style, colour=wants_colour(sys.stderr))}"
