"""Begin and end of a test with pixels: its sessions are opened, and its calls verified."""

import importlib.util
import os
import shlex
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import count
from pathlib import Path

import pytest

from pixel_emulator.core import call_text
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Hit, Outcome
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.core.report.page import Page
from pixel_emulator.core.report.side_by_side import call_lines
from pixel_emulator.core.report.wording import policy_text
from pixel_emulator.core.scenarios.model import Level
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.pytest_plugin.keyword_expectations import values_of
from pixel_emulator.pytest_plugin.lazy_emulator import (
    DeferredSession,
    EmulatorHandle,
    LazyEmulator,
    check_threads,
)
from pixel_emulator.pytest_plugin.marks import choices_of, settings_of
from pixel_emulator.pytest_plugin.options import PixelWarning
from pixel_emulator.pytest_plugin.pixel_calls import Pixels
from pixel_emulator.pytest_plugin.run_recording import part_of
from pixel_emulator.pytest_plugin.scenario_context import Arriving, acted, judged, read, wait
from pixel_emulator.pytest_plugin.snapshots import (
    Snapshot,
    compared,
    recording_path,
    updating,
)
from pixel_emulator.pytest_plugin.source_lines import MisuseError, home_of
from pixel_emulator.pytest_plugin.stash import (
    CALLS_PROPERTY,
    COUNTED_OUTCOMES,
    EMULATOR,
    LIVE_LINES,
    PROPERTY,
    REPORT_LINES,
)
from pixel_emulator.pytest_plugin.verdicts import message, places, report, verify_unproven
from pixel_emulator.runtime.output import redacted
from pixel_emulator.runtime.session import Session
from pixel_emulator.runtime.sessions import NAME
from pixel_emulator.runtime.settings import TOKEN_VARIABLE, Settings


class Showing:
    """The plugin of a run that shows its calls; workers of xdist have it, too."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send what a worker has no terminal for."""
        report = yield
        if waiting := item.stash.get(LIVE_LINES, None):
            setattr(report, REPORT_LINES, [waiting.popleft() for _ in range(len(waiting))])
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print what a worker has sent."""
        lines = getattr(report, REPORT_LINES, ())
        if not lines or self._config.pluginmanager.get_plugin("terminalreporter") is None:
            return
        terminal = self._config.get_terminal_writer()
        _begin_line(self._config)
        for line in lines:
            terminal.line(line)


def show_live(item: pytest.Item, session: Session, title: str) -> None:
    """Print the calls of a session; they arrive in other threads, as live logs of pytest may."""
    is_worker = hasattr(item.config, "workerinput")  # its terminal leads nowhere
    say = item.stash.setdefault(LIVE_LINES, deque()).append if is_worker else _printer(item.config)

    def show(hit: Hit) -> None:
        line = call_text.line(hit.call, hit.request, hit.outcome, hit.problems)
        say(redacted(f"{title} #{hit.seq}  {line}"))

    session.subscribe(show)


def _printer(config: pytest.Config) -> Callable[[str], None]:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")

    def print_line(line: str) -> None:
        if terminal is None or capture is None:
            return
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            _begin_line(config)
            terminal.write_line(line)

    return print_line


def _begin_line(config: pytest.Config) -> None:
    """Leave the line in which the letters of tests stand, with `-q` too."""
    terminal = config.get_terminal_writer()
    if terminal.width_of_current_line:
        terminal.line()


def make(item: pytest.Item, host: LazyEmulator, label: str, made: Sequence[Pixels]) -> Pixels:
    """Open one more session for a test that has `made` these; its label tells them apart.

    Fails the test for marks that say what is not allowed. Raises InputError for a label that is no
    name, or that another one of the test has.
    """
    __tracebackhide__ = True
    label = _label(label, [pixels.label for pixels in made])
    choices = choices_of(item.config, item.iter_markers("pixel"))
    session = open_for(item, host, choices.settings, label, choices.clock)
    return Pixels(
        session,
        home=home_of(item, label),
        choices=choices,
        label=label,
        environ=lambda: host.environ(session),
        folders=(item.path.parent, item.config.rootpath),
        update=updating(item, is_new=not made),
        part=part_of(item, len(made), session, choices.settings),
    )


def _label(wanted: str, taken: Collection[str]) -> str:
    """What tells a session from the others of its test: its name, else its number; of the first
    one nothing."""
    __tracebackhide__ = True
    if not wanted:
        numbers = map(str, count(len(taken) + 1))
        return next(number for number in numbers if number not in taken) if taken else ""
    if not NAME.fullmatch(wanted):
        allowed = "1 to 64 letters, digits, `-` or `_`"
        raise InputError(InputIssue(f'the label of a session is {allowed}, not "{wanted}"'))
    if wanted in taken:
        raise InputError(InputIssue(f'this test has a session "{wanted}" already'))
    return wanted


_PROXY = ("mitmproxy", "httptools", "starlette", "uvicorn")
"""What comes with the extra `proxy`: with all of these the emulator runs in this process."""


def host_of(config: pytest.Config) -> LazyEmulator:
    """Return the emulator of this run, which stops at the end of the run.

    A running one that the command line names is connected to at once. Fails the test for settings
    that are not allowed, and where that one cannot be reached.
    """
    if EMULATOR not in config.stash:
        settings = settings_of(config)
        host = LazyEmulator(settings, lambda: _start(config, settings))
        if config.getoption("--pixel-url"):
            host.running()
        config.stash[EMULATOR] = host
        config.add_cleanup(host.close)
    return config.stash[EMULATOR]


def open_for(
    item: pytest.Item,
    host: LazyEmulator,
    settings: Settings,
    label: str = "",
    clock: Clock = Clock.REAL,
) -> DeferredSession:
    """Return a new session for a test; its calls are shown live where that is wanted."""
    title = f"{item.nodeid} ({label})" if label else item.nodeid
    session = host.open(settings, title, clock)
    if item.config.getoption("--pixel-url"):
        session.reachable()  # whoever looks at that emulator sees the session
    if item.config.getoption("--pixel-show"):
        show_live(item, session, title)
    return session


def _start(config: pytest.Config, settings: Settings) -> EmulatorHandle:
    command = shlex.split(config.getini("pixel_emulator_command"))
    url = config.getoption("--pixel-url")
    if not (url or command) and all(map(importlib.util.find_spec, _PROXY)):
        check_threads()
        from pixel_emulator.pytest_plugin.local_emulator import LocalEmulator

        return LocalEmulator(settings)
    # Who needs these has no mitmproxy, and the others do without them.
    from pixel_emulator.pytest_plugin.remote_emulator import running_at, started

    if url:
        return running_at(url, os.environ.get(TOKEN_VARIABLE, ""), settings)
    return started(command or _by_uvx(), settings)


def _by_uvx() -> list[str]:
    """What runs the emulator where no command is set: the same version, by `uvx`."""
    extra = f"pixel-emulator[proxy]=={version('pixel-emulator')}"
    return ["uvx", "--from", extra, "pixel-emulator"]


_MOST = 20  # calls of a test that JUnit is told one by one


def conclude(item: pytest.Item, made: Sequence[Pixels], failed: BaseException | None) -> None:
    """Judge what a test has expected, unless it `failed` by itself; tell its report in any case.

    Raises AssertionError, on a line of the test, for the first that is not met.
    """
    __tracebackhide__ = True
    marked: list[Snapshot] = []
    if any(pixels.connections for pixels in made):
        host_of(item.config).drain(0)  # a client that refuses our CA says so as it goes
    try:
        marked += _marked(item, made[0])
        if failed is not None:
            if not any(error is failed for pixels in made for error in pixels.raised):
                _explain(item, made, marked)
            return
        for pixels in made:
            _left_over(pixels)
            for verdict in _verdicts(item, pixels, marked, is_first=pixels is made[0]):
                _warn(item, verdict)
                if verdict.status is not Status.MET:
                    ours = (pixels.home.file,)
                    at = next(places(verdict), pixels.home.location)
                    pixels.home.fail(AssertionError(message(verdict, ours)), at)
    except (InputError, MisuseError) as error:
        if failed is None:
            said = TypeError(str(error)) if isinstance(error, MisuseError) else error
            made[0].home.fail(said, made[0].home.location)
    finally:
        hits: list[Hit] = []
        for pixels in made:
            requests = pixels.requests
            hits += requests
            pixels.judged = requests[-1].seq if requests else 0
        tell(item, hits, dict.fromkeys(file for pixels in made for file in pixels.pool.files))
        _list(item, hits)


def _marked(item: pytest.Item, pixels: Pixels) -> Iterator[Snapshot]:
    """The scenario files that the marks of a test name, the outermost first."""
    for mark in reversed([*item.iter_markers("pixel_scenario")]):
        if not mark.args:
            raise InputError(InputIssue("the mark `pixel_scenario` names no file"))
        for file in mark.args:
            yield pixels.pool.snapshot(file, values_of(mark.kwargs))


def _verdicts(
    item: pytest.Item, pixels: Pixels, marked: Sequence[Snapshot], *, is_first: bool
) -> Iterator[Verdict]:
    """The verdict on all that is expected together; and on the recording, where there is one.

    Marks speak of the first session.
    """
    pool = pixels.pool
    if marked and is_first:
        scenarios = read(marked, update=pool.update)
        together = [*scenarios, pixels.asked.scenario] if pixels.asked else [*scenarios]
        arriving = Arriving(
            pixels.session, acted=acted(scenarios, pixels.session), claimed=pool.claimed
        )
        if together:
            wait(together, arriving)
        evidence = arriving.evidence()
        yield judged(marked, together, evidence, update=pool.update)
    elif verdict := pixels.asked.verdict():
        yield verdict
    if pixels.choices.record:
        name = item.nodeid.partition("::")[2].replace("::", ".")
        which = "" if is_first else pixels.label
        path = recording_path(Path(pixels.home.path), pixels.choices.record, name, which)
        recorded = compared(path, pixels.session, pool.updating)
        if recorded:
            yield verify_unproven(recorded, pixels.session.evidence())


def _left_over(pixels: Pixels) -> None:
    """Fail for a scenario file that was never looked at, or whose error went nowhere."""
    __tracebackhide__ = True
    for context in pixels.pool.contexts:
        if not context.entered:
            never = f"expecting {context.snapshot.file} was never entered: write `with`"
            pixels.home.fail(AssertionError(never), context.location)
        if context.error:
            pixels.home.fail(AssertionError(str(context.error)), context.location)


def _explain(item: pytest.Item, made: Sequence[Pixels], marked: Sequence[Snapshot]) -> None:
    """What the pixels have to say of a test that failed by itself."""
    for pixels in made:
        for context in pixels.pool.contexts:
            if context.error:
                item.add_report_section("call", "pixels", str(context.error))
        scenarios = read(marked, update=False) if pixels.session is made[0].session else ()
        own = () if scenarios and not pixels.asked else (pixels.asked.scenario,)
        verdict = verify_unproven([*scenarios, *own], pixels.pool.rest())
        if verdict.status is not Status.MET:
            item.add_report_section("call", "pixels", report(verdict, (pixels.home.file,)))


def _warn(item: pytest.Item, verdict: Verdict) -> None:
    """What a policy only warns of, as warnings of pytest."""
    warned = [hit for hit in verdict.policy_hits if hit.level is Level.WARN]
    for policy, number in Counter(hit.policy for hit in warned).items():
        hits = [policy_hit.hit for policy_hit in warned if policy_hit.policy is policy]
        titles = dict.fromkeys(call_text.title(hit.call, hit.request) for hit in hits)
        word, said = policy_text(policy, Level.WARN, number)
        item.warn(PixelWarning(f"{word.removeprefix('warning: ')}: {said}: {', '.join(titles)}"))


def warn_of_late(item: pytest.Item, made: Sequence[Pixels]) -> None:
    """Warn of what came behind the end of a test, as a fixture sends it that goes: that is judged
    by nobody."""
    late = [
        call_text.title(hit.call, hit.request)
        for pixels in made
        if pixels.judged is not None
        for hit in pixels.requests
        if hit.seq > pixels.judged
    ]
    if late:
        count = f"{len(late)} call{'s' if len(late) > 1 else ''}"
        item.warn(
            PixelWarning(
                f"late: {count} after the end of {item.nodeid}, which nobody judges: "
                f"{', '.join(dict.fromkeys(late))}"
            )
        )


def _list(item: pytest.Item, hits: Sequence[Hit]) -> None:
    if hits:
        lines = call_lines(Page(100, colour=False), hits)
        item.add_report_section("call", "pixels seen", "\n".join(line[4:] for line in lines))


def tell(item: pytest.Item, hits: Sequence[Hit], scenarios: Iterable[str]) -> None:
    """Properties for JUnit, from which the summary counts, too."""
    counts = Counter(hit.outcome for hit in hits)
    calls = [hit for hit in hits if hit.outcome is not Outcome.UNHANDLED]
    told: list[tuple[str, object]] = [(CALLS_PROPERTY, len(calls))]
    told += [
        (f"{PROPERTY}{outcome}", count)
        for outcome, count in counts.items()
        if outcome in COUNTED_OUTCOMES
    ]
    told += [(f"{PROPERTY}scenario", file) for file in scenarios]
    told += [
        (f"{PROPERTY}call", call_text.line(hit.call, hit.request, hit.outcome, hit.problems))
        for hit in calls[:_MOST]
    ]
    # A test that is run again tells of its last run.
    others = [pair for pair in item.user_properties if not pair[0].startswith(PROPERTY)]
    item.user_properties[:] = [*others, *told]
