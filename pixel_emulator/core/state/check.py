"""Wanted profiles against those of a graph."""

from collections.abc import Mapping

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.matching.diff import Mismatch, matches, mismatches
from pixel_emulator.core.matching.expected import ABSENT, Bindings, Described, Expected
from pixel_emulator.core.model import path_text
from pixel_emulator.core.state.identity import Graph


def state_mismatches(
    wanted: Mapping[str, Expected], graph: Graph, bound: Bindings
) -> tuple[Mismatch, ...]:
    """Every difference from the wanted profiles, at paths like `state.user_123.traits.plan`.

    A profile is wanted by any of its ids; what is wanted is a subset of its data (`Graph.as_data`),
    or `$absent` for an id that nobody may have. `bound` holds the values of variables.
    """
    return tuple(each for id, want in wanted.items() for each in _of(id, want, graph, bound))


def _of(id: str, want: Expected, graph: Graph, bound: Bindings) -> tuple[Mismatch, ...]:
    profile = graph.profile(id)
    if profile is not None:
        return mismatches({"state": {id: want}}, {"state": {id: profile.as_data()}}, bound=bound)
    if matches(want, ABSENT):
        return ()
    hint = did_you_mean(id, graph.ids).strip(" ()") if graph.ids else "no kept call has an id"
    absent = Described("absent", "")
    return (
        Mismatch(
            path=path_text(("state", id)),
            expected=Described("a profile", ""),
            actual=absent,
            hint=hint,
        ),
    )
