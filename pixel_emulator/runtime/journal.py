"""The one mutable object: all requests so far, each recorded before it is answered."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Dialect, Evidence, Exchange, Hit, HttpRequest, Outcome
from pixel_emulator.core.problems.classify import MessageIds
from pixel_emulator.core.recordings.recording import End
from pixel_emulator.core.redaction.redact import redacted
from pixel_emulator.runtime.clock import utc_now, wait_until
from pixel_emulator.runtime.gaps import ClientHelloInfo, Gaps, Refusal
from pixel_emulator.runtime.history import Classifier, History, RecordedExchange
from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.recording_writer import RecordingSink, SinkGuard
from pixel_emulator.runtime.settings import Settings

_IDS_PER_CALL = 10
"""Number of messageIds remembered for each call that memory has room for."""


_MAX_AHEAD = 10_000
"""Calls that may arrive before the followers have looked at them; later calls have to wait."""

_FOLLOWER_TIMEOUT = 10.0
"""Seconds that a call waits for the followers; after that, no call waits for them any more."""


class Journal:
    """The requests of one run. Safe to use from any thread.

    `record` returns only when the exchange is in the journal and, with a sink, handed to the
    operating system; a door sends its answer after that. If the sink fails, that is a failure of
    the emulator: it is added to `failures`, and the evidence is incomplete from then on.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        sink: RecordingSink | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sink = SinkGuard(sink)
        self._keys = None if sink else run_keys(settings.sources())  # a sink learns them itself
        self._now = now
        self._clock_offset = timedelta()
        self._clock: datetime | None = None
        self._step = ""
        self._done: dict[str, datetime] = {}
        self._condition = threading.Condition()
        self._classifier = Classifier(Dialect(settings.dialect), settings.sources())
        self._history = History(settings.max_calls, self._classifier)
        self._message_ids = MessageIds(settings.max_calls * _IDS_PER_CALL)
        self._subscribers: list[Callable[[Hit], None]] = []
        self._refusal_subscribers: list[Callable[[Refusal], None]] = []
        self._connections = 0
        self._refused_hosts: Counter[str] = Counter()
        self._gaps = Gaps()
        self._max_ahead = min(settings.max_calls // 2, _MAX_AHEAD)
        self._followers: list[Callable[[], float]] = []

    @property
    def hits(self) -> tuple[Hit, ...]:
        """All requests so far, in order."""
        return self.evidence().hits

    @property
    def outcomes(self) -> Counter[Outcome]:
        """Number of requests so far, by outcome."""
        with self._condition:
            return self._history.outcomes.copy()

    @property
    def connections(self) -> int:
        """Number of client connections so far."""
        with self._condition:
            return self._connections

    @property
    def failures(self) -> tuple[str, ...]:
        """Failures of the emulator itself, one sentence each."""
        with self._condition:
            return tuple(self._gaps.failures)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Reasons why calls may be missing, one sentence each."""
        with self._condition:
            return self._gap_sentences()

    @property
    def is_recorded(self) -> bool:
        """True if the recording holds everything that arrived."""
        with self._condition:
            return self._sink.is_readable and not (self._sink.put_back or self._gaps.failures)

    @property
    def put_back(self) -> bool:
        """True once an earlier recording has its name back because no call arrived."""
        with self._condition:
            return self._sink.put_back

    @property
    def refused_hosts(self) -> tuple[str, ...]:
        """Hosts to which connections were refused, sorted."""
        with self._condition:
            return tuple(sorted(self._refused_hosts))

    def record(self, request: HttpRequest, time: datetime | None = None) -> Exchange:
        """Classify a request, stamp it, write it to the sink and notify subscribers and waiters.

        `time` (aware, in UTC) is when an earlier request was made; the default is now.
        """
        return self.record_all((request,), time)[0].exchange

    def record_all(
        self, requests: Sequence[HttpRequest], time: datetime | None = None
    ) -> list[RecordedExchange]:
        """Record requests that arrived together: they get one time and are written at once.

        Return each exchange with the response for its client. If this raises, nothing is recorded.
        """
        with self._condition:
            if self._followers and not wait_until(
                self._condition, self._followers_keep_up, _FOLLOWER_TIMEOUT
            ):
                self._followers.clear()
            time, seq = _in_milliseconds(time or self._next_time()), len(self._history) + 1
            recorded: list[RecordedExchange] = []
            for request in requests:
                exchange, response = self._classifier.classify(seq, request, time, self._step)
                recorded.append(RecordedExchange(self._message_ids.check(exchange), response))
                seq += exchange.width
            exchanges = [exchange for exchange, _ in recorded]
            if self._keys:
                for exchange in exchanges:
                    self._keys.learn(exchange)
            self._gaps.failures.extend(self._sink.write(exchanges))
            self._history.add(exchanges)
            self._condition.notify_all()
            if self._subscribers:
                hits = [hit for exchange in exchanges for hit in exchange.hits]
                for on_hit in tuple(self._subscribers):
                    for hit in hits:
                        on_hit(hit)
        return recorded

    def begin_run(self, clock: datetime | None = None) -> None:
        """Begin a run: no earlier call makes a later one a duplicate.

        With a `clock` (aware), the next thing that is stamped gets this time, and time continues
        from there at its real speed. Without it, the time of day counts.
        """
        with self._condition:
            self._message_ids.begin_run()
            self._clock, self._clock_offset = clock, timedelta()

    def begin_step(self, title: str) -> None:
        """Assign what arrives from now on to the step with this title; an empty title means no
        step."""
        with self._condition:
            self._step = title

    def mark_done(self, *titles: str) -> None:
        """Note that the actions of these steps ended just now."""
        with self._condition:
            self._done |= dict.fromkeys(titles, _in_milliseconds(self._next_time()))

    def now(self) -> datetime:
        """Return the time that would be stamped on a request that arrives now."""
        with self._condition:
            return _in_milliseconds(self._clock or _later(self._now(), self._clock_offset))

    def connected(self, count: int = 1) -> None:
        """Count client connections; with -1, one that was counted counts no longer."""
        with self._condition:
            self._connections += count
            self._condition.notify_all()

    def handshake_refused(self, refusal: Refusal) -> None:
        """Note a failed TLS handshake; see `Gaps.handshake_refused`."""
        with self._condition:
            is_gap = self._gaps.handshake_refused(refusal)
            self._condition.notify_all()
            for on_refusal in self._refusal_subscribers if is_gap else ():
                on_refusal(refusal)

    def reached(self, host: str, client_hello: ClientHelloInfo) -> None:
        """Note a request for `host`: its client has accepted our CA after all."""
        with self._condition:
            self._gaps.reached(host, client_hello)

    def unread(self, *, too_large: bool = False) -> None:
        """Note a request that could not be read; `too_large` if that is why."""
        with self._condition:
            self._gaps.unread(too_large=too_large)
            self._condition.notify_all()

    def refused(self, host: str) -> None:
        """Note a refused connection to `host` (`--offline`, or an address that is never
        allowed)."""
        with self._condition:
            self._refused_hosts[host] += 1

    def fail(self, message: str) -> None:
        """Note a failure of the emulator itself: from now on the evidence is incomplete."""
        with self._condition:
            self._gaps.failures.append(message)
            self._condition.notify_all()

    def interrupted(self, reason: str) -> None:
        """Note why calls may be missing, such as a stop of the run before its end.

        `reason` is a sentence without its full stop. It is added to the gaps, once.
        """
        with self._condition:
            self._gaps.interrupted(reason)
            self._condition.notify_all()

    def subscribe(self, on_hit: Callable[[Hit], None]) -> Callable[[], None]:
        """Call `on_hit` with each new hit, in order and before its answer is sent.

        Returns a function that ends the subscription.
        """
        with self._condition:
            self._subscribers.append(on_hit)
        return lambda: self._subscribers.remove(on_hit)

    def subscribe_refusals(self, on_refusal: Callable[[Refusal], None]) -> None:
        """Call `on_refusal` with each TLS handshake that a client refuses, as soon as it does."""
        with self._condition:
            self._refusal_subscribers.append(on_refusal)

    def follow(self, progress: Callable[[], float]) -> Callable[[], None]:
        """Make calls wait for a follower that is far behind; return a function that ends this.

        `progress` returns how many hits the follower has looked at. The follower calls
        `notify_progress` whenever that number has grown.
        """
        with self._condition:
            self._followers.append(progress)

        def leave() -> None:
            with self._condition, suppress(ValueError):
                self._followers.remove(progress)
                self._condition.notify_all()

        return leave

    def notify_progress(self) -> None:
        """Wake the calls that wait for a follower."""
        with self._condition:
            self._condition.notify_all()

    def _followers_keep_up(self) -> bool:
        count = len(self._history) - self._max_ahead
        return all(progress() >= count for progress in self._followers)

    def wait(self, seen: int, timeout: float, ended: Callable[[], bool] = lambda: False) -> bool:
        """Wait at most `timeout` seconds for more than `seen` hits; return True if there are more.

        Returns early once `ended` returns True; it is asked again when the journal is closed.
        """
        with self._condition:
            wait_until(self._condition, lambda: len(self._history) > seen or ended(), timeout)
            return len(self._history) > seen

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """Return everything known except the first `since` hits, and reasons why calls may be
        missing.

        With `most`, return at most the first `most` of the hits that memory holds. Hits that memory
        had no room for are read back from the recording. If that fails, or there is no recording,
        it is a gap.
        """
        with self._condition:
            snapshot, gaps = self._history.since(since, most), self._gap_sentences(since)
            connections, acted = self._connections, dict(self._done)
        hits, masked = snapshot.hits(), False
        if snapshot.evicted > since and self._sink.is_readable:
            try:
                earlier = self._sink.read(since + 1, snapshot.evicted + 1)
            except InputError as error:
                gaps = (*gaps, _unknown(since, snapshot.evicted, str(error)))
            else:
                masked = self._sink.masks
                hits = (*earlier, *(redacted(hits) if masked else hits))
        return Evidence(hits=hits, connections=connections, gaps=gaps, masked=masked, acted=acted)

    def close(self) -> None:
        """End the recording; what arrives later is not written."""
        with self._condition:
            end = End(
                calls=len(self._history),
                connections=self._connections,
                gaps=self._gap_sentences(),
                acted=self._done,
            )
            self._gaps.failures.extend(self._sink.close(end))
            self._condition.notify_all()

    def _next_time(self) -> datetime:
        now = self._now()
        if self._clock is not None:
            self._clock_offset = self._clock - now
            self._clock = None
        return _later(now, self._clock_offset)

    def _gap_sentences(self, since: int = 0) -> tuple[str, ...]:
        count, evicted = len(self._history), self._history.evicted
        gaps = self._gaps.sentences(count, forgotten=self._message_ids.forgotten)
        if evicted <= since or self._sink.is_readable:
            return gaps
        return (*gaps, _unknown(since, evicted, "only a recording keeps more than `max_calls`"))


def _later(time: datetime, by: timedelta) -> datetime:
    """Return `time` moved by `by`, at most to an end of the calendar: a given clock may be that
    far."""
    try:
        return time + by
    except OverflowError:
        ends = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        return ends[by > timedelta()]


def _unknown(since: int, evicted: int, why: str) -> str:
    return f"calls #{since + 1} to #{evicted} are not known: {why}"


def _in_milliseconds(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
