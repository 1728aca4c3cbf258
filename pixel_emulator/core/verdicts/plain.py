"""A verdict that needs no search: every call is wanted just once, and all that is wanted came.

Most contract tests end so, and what `verify` does for any number of scenarios, steps and
variables costs them more than their call.
"""

from collections.abc import Iterable, Sequence

from pixel_emulator.core.calls import Evidence, Hit, Outcome
from pixel_emulator.core.scenarios.expectation import Expectation


def plainly_met(wanted: Sequence[Expectation], evidence: Evidence) -> bool:
    """Whether `verify` is sure to say "met", and to find nothing else worth a word. False says
    nothing.

    The expectations ask for no order, time or variable. Each call is delivered and wanted by one
    of them alone, so that nobody has to choose and no policy speaks of it; where nothing came,
    nothing is wanted. Of silence no proof is asked.
    """
    claims = plain_claims(wanted, evidence.hits)
    if claims is None or evidence.gaps or evidence.masked:
        return False
    room = (each.times.high for each in wanted)
    return (
        sum(map(len, claims)) == len(evidence.hits)
        and all(most is None or len(each) <= most for each, most in zip(claims, room, strict=True))
        and all(hit.outcome is Outcome.DELIVERED for hit in evidence.hits)
    )


def plain_claims(wanted: Iterable[Expectation], hits: Sequence[Hit]) -> list[set[int]] | None:
    """The calls of each, by number, where all have enough and none may belong to another."""
    found: list[set[int]] = []
    taken: set[int] = set()
    for each in wanted:
        claims = {hit.seq for hit in hits if next(each.ways(hit), None) is not None}
        if len(claims) < each.times.low or claims & taken or (claims and each.times.high == 0):
            return None
        found.append(claims)
        taken |= claims
    return found
