"""Hits of a journal: the latest decoded, older ones as wire bytes, the oldest only on disk."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from pixel_emulator.core.model import Dialect, Hit, HttpRequest, HttpResponse, Outcome
from pixel_emulator.core.problems.classify import DUPLICATE_CODE, as_duplicate, classify

MAX_DECODED = 250
"""Number of hits that are kept decoded: a decoded call takes four times the memory of its bytes."""


class CompactHit(NamedTuple):
    """The parts of an older hit that cannot be derived: the rest is decoded and classified
    again."""

    request: HttpRequest
    time: datetime
    step: str
    is_duplicate: bool


class RecordedRequest(NamedTuple):
    """A recorded request and the response that its client gets."""

    hit: Hit
    response: HttpResponse


@dataclass(frozen=True, slots=True)
class Classifier:
    """Makes hits from requests. `sources` maps write keys to the names of sources."""

    dialect: Dialect
    sources: Mapping[str, str]

    def classify(
        self, seq: int, request: HttpRequest, time: datetime, step: str
    ) -> RecordedRequest:
        """Return the hit and the response of a request. No earlier hit makes it a duplicate."""
        classified = classify(request, self.dialect, self.sources)
        hit = Hit(
            seq=seq,
            time=time,
            request=request,
            status=classified.route.response.status,
            call=classified.call,
            outcome=classified.outcome,
            problems=classified.problems,
            source=classified.source,
            digest=sha256(request.request_line).hexdigest(),
            step=step,
        )
        return RecordedRequest(hit, classified.route.response)

    def redecode(self, seq: int, compact: CompactHit) -> Hit:
        """Return the hit with this number again, equal to the one that was recorded."""
        hit = self.classify(seq, compact.request, compact.time, compact.step).hit
        return as_duplicate(hit) if compact.is_duplicate else hit


class History:
    """The last `limit` hits in order, the latest of them decoded. A journal guards it with its
    lock.

    `evicted` is the number of hits that were dropped at the front; `outcomes` counts all hits.
    """

    def __init__(self, limit: int, classifier: Classifier, *, decoded: int = MAX_DECODED) -> None:
        self._limit = limit
        self._classifier = classifier
        self._max_decoded = decoded
        self._decoded: deque[Hit] = deque()
        self._compact: deque[CompactHit] = deque()
        self.evicted = 0
        self.outcomes: Counter[Outcome] = Counter()

    def __len__(self) -> int:
        """Return the number of hits ever added."""
        return self.evicted + len(self._compact) + len(self._decoded)

    def add(self, hits: Iterable[Hit]) -> None:
        """Append hits, and compact or drop the oldest ones beyond the limits."""
        decoded, compact = self._decoded, self._compact
        for hit in hits:
            decoded.append(hit)
            self.outcomes[hit.outcome] += 1
        while len(decoded) > self._max_decoded:
            compact.append(_compacted(decoded.popleft()))
        while len(compact) + len(decoded) > self._limit:
            (compact or decoded).popleft()
            self.evicted += 1

    def since(self, count: int, most: int | None = None) -> "Snapshot":
        """Return the hits after the first `count`, as far as they are in memory; at most `most` of
        them."""
        start = max(count - self.evicted, 0)
        decoded_start = max(start - len(self._compact), 0)
        stop = None if most is None else start + most
        decoded_stop = None if stop is None else max(stop - len(self._compact), 0)
        return Snapshot(
            evicted=self.evicted,
            first=self.evicted + start + 1,
            compact=tuple(islice(self._compact, start, stop)),
            decoded=tuple(islice(self._decoded, decoded_start, decoded_stop)),
            classifier=self._classifier,
        )


class Snapshot(NamedTuple):
    """Hits at one moment, to be decoded outside the journal's lock.

    `evicted` is the number of hits that are no longer in memory; `first` is the number of the first
    hit in the snapshot.
    """

    evicted: int
    first: int
    compact: tuple[CompactHit, ...]
    decoded: tuple[Hit, ...]
    classifier: Classifier

    def hits(self) -> tuple[Hit, ...]:
        """Return all hits of the snapshot, decoded."""
        if not self.compact:
            return self.decoded
        numbered = enumerate(self.compact, self.first)
        redecoded = (self.classifier.redecode(seq, compact) for seq, compact in numbered)
        return (*redecoded, *self.decoded)


def _compacted(hit: Hit) -> CompactHit:
    is_duplicate = any(problem.code == DUPLICATE_CODE for problem in hit.problems)
    return CompactHit(hit.request, hit.time, hit.step, is_duplicate)
