"""`check`: the two-minute answer about a pixel URL, an HTML file or a mail."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixel_emulator.cli.decode import LOST, as_json
from pixel_emulator.cli.exit_codes import Exit
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.terminal import say, show, wants_colour, width
from pixel_emulator.config import Settings
from pixel_emulator.core import explain, json_text
from pixel_emulator.core.calls import JSON, Dialect
from pixel_emulator.core.endpoint.pixel import request_of
from pixel_emulator.core.mistakes import InputError, Location, Mistake
from pixel_emulator.core.problems.judgement import Judgement, judge_url
from pixel_emulator.core.quoting import shortened
from pixel_emulator.core.recordings.foreign_files import traffic

if TYPE_CHECKING:
    from pixel_emulator.email.message import HtmlPart
    from pixel_emulator.email.pixels import FoundPixel

# A tag, a comment or a doctype, but no URL in angle brackets.
_MARKUP = re.compile(r"\ufeff?\s*<(?:[!?]|[a-z][\w-]*(?::[a-z][\w-]*)?(?:\s|/?>))", re.IGNORECASE)


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
            if not found:
                say(_none_in(text))
        else:
            show(_text(text, found, colour=colour))
        lost = any(each.judgement.outcome in LOST for each in found)
        exits.append(Exit.UNMET if lost else Exit.MET if found else Exit.INCOMPLETE)
    return max(exits)


def _check(text: str, settings: Settings) -> Iterator[Checked]:
    if text == "-":
        yield from _from_stdin(sys.stdin.buffer.read(), settings)
    elif os.path.exists(text):  # noqa: PTH110 - Path.exists raises for long names in Python 3.12
        raw = _read(text)
        if what := traffic(raw, text):
            raise InputError(Mistake(what, Location(text)))
        yield from _found_in(text, raw, settings)
    elif _MARKUP.match(text):
        yield from _found_in(".html", text.encode(errors="replace"), settings)
    elif pixel := _pasted(text, settings):
        yield pixel
    else:
        why = "No such file or directory; a pixel URL begins with https://"
        raise InputError(Mistake(f"{shortened(text)}: {why}"))


def _from_stdin(raw: bytes, settings: Settings) -> Iterator[Checked]:
    from pixel_emulator.email.message import is_mail  # noqa: PLC0415 - files and URLs need not both

    found = list(_found_in("-", raw, settings))
    if found or is_mail("-", raw) or _MARKUP.match(raw[:200].decode(errors="replace")):
        yield from found
        return
    lines = [line.decode(errors="surrogateescape") for line in raw.split(b"\n") if line.strip()]
    pixels = [_pasted(line, settings) for line in lines]
    yield from filter(None, pixels)
    if any(pixels) and (without := pixels.count(None)):
        say(f"-: no pixel URL in {without} of {len(lines)} lines")


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InputError(Mistake(f"{shortened(name)}: {error.strerror}")) from None


def _pasted(text: str, settings: Settings) -> Checked | None:
    from pixel_emulator.email.urls import pasted  # noqa: PLC0415 - files and URLs need not both

    url = pasted(text)
    if url is None:
        return None
    remarks = ("copied from HTML source: read with & for &amp;",) if url.from_html else ()
    return Checked(url.url, "", remarks, _judge(url.url, settings))


def _found_in(name: str, raw: bytes, settings: Settings) -> Iterator[Checked]:
    from pixel_emulator.email.message import read  # noqa: PLC0415 - URLs need it not
    from pixel_emulator.email.pixels import find_pixels  # noqa: PLC0415 - the same

    mail = read(name, raw)
    if mail.reason:
        say(f"{shortened(name)}: {mail.reason}")
    for part in mail.parts:
        for pixel in find_pixels(part.html, hosts=settings.hosts):
            line = f"line {pixel.line}{' of its HTML' if part.in_mail else ''}, "
            yield Checked(
                pixel.url,
                shortened(f"{line if pixel.line else ''}{pixel.where}"),
                tuple(map(shortened, _remarks(part, pixel))),
                _judge(pixel.url, settings),
            )


def _remarks(part: "HtmlPart", pixel: "FoundPixel") -> Iterator[str]:
    yield from part.notes
    if part.forwarded:
        yield "stands in a forwarded mail"
    if part.attached:
        yield "stands in an attachment"
    if pixel.custom_domain:
        yield "at a custom domain; check it is one of your own"
    if pixel.repeated:
        yield "the same URL stands further up: loaded once"
    if pixel.within:
        yield f"in a {pixel.within}"
    if part.is_amp and pixel.element.startswith("amp-") and not pixel.within:
        yield "only mail clients with AMP load it"
    elif not (pixel.requested or pixel.repeated):
        yield "no browser loads it here"


def _judge(url: str, settings: Settings) -> Judgement:
    return judge_url(url, Dialect(settings.dialect), settings.sources())


def _text(name: str, found: list[Checked], *, colour: bool) -> str:
    if not found:
        return _none_in(name)
    in_file = any(each.place for each in found)
    lines = [f"{_source(name)}: {_count(len(found))}"] if in_file else []
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
    return "1 pixel" if pixels == 1 else f"{pixels} pixels"


def _none_in(name: str) -> str:
    return f"no pixel found in {_source(name)}"


def _source(name: str) -> str:
    return "this HTML" if _MARKUP.match(name) else shortened(name)
