"""What a look shows without any search: each call is wanted by one expectation alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pixel_emulator.core.model import CallType, Evidence, Hit, Outcome
from pixel_emulator.core.scenarios.expectation import Expectation, call_name

type _Line = tuple[CallType, str] | None
"""The type and the name that a call must have to be looked at; None for any."""


class QuickCheck:
    """The calls that each expectation matches. Both only grow, and no pair is looked at twice:
    else a test with a hundred expectations would take seconds."""

    def __init__(self) -> None:
        self._begin()

    def is_there(self, wanted: Sequence[Expectation], hits: Sequence[Hit]) -> bool:
        """Whether each has its calls, and none of them may belong to another: none is lacking."""
        self._take(wanted, hits)
        return not self._shared and all(
            len(claims) >= each.times.low and not (claims and each.times.high == 0)
            for each, claims in zip(self._wanted, self._claims, strict=True)
        )

    def is_met(self, wanted: Sequence[Expectation], evidence: Evidence) -> bool:
        """Whether a look shows that `verify` would find all met, and nothing to tell.

        Each call is delivered and wanted by one expectation alone, so that nobody has to choose
        and no policy speaks of it; where nothing came, nothing is wanted. Of silence no proof is
        asked.
        """
        if evidence.gaps or evidence.masked or not self.is_there(wanted, evidence.hits):
            return False
        room = (each.times.high for each in wanted)
        return (
            len(self._owned) == len(evidence.hits)
            and all(
                most is None or len(each) <= most
                for each, most in zip(self._claims, room, strict=True)
            )
            and all(hit.outcome is Outcome.DELIVERED for hit in evidence.hits)
        )

    def _begin(self) -> None:
        self._wanted: list[Expectation] = []
        self._hits: list[Hit] = []
        self._claims: list[set[int]] = []
        self._owned: set[int] = set()
        self._shared = False
        self._wanted_by_line: dict[_Line, list[int]] = defaultdict(list)
        self._hits_by_line: dict[_Line, list[Hit]] = defaultdict(list)

    def _take(self, wanted: Sequence[Expectation], hits: Sequence[Hit]) -> None:
        """Look at what is new; from the beginning where something is no longer there."""
        count, known = len(self._hits), len(self._wanted)
        if (count and (len(hits) < count or hits[count - 1].seq != self._hits[-1].seq)) or (
            known and (len(wanted) < known or wanted[known - 1] is not self._wanted[-1])
        ):
            self._begin()
        for hit in hits[len(self._hits) :]:
            self._hits.append(hit)
            lines = _lines_of(hit)
            for line in lines:
                self._hits_by_line[line].append(hit)
            for index in {each for line in lines for each in self._wanted_by_line[line]}:
                self._match(index, [hit])
        for each in wanted[len(self._wanted) :]:
            index = len(self._wanted)
            self._wanted.append(each)
            self._claims.append(set())
            for line in _lines_for(each):
                self._wanted_by_line[line].append(index)
                self._match(index, self._hits_by_line[line])

    def _match(self, index: int, hits: Iterable[Hit]) -> None:
        claims = self._claims[index]
        for hit in hits:
            if hit.seq not in claims and next(self._wanted[index].solutions(hit), None) is not None:
                claims.add(hit.seq)
                self._shared |= hit.seq in self._owned
                self._owned.add(hit.seq)


def _lines_of(hit: Hit) -> list[_Line]:
    """The lines that a call stands in."""
    name = call_name(hit)
    return [None, (hit.call.type, name)] if hit.call and name is not None else [None]


def _lines_for(wanted: Expectation) -> set[_Line]:
    """The lines in which all stand that an expectation may match."""
    return {
        (each.type, each.name) if each.type and each.name is not None else None
        for each in wanted.patterns
    }
