"""Pairs: each of some wants with an item of its own, as many as can be."""

from collections.abc import Collection, Sequence


def pair_up(fitting: Sequence[Collection[int]]) -> dict[int, int]:
    """An item for each want, no item twice; a want without one has no entry.

    `fitting` lists for each want the items that match it. Augmenting paths (Berge 1957).
    """
    items: dict[int, int] = {}
    wants: dict[int, int] = {}
    for start in range(len(fitting)):
        came_from: dict[int, int] = {}
        item: int | None = _free_item(start, fitting, wants, came_from)
        while item is not None:
            want = came_from[item]
            wants[item] = want
            before = items.get(want)
            items[want] = item
            item = before
    return items


def _free_item(
    start: int,
    fitting: Sequence[Collection[int]],
    wants: dict[int, int],
    came_from: dict[int, int],
) -> int | None:
    """The nearest item without a want; `came_from` tells the way to it."""
    queue = [start]
    for want in queue:
        for item in fitting[want]:
            if item in came_from:
                continue
            came_from[item] = want
            if item not in wants:
                return item
            queue.append(wants[item])
    return None
