"""Sessions: the part of an emulator that one test uses; the protocol and the local class."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Evidence, Exchange, Hit, HttpRequest, renumbered
from pixel_emulator.core.recordings.recording import Clock, End
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings


class Endpoint(Protocol):
    """Where clients connect, and what they must trust.

    `proxy` and `url` are URLs: of the proxy, and of the server for direct requests. `ca` and
    `bundle` are PEM files, `spki` is the hash of the CA's key, `hosts` are the emulated hosts.
    """

    @property
    def proxy(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def ca(self) -> Path: ...
    @property
    def bundle(self) -> Path: ...
    @property
    def spki(self) -> str: ...
    @property
    def hosts(self) -> tuple[str, ...]: ...


class Session(Endpoint, Protocol):
    """One test's isolated part of an emulator: an endpoint of its own and the calls it received.

    Its `proxy` is on a port that no other session has. All methods may be called from any thread.
    """

    @property
    def name(self) -> str: ...
    @property
    def closed(self) -> bool: ...

    @property
    def connections(self) -> int:
        """Number of client connections since the session was opened or cleared; see `evidence`."""

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """Return everything known since the session was opened or cleared.

        The first `since` hits are left out; for `most` see `Journal.evidence`.
        """

    def wait(self, seen: int, timeout: float) -> bool:
        """Wait at most `timeout` seconds for more than `seen` hits; return True if there are more.

        Returns early once the session is closed, and may do so once calls may be missing.
        """

    def follow(self, progress: Callable[[], float]) -> Callable[[], None]:
        """See `Journal.follow`. An emulator in another process does not wait for followers."""

    def notify_progress(self) -> None:
        """See `Journal.notify_progress`."""

    def receive(self, request: HttpRequest) -> Exchange:
        """Record a request as if it had arrived."""

    def subscribe(self, on_hit: Callable[[Hit], None]) -> Callable[[], None]:
        """Call `on_hit` with each new hit, in order; return a function that ends the
        subscription."""

    def clear(self) -> None:
        """Forget everything that has arrived and begin a new run."""

    def save(self, path: Path) -> None:
        """Write the current evidence as a recording. Raises InputError if it cannot be written."""

    def begin_run(self, clock: datetime | None = None) -> None:
        """Begin a run that is stamped from `clock` on; see `Journal.begin_run`."""

    def begin_step(self, title: str) -> None:
        """Assign what arrives from now on to the step with this title; an empty title means no
        step."""

    def mark_done(self, *titles: str) -> None:
        """Note that the actions of these steps ended just now."""

    def now(self) -> datetime:
        """Return the time that would be stamped on a request that arrives now."""

    def close(self) -> None:
        """Close the session: requests that still come for it are only counted."""


class CertificateFiles(Protocol):
    """Files of a certificate authority; see `proxy.ca`."""

    @property
    def ca(self) -> Path: ...
    @property
    def bundle(self) -> Path: ...
    @property
    def spki(self) -> str: ...


class EmulatorInfo(Protocol):
    """What a session uses of its emulator."""

    @property
    def settings(self) -> Settings: ...
    @property
    def authority(self) -> CertificateFiles: ...
    @property
    def url(self) -> str: ...


class LocalSession:
    """A session in this process; see `Session`. Its port is opened on first use.

    Until it joins an emulator, it has no name and gets calls only from `receive`.
    """

    def __init__(self, journal: Journal, settings: Settings, clock: Clock = Clock.REAL) -> None:
        self.clock = clock
        self.name = ""
        self.closed = False
        self.journal = journal
        self.settings = settings
        self._proxy = ""
        self._port_lock = Lock()
        self._cleared = (0, 0)  # numbers of hits and connections when it was last cleared

    def join(
        self,
        name: str,
        *,
        emulator: EmulatorInfo,
        url: Callable[[], str],
        open_port: "Callable[[LocalSession], str]",
        close: "Callable[[LocalSession], None]",
    ) -> None:
        """Join an emulator under a name.

        `open_port` opens the port of the session and returns its URL, `close` closes the session.
        """
        self.name = name
        self._emulator = emulator
        self._url, self._open_port, self._close = url, open_port, close

    @property
    def proxy(self) -> str:
        """URL of the session's own port. Raises InputError if the session was closed before first
        use."""
        with self._port_lock:
            if not self._proxy:
                self._proxy = self._open_port(self)
            return self._proxy

    @property
    def url(self) -> str:
        """Base URL for direct requests: `/v1/pixel/track?data=…` is appended to it."""
        return self._url()

    @property
    def ca(self) -> Path:
        """PEM file of the CA that clients must trust."""
        return self._emulator.authority.ca

    @property
    def bundle(self) -> Path:
        """PEM file of this CA and everything that the machine trusts."""
        return self._emulator.authority.bundle

    @property
    def spki(self) -> str:
        """Hash by which a browser accepts the CA."""
        return self._emulator.authority.spki

    @property
    def hosts(self) -> tuple[str, ...]:
        """The emulated hosts."""
        return self._emulator.settings.hosts if self.name else self.settings.hosts

    @property
    def cleared(self) -> int:
        """Number of hits when the session was last cleared: the sequence number of the last of
        them."""
        return self._cleared[0]

    @property
    def connections(self) -> int:
        """See `Session`."""
        return max(0, self.journal.connections - self._cleared[1])

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """Return what is known since the session was cleared.

        Earlier gaps are included: nobody knows which calls they hide.
        """
        hits, connections = self._cleared
        evidence = self.journal.evidence(hits + since, most)
        if not connections:
            return evidence
        # One that was there when the session was cleared may not count any longer.
        return replace(evidence, connections=max(0, evidence.connections - connections))

    def wait(self, seen: int, timeout: float) -> bool:
        """See `Session`."""
        return self.journal.wait(self.cleared + seen, timeout, lambda: self.closed)

    def follow(self, progress: Callable[[], float]) -> Callable[[], None]:
        """See `Journal`."""
        cleared = self.cleared
        return self.journal.follow(lambda: progress() + cleared)

    def notify_progress(self) -> None:
        """See `Journal`."""
        self.journal.notify_progress()

    def receive(self, request: HttpRequest) -> Exchange:
        """See `Session`."""
        return self.journal.record(request)

    def subscribe(self, on_hit: Callable[[Hit], None]) -> Callable[[], None]:
        """See `Session`."""
        return self.journal.subscribe(on_hit)

    def clear(self) -> None:
        """See `Session`. A recording that is being written keeps everything."""
        evidence = self.journal.evidence()
        self._cleared = (len(evidence.hits), evidence.connections)
        self.journal.begin_run()

    def begin_run(self, clock: datetime | None = None) -> None:
        """See `Session`."""
        self.journal.begin_run(clock)

    def begin_step(self, title: str) -> None:
        """See `Session`."""
        self.journal.begin_step(title)

    def mark_done(self, *titles: str) -> None:
        """See `Session`."""
        self.journal.mark_done(*titles)

    def now(self) -> datetime:
        """See `Session`."""
        return self.journal.now()

    def save(self, path: Path) -> None:
        """See `Session`. The calls are numbered from 1."""
        writer = open_recording(replace(self.settings, record=str(path)), clock=self.clock)
        evidence = self.evidence()
        if writer is None:  # the path is empty
            raise InputError(InputIssue("a recording needs a file"))
        try:
            writer.append(*renumbered(evidence.exchanges))
            writer.commit()
            writer.close(
                End(
                    calls=len(evidence.hits),
                    connections=evidence.connections,
                    gaps=evidence.gaps,
                    acted=evidence.acted,
                )
            )
        except OSError as error:
            raise InputError(InputIssue(f"{path}: cannot be written: {error}")) from None
        finally:
            writer.abandon()

    def close(self) -> None:
        """See `Session`. The default session stays open as long as its emulator."""
        if self.name:
            self._close(self)
        else:
            self.closed = True
            self.journal.close()
