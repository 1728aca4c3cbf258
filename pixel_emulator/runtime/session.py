"""A session: what one test has of an emulator, to any door, and as it is in this process."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Protocol

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Evidence, Hit, PixelRequest
from pixel_emulator.core.recordings.recording import Clock, End
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings


class Endpoint(Protocol):
    """Where clients go, and what they must trust.

    `proxy` and `url` are URLs: of a proxy, and of a server for direct requests. `ca` and `bundle`
    are PEM files, `spki` is the hash of the CA's key, `hosts` are emulated.
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
    """What a test has of its own: where its clients go, and what came of it.

    Its `proxy` is on a port that only this session has. All methods may be called from any thread.
    """

    @property
    def name(self) -> str: ...
    @property
    def closed(self) -> bool: ...

    @property
    def connections(self) -> int:
        """How many clients have connected since then; see `evidence`."""

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """All that is known since the beginning, or since it was cleared.

        The first `since` hits are left out; see `Journal.evidence` for `most`.
        """

    def wait(self, seen: int, timeout: float) -> bool:
        """Wait until there are more than `seen` hits; False after `timeout` seconds, or once it is
        closed.

        It may end sooner, once calls may be missing.
        """

    def follow(self, progress: Callable[[], float]) -> Callable[[], None]:
        """See `Journal`; an emulator elsewhere waits for nobody."""

    def notify_progress(self) -> None:
        """See `Journal`."""

    def receive(self, request: PixelRequest) -> Hit:
        """Record a request as if it had arrived."""

    def subscribe(self, on_hit: Callable[[Hit], None]) -> Callable[[], None]:
        """Call `tell` with each new hit, in order; returns the way out."""

    def clear(self) -> None:
        """Forget all that has arrived; what comes now is a run of its own."""

    def save(self, path: Path) -> None:
        """Write a recording of what there is. Raises InputError where that cannot be written."""

    def begin_run(self, clock: datetime | None = None) -> None:
        """What arrives now is a run of its own, stamped from `clock` on; see `Journal`."""

    def begin_step(self, title: str) -> None:
        """What arrives from now on belongs to this step; with an empty title, to none."""

    def mark_done(self, *titles: str) -> None:
        """These steps have done what they do, just now."""

    def now(self) -> datetime:
        """Return the time that would be stamped on what arrives now."""

    def close(self) -> None:
        """End it: what still comes for it is a stray, and lands nowhere."""


class CertificateFiles(Protocol):
    """A certificate authority; see `proxy.authority`."""

    @property
    def ca(self) -> Path: ...
    @property
    def bundle(self) -> Path: ...
    @property
    def spki(self) -> str: ...


class EmulatorInfo(Protocol):
    """The emulator that sessions live on."""

    @property
    def settings(self) -> Settings: ...
    @property
    def authority(self) -> CertificateFiles: ...
    @property
    def url(self) -> str: ...


class LocalSession:
    """A session in this process; see `Session`. Its port is opened when it is first asked for.

    Until it joins an emulator it has no name, and only `receive` brings it calls.
    """

    def __init__(self, journal: Journal, settings: Settings, clock: Clock = Clock.REAL) -> None:
        self.clock = clock
        """Which clock the journal has."""
        self.name = ""
        self.closed = False
        self.journal = journal
        self.settings = settings
        self._proxy = ""
        self._port_lock = Lock()
        self._cleared = (0, 0)  # hits and connections that were there then

    def join(
        self,
        name: str,
        *,
        emulator: EmulatorInfo,
        url: Callable[[], str],
        open_port: "Callable[[LocalSession], str]",
        close: "Callable[[LocalSession], None]",
    ) -> None:
        """Join the emulator `place` under a name.

        `listen` opens the port of the session and returns its URL, `end` closes it.
        """
        self.name = name
        self._emulator = emulator
        self._url, self._open_port, self._close = url, open_port, close

    @property
    def proxy(self) -> str:
        """Its own port, as a URL. Raises InputError where the session was closed before."""
        with self._port_lock:
            if not self._proxy:
                self._proxy = self._open_port(self)
            return self._proxy

    @property
    def url(self) -> str:
        """Where it is a server: behind this comes `/v1/pixel/track?data=…`."""
        return self._url()

    @property
    def ca(self) -> Path:
        """The CA that its clients must trust."""
        return self._emulator.authority.ca

    @property
    def bundle(self) -> Path:
        """This CA, and all that the machine trusts."""
        return self._emulator.authority.bundle

    @property
    def spki(self) -> str:
        """The hash by which a browser accepts the CA."""
        return self._emulator.authority.spki

    @property
    def hosts(self) -> tuple[str, ...]:
        """The emulated hosts."""
        return self._emulator.settings.hosts if self.name else self.settings.hosts

    @property
    def cleared(self) -> int:
        """How many hits were there when it was last cleared: the number of the last of them."""
        return self._cleared[0]

    @property
    def connections(self) -> int:
        """See `Session`."""
        return self.journal.connections - self._cleared[1]

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """What is known since it was cleared; gaps stay, since nobody knows what they hide."""
        hits, connections = self._cleared
        evidence = self.journal.evidence(hits + since, most)
        if not connections:
            return evidence
        return replace(evidence, connections=evidence.connections - connections)

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

    def receive(self, request: PixelRequest) -> Hit:
        """See `Session`."""
        return self.journal.record(request)

    def subscribe(self, on_hit: Callable[[Hit], None]) -> Callable[[], None]:
        """See `Session`."""
        return self.journal.subscribe(on_hit)

    def clear(self) -> None:
        """See `Session`; a recording that is being written keeps everything."""
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
        """See `Session`; the calls are numbered from 1."""
        writer = open_recording(replace(self.settings, record=str(path)), clock=self.clock)
        evidence = self.evidence()
        if writer is None:  # for an empty path
            raise InputError(InputIssue("a recording needs a file"))
        try:
            writer.append(*(replace(hit, seq=seq) for seq, hit in enumerate(evidence.hits, 1)))
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
        """See `Session`. The default one stays open as long as its emulator."""
        if self.name:
            self._close(self)
        else:
            self.closed = True
            self.journal.close()
