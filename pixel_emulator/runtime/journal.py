"""The one mutable object: every request so far, recorded before it is answered."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Dialect, Evidence, Hit, Outcome, PixelRequest
from pixel_emulator.core.problems.classify import MessageIds
from pixel_emulator.core.recordings.recording import End
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.runtime.clock import utc_now, wait_until
from pixel_emulator.runtime.gaps import Gaps, Greeting, Refusal
from pixel_emulator.runtime.history import Classifier, History, RecordedRequest
from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.recording_writer import RecordingSink, SinkGuard
from pixel_emulator.runtime.settings import Settings

_IDS_A_CALL = 10
"""How many messageIds are known for each call that memory has room for."""


_AHEAD = 10_000
"""Calls that may arrive before whoever follows has looked at them: later ones have to wait."""

_PATIENCE = 10.0
"""Seconds that a call waits for whoever follows; then nobody waits for them any more."""


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
        recorder: RecordingSink | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._storage = SinkGuard(recorder)
        self._keys = None if recorder else run_keys(settings.sources())  # or else it learns them
        self._now = now
        self._ahead = timedelta()
        self._clock: datetime | None = None
        self._step = ""
        self._acted: dict[str, datetime] = {}
        self._changed = threading.Condition()
        self._judge = Classifier(Dialect(settings.dialect), settings.sources())
        self._memory = History(settings.max_calls, self._judge)
        self._seen = MessageIds(settings.max_calls * _IDS_A_CALL)
        self._subscribers: list[Callable[[Hit], None]] = []
        self._refusal_subscribers: list[Callable[[Refusal], None]] = []
        self._connections = 0
        self._refused_hosts: Counter[str] = Counter()
        self._gaps = Gaps()
        self._ahead_of_all = min(settings.max_calls // 2, _AHEAD)
        self._followers: list[Callable[[], float]] = []

    @property
    def hits(self) -> tuple[Hit, ...]:
        """All requests so far, in order."""
        return self.evidence().hits

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many requests there were so far, by outcome."""
        with self._changed:
            return self._memory.outcomes.copy()

    @property
    def connections(self) -> int:
        """How many clients have connected so far."""
        with self._changed:
            return self._connections

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong in the emulator itself, one sentence each."""
        with self._changed:
            return tuple(self._gaps.failures)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Why calls may be missing, one sentence for each reason."""
        with self._changed:
            return self._sentences()

    @property
    def recorded(self) -> bool:
        """True if the recording holds what arrived, and all of it."""
        with self._changed:
            return self._storage.keeps and not (self._storage.put_back or self._gaps.failures)

    @property
    def put_back(self) -> bool:
        """True once an earlier recording is back in the file, because no call arrived."""
        with self._changed:
            return self._storage.put_back

    @property
    def refused_hosts(self) -> tuple[str, ...]:
        """The hosts to which connections were refused, sorted."""
        with self._changed:
            return tuple(sorted(self._refused_hosts))

    def record(self, request: PixelRequest, time: datetime | None = None) -> Hit:
        """Judge a request, stamp it, write it down, and tell everybody who waits.

        `time` (aware, in UTC) is when an old request was made; without it, it is made now.
        """
        return self.record_all((request,), time)[0].hit

    def record_all(
        self, requests: Sequence[PixelRequest], time: datetime | None = None
    ) -> list[RecordedRequest]:
        """Record requests that arrived together: they get one time and are written at once.

        Return each hit with the response for its client. If this raises, nothing is recorded.
        """
        with self._changed:
            if self._followers and not wait_until(self._changed, self._is_followed, _PATIENCE):
                self._followers.clear()
            time, first = _in_milliseconds(time or self._time()), len(self._memory) + 1
            classified = [
                self._judge.classify(seq, request, time, self._step)
                for seq, request in enumerate(requests, first)
            ]
            hits = [self._seen.judge(hit) for hit, _ in classified]
            if self._keys:
                for hit in hits:
                    self._keys.learn(hit)
            self._gaps.failures.extend(self._storage.write(hits))
            self._memory.add(hits)
            self._changed.notify_all()
            for tell in tuple(self._subscribers):
                for hit in hits:
                    tell(hit)
        return [
            RecordedRequest(hit, response)
            for hit, (_, response) in zip(hits, classified, strict=True)
        ]

    def begin_run(self, clock: datetime | None = None) -> None:
        """What arrives from now on is a run of its own: no earlier call makes it a duplicate.

        With a `clock` (aware) the first thing that is stamped gets this time, and time goes on
        from there as it does; without one the time of day counts.
        """
        with self._changed:
            self._seen.begin_run()
            self._clock, self._ahead = clock, timedelta()

    def begin_step(self, title: str) -> None:
        """What arrives from now on belongs to this step; with an empty title, to none."""
        with self._changed:
            self._step = title

    def acted(self, *titles: str) -> None:
        """These steps have done what they do, just now."""
        with self._changed:
            self._acted |= dict.fromkeys(titles, _in_milliseconds(self._time()))

    def now(self) -> datetime:
        """The time that would be stamped on what arrives now."""
        with self._changed:
            return _in_milliseconds(self._clock or _later(self._now(), self._ahead))

    def connected(self) -> None:
        """A client has connected."""
        with self._changed:
            self._connections += 1
            self._changed.notify_all()

    def handshake_refused(self, refused: Refusal) -> None:
        """A client broke off its TLS handshake; see `Gaps.handshake_refused`."""
        with self._changed:
            is_gap = self._gaps.handshake_refused(refused)
            self._changed.notify_all()
            for tell in self._refusal_subscribers if is_gap else ():
                tell(refused)

    def reached(self, host: str, greeting: Greeting) -> None:
        """A request for `host` arrived: its client has accepted our CA after all."""
        with self._changed:
            self._gaps.reached(host, greeting)

    def unread(self, *, too_large: bool = False) -> None:
        """A request could not be read; `too_large` says why."""
        with self._changed:
            self._gaps.unread(too_large=too_large)
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

    def interrupted(self, reason: str) -> None:
        """Note that the run was stopped before its end: calls may be missing because of that.

        `reason` is a sentence without its full stop; it stands among the gaps, once.
        """
        with self._changed:
            self._gaps.interrupted(reason)
            self._changed.notify_all()

    def subscribe(self, tell: Callable[[Hit], None]) -> Callable[[], None]:
        """Call `tell` with each new hit, in order, before it is answered; returns the way out."""
        with self._changed:
            self._subscribers.append(tell)
        return lambda: self._subscribers.remove(tell)

    def subscribe_refusals(self, tell: Callable[[Refusal], None]) -> None:
        """Call `tell` with each TLS handshake that a client refuses, as soon as it does."""
        with self._changed:
            self._refusal_subscribers.append(tell)

    def follow(self, looked_at: Callable[[], float]) -> Callable[[], None]:
        """Have calls wait for a follower who is far behind; returns the way out.

        `looked_at` says how many hits it has looked at. It calls `looked` whenever that has grown.
        """
        with self._changed:
            self._followers.append(looked_at)

        def leave() -> None:
            with self._changed, suppress(ValueError):
                self._followers.remove(looked_at)
                self._changed.notify_all()

        return leave

    def looked(self) -> None:
        """A follower has looked at more."""
        with self._changed:
            self._changed.notify_all()

    def _is_followed(self) -> bool:
        count = len(self._memory) - self._ahead_of_all
        return all(looked_at() >= count for looked_at in self._followers)

    def wait(self, seen: int, timeout: float, ended: Callable[[], bool] = lambda: False) -> bool:
        """Wait until there are more than `seen` hits; False after `timeout` seconds.

        It is False, too, once this has `ended`, which is asked when the journal is closed.
        """
        with self._changed:
            wait_until(self._changed, lambda: len(self._memory) > seen or ended(), timeout)
            return len(self._memory) > seen

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """All that is known but for the first `since` hits, and what may be missing from it.

        With `most` no more hits than that, of those that memory holds: the first ones.
        Hits that memory had no room for are read back from the recording; where that fails, or
        there is none, it is a gap.
        """
        with self._changed:
            found, gaps = self._memory.since(since, most), self._sentences(since)
            connections, acted = self._connections, dict(self._acted)
        hits, masked = found.hits(), False
        if found.evicted > since and self._storage.keeps:
            try:
                earlier = self._storage.read(since + 1, found.evicted + 1)
            except InputError as error:
                gaps = (*gaps, _unknown(since, found.evicted, str(error)))
            else:
                masked = self._storage.masks
                hits = (*earlier, *(map(redact, hits) if masked else hits))
        return Evidence(hits=hits, connections=connections, gaps=gaps, masked=masked, acted=acted)

    def close(self) -> None:
        """End the recording; what arrives later is not written."""
        with self._changed:
            end = End(
                calls=len(self._memory),
                connections=self._connections,
                gaps=self._sentences(),
                acted=self._acted,
            )
            self._gaps.failures.extend(self._storage.close(end))
            self._changed.notify_all()

    def _time(self) -> datetime:
        now = self._now()
        if self._clock is not None:
            self._ahead = self._clock - now
            self._clock = None
        return _later(now, self._ahead)

    def _sentences(self, since: int = 0) -> tuple[str, ...]:
        count, evicted = len(self._memory), self._memory.evicted
        gaps = self._gaps.sentences(count, forgotten=self._seen.forgotten)
        if evicted <= since or self._storage.keeps:
            return gaps
        return (*gaps, _unknown(since, evicted, "only a recording keeps more than `max_calls`"))


def _later(time: datetime, by: timedelta) -> datetime:
    """Return `time` moved, at most to an end of the calendar: a given clock may stand there."""
    try:
        return time + by
    except OverflowError:
        ends = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
        return ends[by > timedelta()]


def _unknown(since: int, evicted: int, why: str) -> str:
    return f"calls #{since + 1} to #{evicted} are not known: {why}"


def _in_milliseconds(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
