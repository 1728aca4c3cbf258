"""Exchanges of a journal: the latest decoded, older ones as wire bytes, the oldest only on disk."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from pixel_emulator.core.model import Dialect, Exchange, Hit, HttpRequest, HttpResponse, Outcome
from pixel_emulator.core.problems.classify import classify, duplicates_of, with_duplicates

MAX_DECODED = 250
"""Number of hits that are kept decoded: a decoded call takes four times the memory of its bytes."""


class CompactExchange(NamedTuple):
    """The parts of an older exchange that cannot be derived: the rest is decoded and classified
    again.

    `duplicates` tells for each call whether its messageId was seen before.
    """

    request: HttpRequest
    time: datetime
    step: str
    duplicates: tuple[bool, ...]


class RecordedExchange(NamedTuple):
    """A recorded exchange and the response that its client gets."""

    exchange: Exchange
    response: HttpResponse


@dataclass(frozen=True, slots=True)
class Classifier:
    """Makes exchanges from requests. `sources` maps write keys to the names of sources."""

    dialect: Dialect
    sources: Mapping[str, str]

    def classify(
        self, seq: int, request: HttpRequest, time: datetime, step: str
    ) -> RecordedExchange:
        """Return the exchange and the response of a request. No earlier call makes one of it a
        duplicate."""
        route, calls = classify(request, self.dialect, self.sources)
        exchange = Exchange(
            seq=seq,
            time=time,
            request=request,
            status=route.response.status,
            calls=calls,
            digest=request.digest,
            step=step,
        )
        return RecordedExchange(exchange, route.response)

    def redecode(self, seq: int, compact: CompactExchange) -> Exchange:
        """Return the exchange with this number again, equal to the one that was recorded."""
        exchange, _ = self.classify(seq, compact.request, compact.time, compact.step)
        duplicates = compact.duplicates
        return with_duplicates(exchange, duplicates) if True in duplicates else exchange


class History:
    """The exchanges with the last `limit` hits, in order, the latest of them decoded. A journal
    guards it with its lock.

    `evicted` is the number of hits that were dropped at the front; `outcomes` counts all hits.
    """

    def __init__(self, limit: int, classifier: Classifier, *, decoded: int = MAX_DECODED) -> None:
        self._limit = limit
        self._classifier = classifier
        self._max_decoded = decoded
        self._decoded: deque[Exchange] = deque()
        self._compact: deque[CompactExchange] = deque()
        self._count = 0
        self._compact_count = 0  # hits in `_compact`
        self.evicted = 0
        self.outcomes: Counter[Outcome] = Counter()

    def __len__(self) -> int:
        """Return the number of hits ever added."""
        return self._count

    def add(self, exchanges: Iterable[Exchange]) -> None:
        """Append exchanges, and compact or drop the oldest ones beyond the limits."""
        decoded, compact = self._decoded, self._compact
        for exchange in exchanges:
            decoded.append(exchange)
            self._count += len(exchange.calls) or 1
            if exchange.calls:
                for judged in exchange.calls:
                    self.outcomes[judged.outcome] += 1
            else:
                self.outcomes[Outcome.UNHANDLED] += 1
        while self._count - self.evicted - self._compact_count > self._max_decoded:
            oldest = decoded.popleft()
            self._compact_count += oldest.width
            compact.append(
                CompactExchange(oldest.request, oldest.time, oldest.step, duplicates_of(oldest))
            )
        while self._count - self.evicted > self._limit:
            if compact:
                width = len(compact.popleft().duplicates) or 1
                self._compact_count -= width
            else:
                width = decoded.popleft().width
            self.evicted += width

    def since(self, count: int, most: int | None = None) -> "Snapshot":
        """Return the hits after the first `count`, as far as they are in memory; at most `most` of
        them."""
        start = max(count, self.evicted)
        stop = self._count if most is None else min(start + most, self._count)
        decoded: list[Exchange] = []
        for latest in reversed(self._decoded):
            if latest.seq + latest.width <= start + 1:
                break
            if latest.seq <= stop:
                decoded.append(latest)
        seq = self.evicted + 1
        compact: list[tuple[int, CompactExchange]] = []
        if start < self.evicted + self._compact_count:
            for exchange in self._compact:
                width = len(exchange.duplicates) or 1
                if seq + width > start + 1:
                    compact.append((seq, exchange))
                seq += width
                if seq > stop:
                    break
        return Snapshot(
            evicted=self.evicted,
            start=start,
            stop=stop,
            compact=compact,
            decoded=decoded[::-1],
            classifier=self._classifier,
        )


class Snapshot(NamedTuple):
    """Exchanges at one moment, to be decoded outside the journal's lock.

    `evicted` is the number of hits that are no longer in memory. The hits after number `start` up
    to number `stop` are asked for; the first and the last exchange may have others, too.
    `compact` holds older exchanges, each with its number.
    """

    evicted: int
    start: int
    stop: int
    compact: list[tuple[int, CompactExchange]]
    decoded: list[Exchange]
    classifier: Classifier

    def hits(self) -> tuple[Hit, ...]:
        """Return all hits of the snapshot, decoded."""
        redecoded = (self.classifier.redecode(seq, compact) for seq, compact in self.compact)
        hits = [hit for exchange in chain(redecoded, self.decoded) for hit in exchange.hits]
        first = hits[0].seq if hits else 1
        return tuple(hits[max(self.start + 1 - first, 0) : self.stop + 1 - first])
