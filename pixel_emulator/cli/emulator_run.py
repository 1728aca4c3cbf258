"""The emulator during one command: journal, recording and proxy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pixel_emulator.cli.outcome import stop_reason
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.times import parse_clock
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings

if TYPE_CHECKING:
    from pixel_emulator.proxy.emulator import Emulator


@contextmanager
def needs_mitmproxy() -> Iterator[None]:
    """Turn a failed import into an input issue that says what to install.

    Used around imports that need the extra `proxy`.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            InputIssue(
                f"this command needs mitmproxy, and {error.name} is not installed: "
                "install `pixel-emulator[proxy]`, in a clone by `uv tool install '.[proxy]'`"
            )
        ) from None


@contextmanager
def emulation(
    settings: Settings, scenarios: Sequence[Scenario] = ()
) -> "Iterator[tuple[Journal, Emulator]]":
    """Run an emulator; at the end stop it and finish its recording.

    If the body raises, also for a signal, the recording says that the run was interrupted.

    The first `clock` given in the scenarios is used from the start, also in the head of the
    recording. With a `seed` the run has the same id each time. Raises InputError if the recording
    cannot be written, the port is taken, or mitmproxy is not installed.
    """
    clocks = [scenario.given.clock for scenario in scenarios if scenario.given.clock]
    created = parse_clock(clocks[0]) if clocks else None
    given_seeds = (scenario.given.seed for scenario in scenarios)
    seeds = [str(seed) for seed in given_seeds if seed is not None]
    with needs_mitmproxy():
        from pixel_emulator.proxy.emulator import Emulator
    journal = Journal(
        settings, sink=open_recording(settings, created=created, seed=" ".join(seeds))
    )
    journal.begin_run(created)
    try:
        with Emulator(settings, journal) as emulator:
            yield journal, emulator
    except BaseException as error:
        journal.interrupted(stop_reason(error))
        raise
    finally:
        journal.close()
