"""Captures: what a match needs of the variables, and whether several matches go together."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import count, islice

from pixel_emulator.core.matching.differences import Spot, plain_parts_match
from pixel_emulator.core.matching.values import Value, identity, written
from pixel_emulator.core.matching.variables import variables
from pixel_emulator.core.matching.wants import Bindings, Need, Needs, Want
from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec

__all__ = ["bind", "distinct", "search", "together", "unify", "variables"]

_PATIENCE = 10
"""Steps in vain after which a search gives a sign of life."""
_IN_VAIN: Needs = (Need("", 0), Need("", 1))
"""The sign of life: a way that contradicts itself. It is handed on at once."""


def unify(want: Want, got: Value) -> Iterator[Needs]:
    """Each way in which the value matches, as what it needs of the variables; none if it does not.

    A want without variables has at most one way, which needs nothing. Ways are found as they are
    asked for. A search that goes on in vain yields, now and then, a way that contradicts itself
    (`bind` gives None), so that whoever counts the ways may stop.
    """
    return together(((want, got),))


def together(pairs: Iterable[tuple[Want, Value]]) -> Iterator[Needs]:
    """Each way in which all of the pairs match."""
    spots: list[Spot] = []
    if not all(plain_parts_match(want, got, spots) for want, got in pairs):
        return iter(())
    return _joined(spots) if spots else iter(((),))


def _joined(spots: list[Spot]) -> Iterator[Needs]:
    asking: list[Replayed] = []
    for matcher, got in spots:
        ways = Replayed(matcher.ways(got))
        if ways.first is None:
            return
        if ways.first:
            asking.append(ways)
    if not asking:
        yield ()
        return

    def branches(state: None, level: int) -> Iterator[tuple[None, Needs]]:
        return ((state, way) for way in asking[level])

    yield from search(None, branches, len(asking))


class Replayed:
    """Ways that may be gone through again; each is found once, when it is asked for.

    A matcher inside a matcher inside a matcher would else be asked twice, four times, eight times.
    """

    def __init__(self, ways: Iterator[Needs]) -> None:
        self._found: list[Needs] = []
        self._ways = ways

    def __iter__(self) -> Iterator[Needs]:
        for index in count():
            if index == len(self._found):
                self._found.extend(islice(self._ways, 1))
            if index == len(self._found):
                return
            yield self._found[index]

    @property
    def first(self) -> Needs | None:
        """The first way, if there is one."""
        return next(iter(self), None)


def search[State](
    start: State, branches: Callable[[State, int], Iterator[tuple[State, Needs]]], depth: int
) -> Iterator[Needs]:
    """Each way through `depth` levels on which no need contradicts another.

    `branches` gives what may be chosen in a state at a level: the state behind it, and its needs.
    """
    in_vain = 0
    trail: list[tuple[Needs, Iterator[tuple[State, Needs]]]] = [((), branches(start, 0))]
    while trail:
        needs, choices = trail[-1]
        choice = next(choices, None)
        if choice is None:
            trail.pop()
            continue
        state, more = choice
        needs += more
        if more is _IN_VAIN:
            yield _IN_VAIN
        elif bind(needs) is None:
            in_vain += 1
            if in_vain % _PATIENCE == 0:
                yield _IN_VAIN
        elif len(trail) < depth:
            trail.append((needs, branches(state, len(trail))))
        else:
            yield needs


def distinct(ways: Iterable[Needs]) -> Iterator[Needs]:
    """Each way once; none behind the one that needs nothing, because that one always goes."""
    seen = set()
    repeated = 0
    for needs in ways:
        key = frozenset((each.name, each.in_text, identity(each.value)) for each in needs)
        if needs is _IN_VAIN or key not in seen:
            seen.add(key)
            yield needs
        else:
            repeated += 1
            if repeated % _PATIENCE == 0:
                yield _IN_VAIN
        if not needs:
            return


def bind(needs: Collection[Need]) -> Bindings | None:
    """The value of each variable, or None where two needs contradict each other.

    A variable has one value, and inside a text it stands as that value is written. One that is
    only known from texts is a string. The order of the needs does not matter.
    """
    exact: dict[str, JSON] = {}
    texts: dict[str, JSON] = {}
    for each in needs:
        known = texts if each.in_text else exact
        value = known.setdefault(each.name, each.value)
        if value is not each.value:
            if identity(value) != identity(each.value):
                return None
            known[each.name] = min(value, each.value, key=json_codec.write)
    for each in needs:
        if each.name in texts and not each.in_text and written(each.value) != texts[each.name]:
            return None
    return texts | exact
