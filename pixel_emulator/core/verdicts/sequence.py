"""Claims whose order and times matter: the cheapest way through the calls, one after the other."""

from collections.abc import Mapping, Sequence

from pixel_emulator.core.verdicts.course import Course, State
from pixel_emulator.core.verdicts.pool import Answer

type _Layer = dict[State, tuple[int, State, int | None]]
"""The states behind a call: the cost so far, the state before, and who claimed the call."""


def replay(course: Course, claims: Mapping[int, int]) -> int | None:
    """What these claims cost, or None where they are not allowed."""
    state, total = course.begin(), course.floor
    for number, (position, _) in enumerate(course.candidates):
        following = course.advance(state, number, claims.get(position))
        if following is None:
            return None
        state, cost = following
        total += cost
    return total + course.end(state)


def cheapest(course: Course, limit: int, width: int) -> tuple[Answer | None, bool, int]:
    """The cheapest answer up to a limit; whether no state was left out to keep at most
    `width` of them at a time; and the number of steps that were taken."""
    layers: list[_Layer] = []
    states: dict[State, int] = {course.begin(): course.floor} if course.floor <= limit else {}
    exact, steps = True, 0
    for number, (_, found) in enumerate(course.candidates):
        layer: _Layer = {}
        choices = _choices(course, found)
        for state, so_far in states.items():
            for choice in choices:
                steps += 1
                following = course.advance(state, number, choice)
                if following is None or so_far + following[1] > limit:
                    continue
                total = so_far + following[1]
                if following[0] not in layer or total < layer[following[0]][0]:
                    layer[following[0]] = (total, state, choice)
        if len(layer) > width:
            exact = False
            kept = sorted(layer.items(), key=lambda item: item[1][0])[:width]
            layer = dict(kept)
        layers.append(layer)
        states = {state: each[0] for state, each in layer.items()}
    totals = {state: cost + course.end(state) for state, cost in states.items()}
    state = min(totals, key=totals.__getitem__, default=0)
    if not totals or totals[state] > limit:
        return None, exact, steps
    return Answer(totals[state], _trace(course, state, layers)), exact, steps


def _choices(course: Course, found: Sequence[int]) -> list[int | None]:
    """Who may claim a call, or nobody; of two answers alike, the first of these wins.

    So where one slot waits for another, it is the one that waits that came too early.
    """
    waiting = [index for index in found if course.pool.slots[index].after is not None]
    return [*(index for index in found if index not in waiting), None, *waiting]


def _trace(course: Course, state: State, layers: Sequence[_Layer]) -> dict[int, int]:
    claims = {}
    for (position, _), layer in zip(reversed(course.candidates), reversed(layers), strict=True):
        _, state, choice = layer[state]
        if choice is not None:
            claims[position] = choice
    return dict(sorted(claims.items()))
