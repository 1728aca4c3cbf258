"""`check`: the two-minute answer about a pixel URL, an HTML file or a mail."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.cli.decode import LOST, as_json
from pixel_emulator.cli.exit_codes import Exit
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.terminal import say, show, wants_colour, width
from pixel_emulator.config import Settings
from pixel_emulator.core import explain, json_text
from pixel_emulator.core.calls import JSON, Dialect
from pixel_emulator.core.endpoint.pixel import request_of
from pixel_emulator.core.mistakes import InputError, Mistake
from pixel_emulator.core.problems.judgement import Judgement, judge

_URL = re.compile(
    r"""\s*(?:["']|src\s*=)?\s*(?:https?:|//|/?v1/|[\w.-]+/v1/pixel/)""", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Checked:
    """One pixel: its URL, what a person should know about the place it stands in, its verdict."""

    url: str
    place: str
    remarks: tuple[str, ...]
    judgement: Judgement


@takes_settings("dialect", "source", "hosts")
def check(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|URL|-...",
            help="A pixel URL, an HTML file or a mail (.eml); - reads any of them from stdin.",
        ),
    ],
    *,
    settings: Settings,
    json: Annotated[bool, typer.Option("--json", help="An object a line for each pixel.")] = False,
) -> int:
    """Find pixels in files and URLs, and say what Segment would make of each.

    Exit code 1 if one would be dropped or damaged or is no pixel call, 3 if there is none at all.
    """
    colour = wants_colour(sys.stdout)
    exits = []
    for text in inputs:
        found = list(_check(text, settings))
        if json:
            for each in found:
                found_at: dict[str, JSON] = {"place": each.place, "remarks": list(each.remarks)}
                verdict = {"input": text, **found_at, **as_json(each.url, each.judgement)}
                sys.stdout.write(json_text.write(verdict) + "\n")
        else:
            show(_text(text, found, colour=colour))
        lost = any(each.judgement.outcome in LOST for each in found)
        exits.append(Exit.UNMET if lost else Exit.MET if found else Exit.INCOMPLETE)
    return max(exits)


def _check(text: str, settings: Settings) -> Iterator[Checked]:
    if text != "-" and _URL.match(text) and not Path(text).exists():
        yield _pasted(text, settings)
        return
    raw = sys.stdin.buffer.read() if text == "-" else _read(Path(text))
    start = raw[:200].decode(errors="replace")
    if text == "-" and _URL.match(start):
        for line in raw.decode(errors="surrogateescape").splitlines():
            if line.strip():
                yield _pasted(line, settings)
        return
    yield from _found_in(text, raw, settings)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "; a pixel URL begins with https://" if isinstance(error, FileNotFoundError) else ""
        raise InputError(Mistake(f"{path}: {error.strerror}{hint}")) from None


def _pasted(text: str, settings: Settings) -> Checked:
    from pixel_emulator.email.urls import pasted  # noqa: PLC0415 - files and URLs need not both

    url = pasted(text)
    remarks = ("copied from HTML source: read with & for &amp;",) if url.from_html else ()
    return Checked(url.url, "", remarks, _judge(url.url, settings))


def _found_in(name: str, raw: bytes, settings: Settings) -> Iterator[Checked]:
    from pixel_emulator.email.message import read  # noqa: PLC0415
    from pixel_emulator.email.pixels import find_pixels  # noqa: PLC0415

    mail = read(name, raw)
    if mail.reason:
        say(f"{name}: {mail.reason}")
    for part in mail.parts:
        for pixel in find_pixels(part.html, hosts=settings.hosts):
            remarks = [
                *part.notes,
                *(["stands in a forwarded mail"] if part.forwarded else []),
                *(["stands in an attachment"] if part.attached else []),
                *(
                    ["at a custom domain; check it is one of your own"]
                    if pixel.custom_domain
                    else []
                ),
                *(["the same URL stands further up: loaded once"] if pixel.repeated else []),
                *([f"in a {pixel.within}"] if pixel.within else []),
                *(["no browser loads it here"] if not (pixel.requested or pixel.repeated) else []),
            ]
            line = f"line {pixel.line}, " if pixel.line else ""
            yield Checked(
                pixel.url, f"{line}{pixel.where}", tuple(remarks), _judge(pixel.url, settings)
            )


def _judge(url: str, settings: Settings) -> Judgement:
    return judge(request_of(url), Dialect(settings.dialect), settings.sources())


def _text(name: str, found: list[Checked], *, colour: bool) -> str:
    lines = [] if _URL.match(name) else [f"{name}: {_count(len(found))}"]
    for each in found:
        call, problems = each.judgement.call, each.judgement.problems
        word = explain.outcome_word(each.judgement.outcome, colour=colour)
        lines.append(f"{word} {explain.title(call, request_of(each.url))}")
        facts = [each.place, explain.written_as(call) if call else "", *each.remarks]
        lines += [f"    {fact}" for fact in facts if fact]
        if call is None:
            lines.append("    Segment answers 404: the path is none of the six pixel calls")
        lines += [f"    {text}" for text in explain.payload_text(call).splitlines()] if call else []
        found_lines = explain.problem_lines(problems, width=width() - 4, colour=colour)
        lines += [f"    {text}" for text in found_lines]
        lines.append("")
    return "\n".join(lines).rstrip("\n")


def _count(pixels: int) -> str:
    return "no pixel" if pixels == 0 else "1 pixel" if pixels == 1 else f"{pixels} pixels"
