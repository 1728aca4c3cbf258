"""One recording of a whole run, `--pixel-recording`, made of one part for each session.

With xdist each worker writes parts of its own, and the process that runs no tests merges them.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Dialect, Hit
from pixel_emulator.core.recordings.recording import EXCHANGES, End, Head, Redaction
from pixel_emulator.core.redaction.masking import hide
from pixel_emulator.files import read_write
from pixel_emulator.files.file_io import close_locked
from pixel_emulator.files.recording_file import open_locked
from pixel_emulator.files.recording_parts import (
    add_part,
    make_folder,
    merge,
    parts_of,
    remove_part,
    rescue,
)
from pixel_emulator.pytest_plugin.lazy_emulator import DeferredSession
from pixel_emulator.pytest_plugin.marks import settings_of
from pixel_emulator.pytest_plugin.options import recording_target
from pixel_emulator.pytest_plugin.stash import WORKER_RECORDING
from pixel_emulator.runtime.clock import utc_now
from pixel_emulator.runtime.recording_writer import RecordingWriter
from pixel_emulator.runtime.settings import Settings

_LONGEST_REASON = 200
"""Characters of a reason that are shown."""


class RunProgress:
    """A plugin that notes which tests have ended, so that a recording tells if the run was cut
    short.

    With xdist it is in the process that runs no tests itself.
    """

    def __init__(self) -> None:
        self._selected: set[str] = set()
        self._ended: set[str] = set()
        self._failed_collectors: set[str] = set()
        self._stopped_by = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note the tests that will run; deselected ones are not among them."""
        self._selected = {item.nodeid for item in session.items}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note the tests that an xdist worker has collected: all collect the same ones."""
        self._selected.update(ids)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self._failed_collectors.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note that a test has ended."""
        self._ended.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note tests for which xdist sends no `logfinish`: the failure it stops at, and a test
        whose worker died."""
        if report.when not in ("setup", "teardown") or report.failed:
            self._ended.add(report.nodeid)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note Ctrl-C, and `pytest.exit`."""
        # pytest and xdist have an `Interrupted` each; under these the missing tests tell enough.
        if type(excinfo.value).__name__ != "Interrupted":
            self._stopped_by = excinfo.exconly().splitlines()[0]

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note an error of pytest or of a plugin."""
        self._stopped_by = f"an internal error: {excinfo.exconly().splitlines()[0]}"

    def gaps(self, session: pytest.Session, exitstatus: int) -> list[str]:
        """Return why calls may be missing, one sentence without a full stop for each reason."""
        gaps = []
        if failed := len(self._failed_collectors):
            files = "file" if failed == 1 else "files"
            gaps.append(f"the run is incomplete: {failed} {files} could not be collected")
        missing = len(self._selected - self._ended)
        stopped = self._stopped_by or str(session.shouldfail or session.shouldstop or "")
        if not stopped and exitstatus == pytest.ExitCode.USAGE_ERROR:
            stopped = "a wrong command line"
        if missing or self._stopped_by or exitstatus == pytest.ExitCode.USAGE_ERROR:
            tests = f"{missing} of {len(self._selected)} selected tests did not run to their end"
            why = f" ({stopped[:_LONGEST_REASON]})" if stopped else ""
            gaps.append(f"the run was stopped{why}: {tests}")
        return gaps


_START = 4096
"""Bytes of a recording that contain its head."""
_NO_CALLS = f"\n{EXCHANGES}end:".encode()
"""Text of a recording without calls."""


class RunRecording:
    """The plugin that merges the parts; registered in a run that records, not in xdist workers."""

    def __init__(self, target: Path, strays: Callable[[], Sequence[str]]) -> None:
        self._target = target
        self._previous = target.with_name(f"{target.name}.previous")
        self._strays = strays
        self._messages: list[str] = []
        self._progress = RunProgress()

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Lock the recording and make the folder for its parts.

        Calls of an earlier run that was killed are kept beside the file. Raises UsageError if the
        file is no recording, or if another run, or an emulator, is recording to it.
        """
        if session.config.option.collectonly:
            return
        session.config.pluginmanager.register(self._progress, "pixel_run_progress")
        try:
            self._settings = settings_of(session.config)
            self._target.parent.mkdir(parents=True, exist_ok=True)
            locked = open_locked(self._target)
            session.config.add_cleanup(lambda: close_locked(locked))
            self._state = _state(os.fstat(locked))
            if self._target.stat().st_size and not read_write.is_recording(self._target):
                raise pytest.UsageError(f"{self._target}: is no recording: it is not overwritten")
            if (killed := rescue(self._target, read_write.read_recording)) is not None:
                read_write.write_text(self._previous, killed)
                calls = _call_count(len(read_write.read_recording(self._previous).hits))
                where = os.path.relpath(self._previous)
                self._messages.append(f"an earlier run was killed: its {calls} stand in {where}")
            make_folder(parts_of(self._target))  # if this run is killed, readers find the parts
        except (InputError, OSError, pytest.fail.Exception) as error:
            raise pytest.UsageError(f"--pixel-recording: {error}") from None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Merge the parts after the workers have ended; note if the run was cut short."""
        if session.config.option.collectonly:
            return
        folder, shown = parts_of(self._target), os.path.relpath(self._target)
        sources = self._settings.sources()
        # Strays name tests, and the id of a test may hold a write key.
        strays = [hide(stray, sources) for stray in self._strays()]
        merged = merge(
            folder,
            self._settings,
            [*sorted(strays), *self._progress.gaps(session, exitstatus)],
            read_write.read_recording,
        )
        try:
            self._check_unchanged()
            if not merged.calls:
                self._keep_earlier()
            read_write.write_text(self._target, merged.text)
        except (InputError, OSError) as error:
            self._messages.append(f"{error}; its parts are in {folder}")
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            return
        shutil.rmtree(folder, ignore_errors=True)
        self._messages.append(f"{_call_count(merged.calls)} recorded to {shown}")
        self._messages += (f"{shown} is incomplete: {gap}" for gap in merged.gaps)

    def _keep_earlier(self) -> None:
        """Copy the recording of an earlier run to `NAME.previous`, because this one has no calls.

        Raises OSError if that fails.
        """
        if not self._target.exists():
            return
        with self._target.open("rb") as file:
            start = file.read(_START)
        if start and _NO_CALLS not in start:
            shutil.copyfile(self._target, self._previous)
            where = os.path.relpath(self._previous)
            self._messages.append(f"no call came: the recording from before stands in {where}")

    def _check_unchanged(self) -> None:
        """Raise FileExistsError if the file was replaced or changed meanwhile."""
        if self._target.exists() and _state(self._target.stat()) != self._state:
            shown = os.path.relpath(self._target)
            message = f"{shown}: was changed while calls were recorded: it is not overwritten"
            raise FileExistsError(message)

    def pytest_terminal_summary(self, terminalreporter: "pytest.TerminalReporter") -> None:
        """Print where the recording is, and which calls may be missing."""
        for line in self._messages:
            terminalreporter.write_line(f"pixels: {line}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the path of the recording to an xdist worker."""
        node.workerinput[WORKER_RECORDING] = str(self._target)


def _state(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _call_count(calls: int) -> str:
    return f"{calls} call{'' if calls == 1 else 's'}"


class SessionRecording:
    """Writes what a session receives, under the id of its test.

    In this process a call is in the file before it is answered, so that a crash loses none. Calls
    of an emulator elsewhere are written when its session is cleared or closed.
    """

    def __init__(self, path: Path, test: str, session: DeferredSession, settings: Settings) -> None:
        self._test = test
        self._session = session
        self._lock = Lock()
        self._last = self._calls = self._connections = 0
        write_keys = settings.sources()
        head = Head(
            created=utc_now(),
            run="",
            tool=version("pixel-emulator"),
            dialect=Dialect(settings.dialect),
            redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
            shard=hide(test, write_keys),
            clock=session.local.clock,
        )
        self._recorder: RecordingWriter | None = RecordingWriter(path, head, write_keys)
        session.local.subscribe(self._append)

    def forget(self) -> None:
        """Write what the session has so far; it is about to be cleared."""
        self._append_remote_hits()
        self._connections += self._session.evidence().connections

    def close(self) -> None:
        """Write the end, once the session is closed. A part that cannot be written gets no end."""
        self._append_remote_hits()
        evidence = self._session.evidence()
        with self._lock:
            recorder, self._recorder = self._recorder, None
        if recorder is not None:
            end = End(
                calls=self._calls,
                connections=self._connections + evidence.connections,
                gaps=evidence.gaps,
                acted=evidence.acted,
            )
            try:
                recorder.close(end)
            except OSError:
                recorder.abandon()

    def _append_remote_hits(self) -> None:
        if not self._session.is_local:
            for hit in self._session.evidence().hits:
                self._append(hit)

    def _append(self, hit: Hit) -> None:
        with self._lock:
            if self._recorder is None or hit.index or hit.seq <= self._last:
                return
            self._last = hit.seq
            try:
                self._recorder.append(
                    replace(hit.exchange, seq=self._calls + 1, step=hit.step or self._test)
                )
            except OSError:  # a part without an end means that calls may be missing
                self._recorder.abandon()
                self._recorder = None
            self._calls += hit.exchange.width


def begin_part(
    folder: Path, test: str, number: int, session: DeferredSession, settings: Settings
) -> SessionRecording:
    """Return the part for session `number` of a test; the first one replaces those of an earlier
    try.

    Raises InputError if it cannot be written.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = sha256(test.encode(errors="surrogatepass")).hexdigest()[:24]
    path = folder / f"{name}.{number:04}.{worker}.yaml"
    try:
        if number == 0:
            for old in folder.glob(f"{name}.*.{worker}.yaml"):
                remove_part(folder, old.name)
        add_part(folder, path.name)
    except FileNotFoundError:
        message = "is gone: it was deleted, or is on another machine; nothing is recorded"
        raise InputError(InputIssue(message, Location(str(folder)))) from None
    except OSError as error:
        raise InputError(InputIssue(f"the recording cannot be written: {error}")) from None
    return SessionRecording(path, test, session, settings)


def recording_of(
    item: pytest.Item, number: int, session: DeferredSession, settings: Settings
) -> SessionRecording | None:
    """Return the recording of a session, or None in a run without. Fails the test if it cannot be
    written."""
    target = recording_target(item.config)
    if target is None:
        return None
    try:
        # Whether keys are masked is decided for the whole run.
        common = replace(settings, keep_write_keys=settings_of(item.config).keep_write_keys)
        return begin_part(parts_of(target), item.nodeid, number, session, common)
    except InputError as error:
        session.close()
        raise pytest.fail.Exception(f"pixels: {error}", pytrace=False) from None
