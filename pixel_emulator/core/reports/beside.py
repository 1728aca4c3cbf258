"""Wanted and got side by side: values cut to fit, in columns."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from pixel_emulator.core.matching.differences import Mismatch
from pixel_emulator.core.matching.values import Described
from pixel_emulator.core.paint import paint
from pixel_emulator.core.quoting import printable

_NARROWEST = 20  # characters of a value that are shown even if the line gets too long


def mismatch_lines(
    mismatches: Sequence[Mismatch], *, width: int = 100, colour: bool = False
) -> Iterator[str]:
    """One line for each differing path, with both types; a hint gets its own if it must."""
    paths = [printable(each.path) for each in mismatches]
    path_width = max(map(len, paths), default=0)
    rooms = _rooms(mismatches, width - path_width - len("   want    got "))
    values = [_cut_both(each.expected, each.actual, rooms) for each in mismatches]
    want_width = max((len(want) for want, _ in values), default=0)
    for path, (want, got), mismatch in zip(paths, values, mismatches, strict=True):
        line = f"{path:<{path_width}}   want {want:<{want_width}}   got {got}"
        hint = paint(mismatch.hint, "dim", colour=colour)
        if len(line) + 3 + len(mismatch.hint) <= width:
            yield f"{line}   {hint}".rstrip()
        else:
            yield line
            if hint:
                yield f"{'':<{path_width}}   {hint}"


def cut(text: str, room: int) -> str:
    """The text with an ellipsis in its middle, if it is longer than `room`."""
    half = (room - 1) // 2
    return text if len(text) <= room else f"{text[: room - 1 - half]}…{text[-half:]}"


def _rooms(mismatches: Sequence[Mismatch], width: int) -> tuple[int, int]:
    """The width of either column: what one does not need, the other may have."""
    want = max((len(str(each.expected)) for each in mismatches), default=0)
    got = max((len(str(each.actual)) for each in mismatches), default=0)
    half = max(_NARROWEST, width // 2)
    return max(half, width - got), max(half, width - want)


def _cut_both(want: Described, got: Described, rooms: tuple[int, int]) -> tuple[str, str]:
    """Both values, cut to their rooms, so that their difference is seen."""
    both = (want, got)
    inner = [room - len(str(each)) + len(each.text) for each, room in zip(both, rooms, strict=True)]
    texts = [cut(each.text, room) for each, room in zip(both, inner, strict=True)]
    if texts[0] == texts[1] and want.text != got.text:
        pairs = zip(want.text, got.text, strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        start = max(0, alike - min(rooms) // 4)
        texts = [f"…{each.text[start : start + min(inner) - 2]}…" for each in both]
    wanted, found = (Described(text, each.type) for text, each in zip(texts, both, strict=True))
    return str(wanted), str(found)
