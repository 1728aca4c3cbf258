"""Unification: the variable bindings under which values match, alone or together."""

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
    """`$name`: a present value that matches `type`; once bound, exactly the bound value.

    `type` is None if any value is admitted. A bound value is compared exactly, not as a subset: a
    map may have no further keys.
    """

    name: str
    type: Expected | None = None

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        if actual is not ABSENT and self.matches(actual, NO_BINDINGS):
            yield (Binding(self.name, actual),)

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        if self.name in bindings:
            return equality_key(bindings[self.name]) == equality_key(actual)
        return actual is not ABSENT and (self.type is None or matches(self.type, actual))

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        if self.matches(actual, bindings):
            return
        if self.name in bindings:
            yield at, bindings[self.name], actual
        elif self.type is None or actual is ABSENT:
            yield at, self, actual
        else:
            yield from differences_at(at, self.type, actual, bindings)

    def describe(self) -> Description:
        return Description(
            f"${self.name}", "" if self.type is None else str(describe_expected(self.type))
        )


@dataclass(frozen=True, slots=True)
class TextTemplate(Matcher):
    """A text that contains `${name}`, between `before` and `after`."""

    before: str
    variable: Variable
    after: str

    @property
    def parts(self) -> tuple[Expected, ...]:
        return (self.variable,)

    def solutions(self, actual: Value) -> Iterator[Constraints]:
        middle = self._placeholder_text(actual)
        if middle is not None:
            yield (Binding(self.variable.name, middle, in_text=True),)

    def matches(self, actual: Value, bindings: Bindings) -> bool:
        if self.variable.name in bindings:
            return isinstance(actual, str) and actual == self._filled(bindings)
        return self._placeholder_text(actual) is not None

    def differences(self, at: JsonPath, actual: Value, bindings: Bindings) -> Iterator[Difference]:
        if not self.matches(actual, bindings):
            yield at, self._filled(bindings) or self, actual

    def describe(self) -> Description:
        text = f"{self.before}${{{self.variable.name}}}{self.after}"
        return Description(f'"{printable(text, quotes=True)}"', "string")

    def _filled(self, bindings: Bindings) -> str | None:
        """Return the text with the variable's value; None if it is unbound or a container."""
        value = bindings.get(self.variable.name, [])
        text = text_form(value)
        return None if text is None else f"{self.before}{text}{self.after}"

    def _placeholder_text(self, actual: Value) -> str | None:
        """Return the text in the variable's place; None if the text does not match."""
        if not isinstance(actual, str) or len(actual) < len(self.before) + len(self.after):
            return None
        if not (actual.startswith(self.before) and actual.endswith(self.after)):
            return None
        middle = actual[len(self.before) : len(actual) - len(self.after)]
        return middle if self._admits(middle) else None

    def _admits(self, text: str) -> bool:
        """Return True if the variable's type admits this text or the value with this spelling."""
        type = self.variable.type
        if type is None or matches(type, text):
            return True
        try:
            value = json_codec.parse(text)
        except ValueError:
            return False
        return text_form(value) == text and matches(type, value)


def variable_names(expected: Expected) -> frozenset[str]:
    """Return the names of the variables in an expected value."""
    return frozenset(part.name for part in walk(expected) if isinstance(part, Variable))


_HEARTBEAT_INTERVAL = 10
"""Rejected candidates after which a search yields a heartbeat."""
HEARTBEAT: Constraints = (Binding("", 0), Binding("", 1))
"""A solution that contradicts itself: the search goes on, but has found nothing lately."""


def unify(expected: Expected, actual: Value) -> Iterator[Constraints]:
    """Yield each solution: the constraints on variables under which `actual` matches.

    Without variables there is at most one solution, `()`. Solutions are computed lazily. A search
    that finds none for a while yields `HEARTBEAT`, which contradicts itself (`bind` returns None),
    so that a caller with a limit on solutions can stop.
    """
    return unify_all(((expected, actual),))


def unify_all(pairs: Iterable[tuple[Expected, Value]]) -> Iterator[Constraints]:
    """Yield each solution under which all (expected, actual) pairs match."""
    deferred: list[Deferred] = []
    if not all(literals_match(expected, actual, deferred) for expected, actual in pairs):
        return iter(())
    return _combine(deferred) if deferred else iter(((),))


def _combine(deferred: list[Deferred]) -> Iterator[Constraints]:
    constrained: list[CachedSolutions] = []
    for matcher, actual in deferred:
        solutions = CachedSolutions(matcher.solutions(actual))
        if solutions.first is None:
            return
        if solutions.first:
            constrained.append(solutions)
    if not constrained:
        yield ()
        return

    def branches(state: None, level: int) -> Iterator[tuple[None, Constraints]]:
        return ((state, solution) for solution in constrained[level])

    yield from backtrack(None, branches, len(constrained))


class CachedSolutions:
    """Solutions that can be iterated repeatedly; each is computed once, on demand.

    Without the cache, the work would double with each level of nested matchers.
    """

    def __init__(self, solutions: Iterator[Constraints]) -> None:
        self._cache: list[Constraints] = []
        self._solutions = solutions

    def __iter__(self) -> Iterator[Constraints]:
        for index in count():
            if index == len(self._cache):
                self._cache.extend(islice(self._solutions, 1))
            if index == len(self._cache):
                return
            yield self._cache[index]

    @property
    def first(self) -> Constraints | None:
        """The first solution, or None if there is none."""
        return next(iter(self), None)


def backtrack[State](
    start: State, branches: Callable[[State, int], Iterator[tuple[State, Constraints]]], depth: int
) -> Iterator[Constraints]:
    """Yield the constraints of each path through `depth` levels that contradict nothing.

    `branches(state, level)` yields the choices at a level: the next state and its constraints.
    """
    rejected = 0
    trail: list[tuple[Constraints, Iterator[tuple[State, Constraints]]]] = [
        ((), branches(start, 0))
    ]
    while trail:
        constraints, choices = trail[-1]
        choice = next(choices, None)
        if choice is None:
            trail.pop()
            continue
        state, added = choice
        constraints += added
        if added is HEARTBEAT:
            yield HEARTBEAT
        elif bind(constraints) is None:
            rejected += 1
            if rejected % _HEARTBEAT_INTERVAL == 0:
                yield HEARTBEAT
        elif len(trail) < depth:
            trail.append((constraints, branches(state, len(trail))))
        else:
            yield constraints


def distinct(solutions: Iterable[Constraints]) -> Iterator[Constraints]:
    """Yield each solution once; stop after `()`, which holds under all bindings."""
    seen = set()
    repeated = 0
    for constraints in solutions:
        key = frozenset(
            (binding.name, binding.in_text, equality_key(binding.value)) for binding in constraints
        )
        if constraints is HEARTBEAT or key not in seen:
            seen.add(key)
            yield constraints
        else:
            repeated += 1
            if repeated % _HEARTBEAT_INTERVAL == 0:
                yield HEARTBEAT
        if not constraints:
            return


def bind(constraints: Collection[Binding]) -> Bindings | None:
    """Return the value of each variable, or None if two constraints contradict each other.

    A variable has one value; inside a text it appears as `text_form` writes that value. A variable
    that is only known from texts is a string. The order of the constraints does not matter.
    """
    exact: dict[str, JSON] = {}
    texts: dict[str, JSON] = {}
    for binding in constraints:
        name, new = binding.name, binding.value
        values = texts if binding.in_text else exact
        value = values.setdefault(name, new)
        if value is not new:
            if equality_key(value) != equality_key(new):
                return None
            values[name] = min(value, new, key=json_codec.write)
    for binding in constraints:
        name = binding.name
        if name in texts and not binding.in_text and text_form(binding.value) != texts[name]:
            return None
    return texts | exact
