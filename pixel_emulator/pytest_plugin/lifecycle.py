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
from pixel_emulator.core.model import Hit, Outcome, count_calls, count_outcomes
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.core.report.page import Page
from pixel_emulator.core.report.side_by_side import call_lines
from pixel_emulator.core.report.wording import policy_text
from pixel_emulator.core.scenarios.scenario import Level
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.pytest_plugin.lazy_emulator import (
    NO_EMULATOR,
    DeferredSession,
    EmulatorHandle,
    LazyEmulator,
    check_threads,
    installed_program,
)
from pixel_emulator.pytest_plugin.marks import options_of, settings_of
from pixel_emulator.pytest_plugin.options import PixelWarning
from pixel_emulator.pytest_plugin.pixel_calls import Pixels
from pixel_emulator.pytest_plugin.run_recording import recording_of
from pixel_emulator.pytest_plugin.scenario_context import (
    CallsAfter,
    done_now,
    load_files,
    verify_files,
    wait_for_calls,
)
from pixel_emulator.pytest_plugin.snapshots import (
    Snapshot,
    recorded_scenario,
    recording_path,
    update_guard,
)
from pixel_emulator.pytest_plugin.source_lines import MisuseError, source_of
from pixel_emulator.pytest_plugin.stash import (
    CALLS_PROPERTY,
    COUNTED_OUTCOMES,
    EMULATOR,
    LIVE_LINES,
    PROPERTY,
    REPORT_LINES,
)
from pixel_emulator.pytest_plugin.verdicts import message, report, unmet_locations, verify_unproven
from pixel_emulator.runtime.output import redacted
from pixel_emulator.runtime.session import Session
from pixel_emulator.runtime.sessions import NAME
from pixel_emulator.runtime.settings import TOKEN_VARIABLE, Settings


class LiveOutput:
    """The plugin of a run with `--pixel-show`; xdist workers have it, too."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add the lines of an xdist worker, which has no terminal, to the report."""
        report = yield
        if waiting := item.stash.get(LIVE_LINES, None):
            setattr(report, REPORT_LINES, [waiting.popleft() for _ in range(len(waiting))])
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Print the lines that came from an xdist worker."""
        lines = getattr(report, REPORT_LINES, ())
        if not lines or self._config.pluginmanager.get_plugin("terminalreporter") is None:
            return
        terminal = self._config.get_terminal_writer()
        _begin_line(self._config)
        for line in lines:
            terminal.line(line)


def print_live(item: pytest.Item, session: Session, title: str) -> None:
    """Print the calls of a session, which arrive in other threads, as they come."""
    is_worker = hasattr(item.config, "workerinput")  # a worker has no terminal
    print_line = (
        item.stash.setdefault(LIVE_LINES, deque()).append if is_worker else _printer(item.config)
    )

    def show(hit: Hit) -> None:
        line = call_text.line(hit.call, hit.request, hit.outcome, hit.problems)
        print_line(redacted(f"{title} #{hit.seq}  {line}"))

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
    """End the line with the letters of tests, also with `-q`."""
    terminal = config.get_terminal_writer()
    if terminal.width_of_current_line:
        terminal.line()


def make_pixels(
    item: pytest.Item, emulator: LazyEmulator, label: str, all_pixels: Sequence[Pixels]
) -> Pixels:
    """Open a session for a test; `all_pixels` are those that it has already.

    Fails the test for marks with wrong names or values. Raises InputError for a label that is no
    name, or that the test has used.
    """
    __tracebackhide__ = True
    label = _session_label(label, [pixels.label for pixels in all_pixels])
    options = options_of(item.config, item.iter_markers("pixel"))
    session = open_session(item, emulator, options.settings, label, options.clock)
    return Pixels(
        session,
        source=source_of(item, label),
        options=options,
        label=label,
        environ=lambda: emulator.environ(session),
        folders=(item.path.parent, item.config.rootpath),
        update=update_guard(item, is_new=not all_pixels),
        part=recording_of(item, len(all_pixels), session, options.settings),
    )


def _session_label(wanted: str, taken: Collection[str]) -> str:
    """Return the label of a session: the given one, else its number; the first has none."""
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


_EXTRA_PROXY = ("mitmproxy", "httptools", "starlette", "uvicorn")
"""Packages of the extra `proxy`: with all of them the emulator runs in this process."""


def emulator_of(config: pytest.Config) -> LazyEmulator:
    """Return the emulator of this run, which stops at the end of the run.

    With `--pixel-url` it is connected to at once. Fails the test for settings that are not allowed,
    and if that emulator cannot be reached.
    """
    if EMULATOR not in config.stash:
        settings = settings_of(config)
        emulator = LazyEmulator(settings, lambda: _start(config, settings))
        if config.getoption("--pixel-url"):
            emulator.handle()
        config.stash[EMULATOR] = emulator
        config.add_cleanup(emulator.close)
    return config.stash[EMULATOR]


def open_session(
    item: pytest.Item,
    emulator: LazyEmulator,
    settings: Settings,
    label: str = "",
    clock: Clock = Clock.REAL,
) -> DeferredSession:
    """Return a new session for a test; with `--pixel-show` its calls are printed."""
    title = f"{item.nodeid} ({label})" if label else item.nodeid
    session = emulator.open(settings, title, clock)
    if item.config.getoption("--pixel-url"):
        session.reachable()  # so that other clients of that emulator see the session
    if item.config.getoption("--pixel-show"):
        print_live(item, session, title)
    return session


def _start(config: pytest.Config, settings: Settings) -> EmulatorHandle:
    command = shlex.split(config.getini("pixel_emulator_command"))
    url = config.getoption("--pixel-url")
    if not (url or command) and all(map(importlib.util.find_spec, _EXTRA_PROXY)):
        check_threads()
        from pixel_emulator.pytest_plugin.local_emulator import LocalEmulator

        return LocalEmulator(settings)
    # Needed only without the extra `proxy`, or for an emulator that is named.
    from pixel_emulator.pytest_plugin.remote_emulator import connect_to, start_process

    if url:
        return connect_to(url, os.environ.get(TOKEN_VARIABLE, ""), settings)
    if command:
        return start_process(command, settings)
    program = installed_program()  # nothing is fetched from a package index
    emulator = start_process([program], settings)
    if emulator.version != (own := version("pixel-emulator")):
        emulator.close()
        differs = f"{program} has version {emulator.version}, the plugin has {own}"
        raise InputError(InputIssue(f"{differs}{NO_EMULATOR}"))
    return emulator


_LISTED_CALLS = 20  # calls of a test that get a property of their own


def conclude(item: pytest.Item, all_pixels: Sequence[Pixels], failed: BaseException | None) -> None:
    """Verify the calls of a test, unless it `failed` by itself; complete its report in any case.

    Raises AssertionError, on a line of the test, for the first failure.
    """
    __tracebackhide__ = True
    marked: list[Snapshot] = []
    if any(pixels.connections for pixels in all_pixels):
        emulator_of(item.config).drain(
            0
        )  # a client reports that it refuses our CA when it disconnects
    try:
        marked += _marked_files(item, all_pixels[0])
        if failed is not None:
            if not any(error is failed for pixels in all_pixels for error in pixels.raised):
                _add_failure_sections(item, all_pixels, marked)
            return
        for pixels in all_pixels:
            _check_contexts(pixels)
            for verdict in _verdicts(item, pixels, marked, is_first=pixels is all_pixels[0]):
                _warn(item, verdict)
                if verdict.status is not Status.MET:
                    ours = (pixels.source.file,)
                    at = next(unmet_locations(verdict), pixels.source.location)
                    pixels.source.fail(AssertionError(message(verdict, ours)), at)
    except (InputError, MisuseError) as error:
        if failed is None:
            text = TypeError(str(error)) if isinstance(error, MisuseError) else error
            all_pixels[0].source.fail(text, all_pixels[0].source.location)
    finally:
        hits: list[Hit] = []
        for pixels in all_pixels:
            requests = pixels.requests
            hits += requests
            pixels.verified_up_to = requests[-1].seq if requests else 0
        set_properties(
            item,
            hits,
            dict.fromkeys(file for pixels in all_pixels for file in pixels.shared_calls.files),
        )
        _add_calls_section(item, hits)


def _marked_files(item: pytest.Item, pixels: Pixels) -> Iterator[Snapshot]:
    """Yield the scenarios that the marks of a test name, the outermost mark first."""
    for mark in reversed([*item.iter_markers("pixel_scenario")]):
        if not mark.args:
            raise InputError(InputIssue("the mark `pixel_scenario` names no file"))
        for file in mark.args:
            yield pixels.snapshot(file, mark.kwargs, pixels.source.location)


def _verdicts(
    item: pytest.Item, pixels: Pixels, marked: Sequence[Snapshot], *, is_first: bool
) -> Iterator[Verdict]:
    """Yield the verdict on all expectations together, then that on the recording, if any.

    The marks apply to the first session.
    """
    shared_calls = pixels.shared_calls
    if marked and is_first:
        scenarios = load_files(marked, update=shared_calls.update)
        wanted = [*scenarios, pixels.expected.scenario] if pixels.expected else [*scenarios]
        calls_after = CallsAfter(
            pixels.session,
            acted=done_now(scenarios, pixels.session),
            claimed=shared_calls.claimed,
        )
        if wanted:
            wait_for_calls(wanted, calls_after)
        evidence = calls_after.evidence()
        yield verify_files(marked, wanted, evidence, update=shared_calls.update)
    elif verdict := pixels.expected.verdict(are_recorded=bool(pixels.options.record)):
        yield verdict
    if pixels.options.record:
        name = item.nodeid.partition("::")[2].replace("::", ".")
        which = "" if is_first else pixels.label
        path = recording_path(Path(pixels.source.path), pixels.options.record, name, which)
        recorded = recorded_scenario(path, pixels.session, shared_calls.update_guard)
        if recorded:
            yield verify_unproven(recorded, pixels.session.evidence())


def _check_contexts(pixels: Pixels) -> None:
    """Fail the test for a context that was never entered, or whose error was not raised."""
    __tracebackhide__ = True
    for context in pixels.shared_calls.contexts:
        if not context.entered:
            never = f"expecting {context.snapshot.file} was never entered: write `with`"
            pixels.source.fail(AssertionError(never), context.location)
        if context.error:
            pixels.source.fail(AssertionError(str(context.error)), context.location)


def _add_failure_sections(
    item: pytest.Item, all_pixels: Sequence[Pixels], marked: Sequence[Snapshot]
) -> None:
    """Add what is not met to the report of a test that failed by itself."""
    for pixels in all_pixels:
        for context in pixels.shared_calls.contexts:
            if context.error:
                item.add_report_section("call", "pixels", str(context.error))
        scenarios = (
            load_files(marked, update=False) if pixels.session is all_pixels[0].session else ()
        )
        own = () if scenarios and not pixels.expected else (pixels.expected.scenario,)
        verdict = verify_unproven([*scenarios, *own], pixels.shared_calls.unclaimed())
        if verdict.status is not Status.MET:
            item.add_report_section("call", "pixels", report(verdict, (pixels.source.file,)))


def _warn(item: pytest.Item, verdict: Verdict) -> None:
    """Warn of findings whose policy is `warn`."""
    warned = [hit for hit in verdict.policy_hits if hit.level is Level.WARN]
    for policy, number in Counter(hit.policy for hit in warned).items():
        hits = [policy_hit.hit for policy_hit in warned if policy_hit.policy is policy]
        titles = dict.fromkeys(call_text.title(hit.call, hit.request) for hit in hits)
        word, text = policy_text(policy, Level.WARN, number)
        item.warn(PixelWarning(f"{word.removeprefix('warning: ')}: {text}: {', '.join(titles)}"))


def warn_of_late(item: pytest.Item, all_pixels: Sequence[Pixels]) -> None:
    """Warn of calls that came after the end of the test, as from the teardown of a fixture.

    These are not verified.
    """
    late = [
        call_text.title(hit.call, hit.request)
        for pixels in all_pixels
        if pixels.verified_up_to is not None
        for hit in pixels.requests
        if hit.seq > pixels.verified_up_to
    ]
    if late:
        count = f"{len(late)} call{'s' if len(late) > 1 else ''}"
        item.warn(
            PixelWarning(
                f"late: {count} after the end of {item.nodeid}, not verified: "
                f"{', '.join(dict.fromkeys(late))}"
            )
        )


def _add_calls_section(item: pytest.Item, hits: Sequence[Hit]) -> None:
    if hits:
        lines = call_lines(Page(100, colour=False), hits)
        item.add_report_section("call", "pixels seen", "\n".join(line[4:] for line in lines))


def set_properties(item: pytest.Item, hits: Sequence[Hit], scenarios: Iterable[str]) -> None:
    """Set the properties of the test report; JUnit shows them, and the summary counts them."""
    counts = count_outcomes(hits)
    calls = [hit for hit in hits if hit.outcome is not Outcome.UNHANDLED]
    properties: list[tuple[str, object]] = [(CALLS_PROPERTY, count_calls(counts))]
    properties += [
        (f"{PROPERTY}{outcome}", count)
        for outcome, count in counts.items()
        if outcome in COUNTED_OUTCOMES
    ]
    properties += [(f"{PROPERTY}scenario", file) for file in scenarios]
    properties += [
        (f"{PROPERTY}call", call_text.line(hit.call, hit.request, hit.outcome, hit.problems))
        for hit in calls[:_LISTED_CALLS]
    ]
    # A test that runs again keeps only the properties of its last run.
    others = [pair for pair in item.user_properties if not pair[0].startswith(PROPERTY)]
    item.user_properties[:] = [*others, *properties]
