"""Captures: what a match needs of the variables, and whether several matches go together."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice

from pixel_emulator.core.matching.diff import (
    Deferred,
    describe_expected,
    differences_at,
    literals_match,
    matches,
)
from pixel_emulator.core.matching.expected import (
    ABSENT,
    NO_BINDINGS,
    Binding,
    Bindings,
    Constraints,
    Description,
    Difference,
    Expected,
    Matcher,
    Value,
    equality_key,
    text_form,
    walk,
)
from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import printable


@dataclass(frozen=True, slots=True)
class Variable(Matcher):
    """`$name`: any value that is there and that its type matches; bound, its own value again.

    `type` is None for a variable that may be anything. A value that was bound is wanted exactly:
    a map without further keys.
    """

    name: str
    type: Expected | None = None

    def solutions(self, got: Value) -> Iterator[Constraints]:
        if got is not ABSENT and self.matches(got, NO_BINDINGS):
            yield (Binding(self.name, got),)

    def matches(self, got: Value, bound: Bindings) -> bool:
        if self.name in bound:
            return equality_key(bound[self.name]) == equality_key(got)
        return got is not ABSENT and (self.type is None or matches(self.type, got))

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        if self.matches(got, bound):
            return
        if self.name in bound:
            yield at, bound[self.name], got
        elif self.type is None or got is ABSENT:
            yield at, self, got
        else:
            yield from differences_at(at, self.type, got, bound)

    def describe(self) -> Description:
        return Description(
            f"${self.name}", "" if self.type is None else str(describe_expected(self.type))
        )


@dataclass(frozen=True, slots=True)
class TextTemplate(Matcher):
    """A text with `${name}` in it, between `before` and `after`."""

    before: str
    variable: Variable
    after: str

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.variable,)

    def solutions(self, got: Value) -> Iterator[Constraints]:
        middle = self._placeholder_text(got)
        if middle is not None:
            yield (Binding(self.variable.name, middle, in_text=True),)

    def matches(self, got: Value, bound: Bindings) -> bool:
        if self.variable.name in bound:
            return isinstance(got, str) and got == self._filled(bound)
        return self._placeholder_text(got) is not None

    def differences(self, at: JsonPath, got: Value, bound: Bindings) -> Iterator[Difference]:
        if not self.matches(got, bound):
            yield at, self._filled(bound) or self, got

    def describe(self) -> Description:
        text = f"{self.before}${{{self.variable.name}}}{self.after}"
        return Description(f'"{printable(text, quotes=True)}"', "string")

    def _filled(self, bound: Bindings) -> str | None:
        """The text with the value of the variable in it; None where it has none that fits in."""
        value = bound.get(self.variable.name, [])
        text = text_form(value)
        return None if text is None else f"{self.before}{text}{self.after}"

    def _placeholder_text(self, got: Value) -> str | None:
        """What stands where the variable is; None where the text around it differs."""
        if not isinstance(got, str) or len(got) < len(self.before) + len(self.after):
            return None
        if not (got.startswith(self.before) and got.endswith(self.after)):
            return None
        middle = got[len(self.before) : len(got) - len(self.after)]
        return middle if self._admits(middle) else None

    def _admits(self, text: str) -> bool:
        """Whether the variable may have this value, or the one that is written so."""
        wanted = self.variable.type
        if wanted is None or matches(wanted, text):
            return True
        try:
            value = json_codec.parse(text)
        except ValueError:
            return False
        return text_form(value) == text and matches(wanted, value)


def variable_names(want: Expected) -> frozenset[str]:
    """The names of the variables in a want."""
    return frozenset(each.name for each in walk(want) if isinstance(each, Variable))


_HEARTBEAT_INTERVAL = 10
"""Steps in vain after which a search gives a sign of life."""
HEARTBEAT: Constraints = (Binding("", 0), Binding("", 1))
"""The sign of life: a way that contradicts itself. It is handed on at once."""


def unify(want: Expected, got: Value) -> Iterator[Constraints]:
    """Each way in which the value matches, as what it needs of the variables; none if it does not.

    A want without variables has at most one way, which needs nothing. Ways are found as they are
    asked for. A search that goes on in vain yields, now and then, a way that contradicts itself
    (`bind` gives None), so that whoever counts the ways may stop.
    """
    return unify_all(((want, got),))


def unify_all(pairs: Iterable[tuple[Expected, Value]]) -> Iterator[Constraints]:
    """Each way in which all of the pairs match."""
    spots: list[Deferred] = []
    if not all(literals_match(want, got, spots) for want, got in pairs):
        return iter(())
    return _combine(spots) if spots else iter(((),))


def _combine(spots: list[Deferred]) -> Iterator[Constraints]:
    asking: list[CachedSolutions] = []
    for matcher, got in spots:
        ways = CachedSolutions(matcher.solutions(got))
        if ways.first is None:
            return
        if ways.first:
            asking.append(ways)
    if not asking:
        yield ()
        return

    def branches(state: None, level: int) -> Iterator[tuple[None, Constraints]]:
        return ((state, way) for way in asking[level])

    yield from backtrack(None, branches, len(asking))


class CachedSolutions:
    """Ways that may be gone through again; each is found once, when it is asked for.

    A matcher inside a matcher inside a matcher would else be asked twice, four times, eight times.
    """

    def __init__(self, ways: Iterator[Constraints]) -> None:
        self._cache: list[Constraints] = []
        self._solutions = ways

    def __iter__(self) -> Iterator[Constraints]:
        for index in count():
            if index == len(self._cache):
                self._cache.extend(islice(self._solutions, 1))
            if index == len(self._cache):
                return
            yield self._cache[index]

    @property
    def first(self) -> Constraints | None:
        """The first way, if there is one."""
        return next(iter(self), None)


def backtrack[State](
    start: State, branches: Callable[[State, int], Iterator[tuple[State, Constraints]]], depth: int
) -> Iterator[Constraints]:
    """Each way through `depth` levels on which no need contradicts another.

    `branches` gives what may be chosen in a state at a level: the state behind it, and its needs.
    """
    in_vain = 0
    trail: list[tuple[Constraints, Iterator[tuple[State, Constraints]]]] = [
        ((), branches(start, 0))
    ]
    while trail:
        needs, choices = trail[-1]
        choice = next(choices, None)
        if choice is None:
            trail.pop()
            continue
        state, more = choice
        needs += more
        if more is HEARTBEAT:
            yield HEARTBEAT
        elif bind(needs) is None:
            in_vain += 1
            if in_vain % _HEARTBEAT_INTERVAL == 0:
                yield HEARTBEAT
        elif len(trail) < depth:
            trail.append((needs, branches(state, len(trail))))
        else:
            yield needs


def distinct(ways: Iterable[Constraints]) -> Iterator[Constraints]:
    """Each way once; none behind the one that needs nothing, because that one always goes."""
    seen = set()
    repeated = 0
    for needs in ways:
        key = frozenset((each.name, each.in_text, equality_key(each.value)) for each in needs)
        if needs is HEARTBEAT or key not in seen:
            seen.add(key)
            yield needs
        else:
            repeated += 1
            if repeated % _HEARTBEAT_INTERVAL == 0:
                yield HEARTBEAT
        if not needs:
            return


def bind(needs: Collection[Binding]) -> Bindings | None:
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
            if equality_key(value) != equality_key(each.value):
                return None
            known[each.name] = min(value, each.value, key=json_codec.write)
    for each in needs:
        if each.name in texts and not each.in_text and text_form(each.value) != texts[each.name]:
            return None
    return texts | exact
