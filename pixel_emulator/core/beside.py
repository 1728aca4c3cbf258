"""Wanted and got side by side: values cut to fit, in columns."""

from collections.abc import Iterator, Sequence
from os.path import commonprefix

from pixel_emulator.core.matching import Described, Mismatch
from pixel_emulator.core.paint import paint
from pixel_emulator.core.quoting import printable

_NARROWEST = 20  # characters of a value that are shown even if the line gets too long


def mismatch_lines(
    mismatches: Sequence[Mismatch], *, width: int = 100, colour: bool = False
) -> Iterator[str]:
    """One line for each differing path, with both types; a hint gets its own if it must."""
    paths = [printable(each.path) for each in mismatches]
    path_width = max(map(len, paths), default=0)
    room = max(_NARROWEST, (width - path_width - len("   want    got ")) // 2)
    values = [_cut_both(each.expected, each.actual, room) for each in mismatches]
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


def _cut_both(want: Described, got: Described, room: int) -> tuple[str, str]:
    """Both values in at most `room` characters, so that their difference is seen."""
    inner = [room - len(f" ({each.type})") if each.type else room for each in (want, got)]
    texts = [cut(each.text, space) for each, space in zip((want, got), inner, strict=True)]
    if texts[0] == texts[1] and want.text != got.text:
        start = max(0, len(commonprefix([want.text, got.text])) - room // 4)
        texts = [
            f"…{each.text[start : start + space - 2]}…"
            for each, space in zip((want, got), inner, strict=True)
        ]
    wanted, found = (
        Described(text, each.type) for text, each in zip(texts, (want, got), strict=True)
    )
    return str(wanted), str(found)
