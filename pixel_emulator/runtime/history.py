"""The hits of a journal: the latest whole, older ones as their wire bytes, the oldest on disk."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from pixel_emulator.core.model import Dialect, Hit, Outcome, PixelRequest, PixelResponse
from pixel_emulator.core.problems.classify import CODE, classify, repeated

WHOLE = 250
"""Hits that are kept with all that is known of them: a decoded call takes four times the memory
of its bytes."""


class CompactHit(NamedTuple):
    """What an older hit cannot do without: the rest is decoded and judged again."""

    request: PixelRequest
    time: datetime
    step: str
    is_duplicate: bool


class RecordedRequest(NamedTuple):
    """A recorded request and the response that its client gets."""

    hit: Hit
    response: PixelResponse


@dataclass(frozen=True, slots=True)
class Classifier:
    """Makes hits of requests; `sources` maps write keys to names."""

    dialect: Dialect
    sources: Mapping[str, str]

    def classify(
        self, seq: int, request: PixelRequest, time: datetime, step: str
    ) -> RecordedRequest:
        """Return the hit and the response of a request. No earlier hit makes it a duplicate."""
        found = classify(request, self.dialect, self.sources)
        hit = Hit(
            seq=seq,
            time=time,
            request=request,
            status=found.route.response.status,
            call=found.call,
            outcome=found.outcome,
            problems=found.problems,
            source=found.source,
            digest=sha256(request.line).hexdigest(),
            step=step,
        )
        return RecordedRequest(hit, found.route.response)

    def again(self, seq: int, known: CompactHit) -> Hit:
        """The hit of this number, as it was."""
        hit = self.classify(seq, known.request, known.time, known.step).hit
        return repeated(hit) if known.is_duplicate else hit


class History:
    """At most `limit` hits, in order, the last ones `whole`; a journal guards it with its lock.

    `evicted` says how many of the first ones are no longer here, `outcomes` counts all.
    """

    def __init__(self, limit: int, judge: Classifier, *, whole: int = WHOLE) -> None:
        self._limit = limit
        self._judge = judge
        self._most_whole = whole
        self._whole: deque[Hit] = deque()
        self._known: deque[CompactHit] = deque()
        self.evicted = 0
        self.outcomes: Counter[Outcome] = Counter()

    def __len__(self) -> int:
        """How many hits there ever were."""
        return self.evicted + len(self._known) + len(self._whole)

    def add(self, hits: Iterable[Hit]) -> None:
        """Keep these behind the others."""
        whole, known = self._whole, self._known
        for hit in hits:
            whole.append(hit)
            self.outcomes[hit.outcome] += 1
        while len(whole) > self._most_whole:
            known.append(_known(whole.popleft()))
        while len(known) + len(whole) > self._limit:
            (known or whole).popleft()
            self.evicted += 1

    def since(self, count: int, most: int | None = None) -> "Snapshot":
        """The hits behind the first `count`, as far as they are here, `most` of them."""
        start = max(count - self.evicted, 0)
        whole = max(start - len(self._known), 0)
        stop = None if most is None else start + most
        whole_stop = None if stop is None else max(stop - len(self._known), 0)
        return Snapshot(
            evicted=self.evicted,
            first=self.evicted + start + 1,
            known=tuple(islice(self._known, start, stop)),
            whole=tuple(islice(self._whole, whole, whole_stop)),
            judge=self._judge,
        )


class Snapshot(NamedTuple):
    """Hits at one moment, to be made whole without holding anybody up.

    `evicted` says how many hits are no longer in memory; `first` is the number of the first one
    that is here and was asked for.
    """

    evicted: int
    first: int
    known: tuple[CompactHit, ...]
    whole: tuple[Hit, ...]
    judge: Classifier

    def hits(self) -> tuple[Hit, ...]:
        """All of them."""
        if not self.known:
            return self.whole
        made = (self.judge.again(seq, each) for seq, each in enumerate(self.known, self.first))
        return (*made, *self.whole)


def _known(hit: Hit) -> CompactHit:
    is_duplicate = any(each.code == CODE for each in hit.problems)
    return CompactHit(hit.request, hit.time, hit.step, is_duplicate)
