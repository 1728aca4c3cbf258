"""The one mutable object: every request so far, recorded before it is answered."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from pixel_emulator.config import Settings
from pixel_emulator.core.calls import Dialect, Evidence, Hit, PixelRequest
from pixel_emulator.core.problems.duplicates import SeenMessages
from pixel_emulator.core.problems.judgement import judge
from pixel_emulator.core.recordings.recording import End
from pixel_emulator.gaps import Gaps


class Recorder(Protocol):
    """What a journal writes to; `append` and `close` raise OSError where that fails."""

    def append(self, hit: Hit) -> None:
        """Hand one hit to the operating system."""

    def close(self, end: End) -> None:
        """Write the end of the recording and close it."""

    def abandon(self) -> None:
        """Close the recording without an end."""


def utc_now() -> datetime:
    """The time of day, aware and in UTC."""
    return datetime.now(UTC)


class Journal:
    """The requests of one run, safe to use from any thread.

    `record` returns only when the hit is in the journal and, with a recorder, handed to the
    operating system; a door sends its answer after that. A recorder that fails is a failure of
    the emulator: it is kept in `failures`, and the evidence is incomplete from then on.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        recorder: Recorder | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._dialect = Dialect(settings.dialect)
        self._sources = settings.sources()
        self._recorder = recorder
        self._now = now
        self._ahead = timedelta()
        self._clock: datetime | None = None
        self._step = ""
        self._acted: dict[str, datetime] = {}
        self._changed = threading.Condition()
        self._hits: list[Hit] = []
        self._seen = SeenMessages()
        self._subscribers: list[Callable[[Hit], None]] = []
        self._connections = 0
        self._refused_hosts: Counter[str] = Counter()
        self._gaps = Gaps()

    @property
    def hits(self) -> tuple[Hit, ...]:
        """All requests so far, in order."""
        with self._changed:
            return tuple(self._hits)

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong in the emulator itself, one sentence each."""
        with self._changed:
            return tuple(self._gaps.failures)

    @property
    def refused_hosts(self) -> tuple[str, ...]:
        """The hosts to which connections were refused, sorted."""
        with self._changed:
            return tuple(sorted(self._refused_hosts))

    def record(self, request: PixelRequest, time: datetime | None = None) -> Hit:
        """Judge a request, stamp it, write it down, and tell everybody who waits.

        `time` (aware, in UTC) is when an old request was made; without it, it is made now.
        """
        judgement = judge(request, self._dialect, self._sources)
        digest = sha256(request.line).hexdigest()
        with self._changed:
            time = time or self._time()
            outcome, problems = self._seen.judge(
                judgement.call, judgement.outcome, judgement.problems
            )
            hit = Hit(
                seq=len(self._hits) + 1,
                time=_in_milliseconds(time),
                request=request,
                status=judgement.route.response.status,
                call=judgement.call,
                outcome=outcome,
                problems=problems,
                source=judgement.source,
                digest=digest,
                step=self._step,
            )
            self._write(hit)
            self._hits.append(hit)
            self._changed.notify_all()
            for tell in tuple(self._subscribers):
                tell(hit)
        return hit

    def begin_run(self, clock: datetime | None = None) -> None:
        """What arrives from now on is a run of its own: no earlier call makes it a duplicate.

        With a `clock` (aware) the first thing that is stamped gets this time, and time goes on
        from there as it does; without one the time of day counts.
        """
        with self._changed:
            self._seen = SeenMessages()
            self._clock, self._ahead = clock, timedelta()

    def begin_step(self, title: str) -> None:
        """What arrives from now on belongs to this step; with an empty title, to none."""
        with self._changed:
            self._step = title

    def acted(self, *titles: str) -> None:
        """These steps have done what they do, just now."""
        with self._changed:
            self._acted |= dict.fromkeys(titles, _in_milliseconds(self._time()))

    def connected(self) -> None:
        """A client has connected."""
        with self._changed:
            self._connections += 1
            self._changed.notify_all()

    def handshake_refused(self, host: str, *, abandoned: bool = False) -> None:
        """A client broke off its TLS handshake for `host`; see `Gaps.handshake_refused`."""
        with self._changed:
            self._gaps.handshake_refused(host, abandoned=abandoned)
            self._changed.notify_all()

    def reached(self, host: str) -> None:
        """A request for `host` arrived: the client has accepted our CA after all."""
        with self._changed:
            self._gaps.reached(host)

    def unread(self, host: str = "") -> None:
        """A request could not be read; `host` if it came through TLS, and so our CA is accepted."""
        with self._changed:
            self._gaps.unread()
            if host:
                self._gaps.reached(host)
            self._changed.notify_all()

    def refused(self, host: str) -> None:
        """A connection to `host` was refused (`--offline`, or an address never allowed)."""
        with self._changed:
            self._refused_hosts[host] += 1

    def fail(self, message: str) -> None:
        """Note a failure of the emulator itself: from now on the evidence is incomplete."""
        with self._changed:
            self._gaps.failures.append(message)
            self._changed.notify_all()

    def subscribe(self, tell: Callable[[Hit], None]) -> Callable[[], None]:
        """Call `tell` with each new hit, in order, before it is answered; returns the way out."""
        with self._changed:
            self._subscribers.append(tell)
        return lambda: self._subscribers.remove(tell)

    def wait(self, seen: int, timeout: float) -> bool:
        """Wait until there are more than `seen` hits, or the gaps change; False after `timeout`."""
        with self._changed:
            gaps = self._gaps.sentences(0)
            self._changed.wait_for(
                lambda: len(self._hits) > seen or self._gaps.sentences(0) != gaps, timeout
            )
            return len(self._hits) > seen or self._gaps.sentences(0) != gaps

    def evidence(self) -> Evidence:
        """All that is known so far, and what may be missing from it."""
        with self._changed:
            return Evidence(
                hits=tuple(self._hits),
                connections=self._connections,
                gaps=self._gaps.sentences(len(self._hits)),
                acted=dict(self._acted),
            )

    def close(self) -> None:
        """End the recording; what arrives later is not written."""
        with self._changed:
            recorder, self._recorder = self._recorder, None
            if recorder is None:
                return
            try:
                recorder.close(
                    End(
                        calls=len(self._hits),
                        connections=self._connections,
                        gaps=self._gaps.sentences(len(self._hits)),
                        acted=self._acted,
                    )
                )
            except OSError as error:
                self._gaps.failures.append(
                    f"the end of the recording could not be written: {error}"
                )

    def _time(self) -> datetime:
        now = self._now()
        if self._clock is not None:
            self._ahead = self._clock - now
            self._clock = None
        return now + self._ahead

    def _write(self, hit: Hit) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.append(hit)
        except OSError as error:
            # Going on after a lost call would leave a hole that nobody sees.
            self._recorder.abandon()
            self._recorder = None
            self._gaps.failures.append(f"call #{hit.seq} could not be recorded: {error}")


def _in_milliseconds(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
