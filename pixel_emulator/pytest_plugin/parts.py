"""The recording of one session, a part of that of the run; each worker of xdist writes its own."""

import os
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from threading import Lock

from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import Dialect, Hit
from pixel_emulator.core.recordings.recording import End, Head, Redaction
from pixel_emulator.core.redaction.masking import hide
from pixel_emulator.files.recording_parts import add_part, remove_part
from pixel_emulator.pytest_plugin.deferred_session import DeferredSession
from pixel_emulator.runtime.clock import utc_now
from pixel_emulator.runtime.recording_writer import RecordingWriter
from pixel_emulator.runtime.settings import Settings


class SessionRecording:
    """Writes down what a session gets, under the id of its test.

    In this process a call is in the file before it is answered, so that a crash loses none; the
    calls of an emulator elsewhere are written when its session is cleared or ends.
    """

    def __init__(self, path: Path, test: str, session: DeferredSession, settings: Settings) -> None:
        self._test = test
        self._session = session
        self._lock = Lock()
        self._last = self._calls = self._connections = 0
        known = settings.sources()
        head = Head(
            created=utc_now(),
            run="",
            tool=version("pixel-emulator"),
            dialect=Dialect(settings.dialect),
            redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
            shard=hide(test, known),
            clock=session.first.clock,
        )
        self._recorder: RecordingWriter | None = RecordingWriter(path, head, known)
        session.first.subscribe(self._append)

    def forget(self) -> None:
        """The session is about to be cleared: what it has so far is kept here."""
        self._take()
        self._connections += self._session.evidence().connections

    def close(self) -> None:
        """Finish it, once the session is closed. A part that could not be written stays open."""
        self._take()
        found = self._session.evidence()
        with self._lock:
            recorder, self._recorder = self._recorder, None
        if recorder is not None:
            end = End(
                calls=self._calls,
                connections=self._connections + found.connections,
                gaps=found.gaps,
                acted=found.acted,
            )
            try:
                recorder.close(end)
            except OSError:
                recorder.abandon()

    def _take(self) -> None:
        if not self._session.is_local:
            for hit in self._session.evidence().hits:
                self._append(hit)

    def _append(self, hit: Hit) -> None:
        with self._lock:
            if self._recorder is None or hit.seq <= self._last:
                return
            self._last = hit.seq
            self._calls += 1
            try:
                self._recorder.append(replace(hit, seq=self._calls, step=hit.step or self._test))
            except OSError:  # an open part says that calls may be missing
                self._recorder.abandon()
                self._recorder = None


def begin(
    folder: Path, test: str, number: int, session: DeferredSession, settings: Settings
) -> SessionRecording:
    """The part for session `number` of a test; the first one replaces those of an earlier try.

    Raises InputError where it cannot be written.
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
