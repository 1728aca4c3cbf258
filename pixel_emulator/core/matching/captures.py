"""Variables: what a match needs of them, and whether several matches go together."""

from collections.abc import Iterable, Iterator

from pixel_emulator.core.calls import JSON
from pixel_emulator.core.matching.differences import matches
from pixel_emulator.core.matching.values import Value
from pixel_emulator.core.matching.wants import Bindings, Need, Needs, Want


def unify(want: Want, got: Value) -> Iterator[Needs]:
    """Each way in which the value matches, as what it needs of the variables; none if it does not.

    A want without variables has one way, which needs nothing.
    """
    if matches(want, got):
        yield ()


def bind(needs: Iterable[Need]) -> Bindings | None:
    """The value of each variable, or None where two needs contradict each other."""
    bound: dict[str, JSON] = {}
    for each in needs:
        if bound.setdefault(each.name, each.value) != each.value:
            return None
    return bound
