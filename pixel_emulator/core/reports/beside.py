"""Wanted and got, side by side or one below the other, cut but for what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.matching.expected import Described
from pixel_emulator.core.reports.layout import Layout
from pixel_emulator.core.text.display import printable

_FRAME = len("   want    got ")
_BELOW = len("  want ")
_NARROWEST = 20  # characters of a value that are shown even if the line gets too long
_LONG = 16  # characters of a text in which a difference is not seen at once


def mismatch_lines(page: Layout, mismatches: Sequence[Mismatch], indent: int = 6) -> Iterator[str]:
    """Each differing path with both values and their types, and its hint if there is one."""
    width = page.width - indent
    paths = [printable(each.path) for each in mismatches]
    path_width = max(map(len, paths), default=0)
    room = width - path_width - _FRAME
    wants = [len(str(each.expected)) for each in mismatches]
    want_width = max((want for want in wants if want <= room // 2), default=0)
    for path, each in zip(paths, mismatches, strict=True):
        want, got = each.expected, each.actual
        if len(str(want)) + len(str(got)) <= room:
            wanted = str(want).ljust(min(want_width, room - len(str(got))))
            lines = [f"{path:<{path_width}}   want {wanted}   got {got}"]
            hint_at = path_width + 3
        else:
            want, got = _cut_both(want, got, width - _BELOW)
            lines = [path, f"  want {want}", f"  got  {got}"]
            hint_at = _BELOW
        hint = printable(each.hint)
        if not hint:
            lines += _caret(want, got, len(lines[-1]) - len(str(got)))
        elif len(lines[-1]) + 3 + len(hint) <= width:
            lines[-1] += f"   {page.paint(hint, 'dim')}"
        else:
            lines.append(f"{'':<{hint_at}}{page.paint(hint, 'dim')}")
        yield from (" " * indent + line for line in lines)


def cut(text: str, room: int) -> str:
    """The text with an ellipsis in its middle, if it is longer than `room`."""
    half = max(0, room - 1) // 2
    return text if len(text) <= room else f"{text[: room - 1 - half]}…{text[len(text) - half :]}"


def _cut_both(want: Described, got: Described, width: int) -> tuple[Described, Described]:
    """Both values, cut to the width; of what they begin with alike as much as of what follows."""
    room = max(_NARROWEST, width - max(len(str(each)) - len(each.text) for each in (want, got)))
    if max(len(want.text), len(got.text)) <= room:
        return want, got
    alike = _alike(want.text, got.text)
    front = cut(want.text[:alike], room // 2)
    want, got = (
        replace(each, text=front + cut(each.text[alike:], room - len(front)))
        for each in (want, got)
    )
    return want, got


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _caret(want: Described, got: Described, at: int) -> Iterator[str]:
    """A line that points at the first difference of two long texts; `at` is where they begin."""
    if want.type == got.type == "string" and min(len(want.text), len(got.text)) >= _LONG:
        alike = _alike(want.text, got.text)
        if alike >= _LONG // 2 and want.text[:alike].replace("…", "").isascii():  # others are wide
            yield f"{'':<{at + alike}}^"
