"""`check`: the two-minute answer about a pixel URL, an HTML file or a mail."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from pixel_emulator.cli.decode import LOST, as_json
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.terminal import Exit, say, show, wants_colour, width
from pixel_emulator.core import call_text
from pixel_emulator.core.endpoint.pixel import request_of
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Dialect
from pixel_emulator.core.problems.classify import Classification, judge_url
from pixel_emulator.core.recordings.foreign_files import traffic
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import shortened
from pixel_emulator.files.file_io import MAX_BYTES, read_bytes
from pixel_emulator.runtime.output import learn_from_url
from pixel_emulator.runtime.settings import Settings

if TYPE_CHECKING:
    from pixel_emulator.email.message import HtmlPart, Mail
    from pixel_emulator.email.pixels import FoundPixel

# A tag, a comment or a doctype, but no URL in angle brackets.
_MARKUP = re.compile(r"\ufeff?\s*<(?:[!?]|[a-z][\w-]*(?::[a-z][\w-]*)?(?:\s|/?>))", re.IGNORECASE)


_WRONG_HOST = frozenset({"invalid_host", "misspelt_host"})


@dataclass(frozen=True, slots=True)
class Checked:
    """One pixel: its URL, what a person should know about the place it stands in, its verdict.

    `requested` is False if no client asks for the URL because of this place; `by_outlook` is True
    if Outlook for Windows alone does.
    """

    url: str
    place: str
    remarks: tuple[str, ...]
    judgement: Classification
    requested: bool = True
    by_outlook: bool = False


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found in one input, or in one mail of an mbox.

    `reason` is a sentence if it could not be read as a whole; `hints` are sentences on what is
    there and is no pixel.
    """

    name: str
    found: tuple[Checked, ...]
    reason: str = ""
    hints: tuple[str, ...] = ()

    @property
    def exit(self) -> Exit:
        """The exit code that it has by itself."""
        if self.reason or not any(each.requested for each in self.found):
            return Exit.INCOMPLETE
        lost = any(each.judgement.outcome in LOST for each in self.found)
        return Exit.UNMET if lost else Exit.MET

    @property
    def remarks(self) -> tuple[str, ...]:
        """The hints, and a sentence if pixels were found that no client requests."""
        if not self.found or any(each.requested for each in self.found):
            return self.hints
        outlook = any(each.by_outlook for each in self.found)
        who = "only Outlook for Windows" if outlook else "no client"
        return (*self.hints, f"{who} requests a pixel of {self.name}")


@takes_settings("dialect", "source", "hosts", "keep_write_keys")
def check(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|URL|-...",
            help="A pixel URL, an HTML file, a mail (.eml) or an mbox; - reads any from stdin.",
        ),
    ],
    *,
    settings: Settings,
    json: Annotated[bool, typer.Option("--json", help="An object a line for each pixel.")] = False,
) -> int:
    """Find pixels in files and URLs, and say what Segment would make of each.

    Write keys are masked, unless you say --keep-write-keys. Exit code 1 if one would be dropped or
    damaged or is no pixel call, 3 if there is none at all, or none that a client requests, or if
    something could not be read; an mbox counts mail by mail.
    """
    colour = wants_colour(sys.stdout)
    exits = []
    for text in inputs:
        for searched in _check(text, settings):
            if searched.reason:
                say(f"{searched.name}: {searched.reason}")
            if json:
                _write_json(text, searched, keep_write_keys=settings.keep_write_keys)
            else:
                found = _text(searched, colour=colour)
                show(found, keep_write_keys=settings.keep_write_keys)
            exits.append(searched.exit)
    return max(exits)


def _write_json(text: str, searched: Searched, *, keep_write_keys: bool) -> None:
    for each in searched.found:
        found_at: dict[str, JSON] = {"place": each.place, "remarks": list(each.remarks)}
        verdict = {"input": text, **found_at, **as_json(each.url, each.judgement)}
        show(json_codec.write(verdict), keep_write_keys=keep_write_keys)
    if not searched.found:
        say(_none_in(searched))
    for remark in searched.remarks:
        say(f"{searched.name}: {remark}")


def _check(text: str, settings: Settings) -> Iterator[Searched]:
    if text == "-":
        yield from _from_stdin(sys.stdin.buffer.read(MAX_BYTES + 1), settings)
    elif os.path.exists(text):  # noqa: PTH110 - Path.exists raises for long names in Python 3.12
        raw = read_bytes(text)
        if what := traffic(raw, text):
            raise InputError(InputIssue(what, Location(text)))
        yield from _found_in(text, raw, settings)
    elif _MARKUP.match(text):
        yield from _found_in(".html", text.encode(errors="replace"), settings)
    elif pixel := _pasted(text, settings):
        yield Searched("", (pixel,))
    else:
        why = "No such file or directory; a pixel URL begins with https://"
        raise InputError(InputIssue(f"{shortened(text)}: {why}"))


def _from_stdin(raw: bytes, settings: Settings) -> Iterator[Searched]:
    from pixel_emulator.email.source import is_mail, other_format

    found = list(_found_in("-", raw, settings))
    is_document = is_mail("-", raw) or _MARKUP.match(raw[:200].decode(errors="replace"))
    is_json_of_html = bool(other_format(raw)) and b"<" in raw
    if is_document or is_json_of_html or any(each.found for each in found):
        yield from found
        return
    lines = [line.decode(errors="surrogateescape") for line in raw.split(b"\n") if line.strip()]
    pixels = [_pasted(line, settings) for line in lines]
    if not any(pixels):
        yield from found
        return
    if (without := pixels.count(None)) and not other_format(raw):
        say(f"-: no pixel URL in {without} of {len(lines)} lines")
    yield Searched("", tuple(filter(None, pixels)))


def _pasted(text: str, settings: Settings) -> Checked | None:
    from pixel_emulator.email.urls import pasted_url

    url = pasted_url(text)
    if url is None:
        return None
    remarks = ("copied from HTML source: read with & for &amp;",) if url.from_html else ()
    return Checked(url.url, "", remarks, _judge(url.url, settings))


def _found_in(name: str, raw: bytes, settings: Settings) -> Iterator[Searched]:
    from pixel_emulator.email.source import read

    shown = "this HTML" if name == ".html" else shortened(name)
    for mail in read(name, raw):
        yield _found_in_mail(f"{shown}, {mail.title}" if mail.title else shown, mail, settings)


def _found_in_mail(name: str, mail: "Mail", settings: Settings) -> Searched:
    from pixel_emulator.email.limits import LimitError
    from pixel_emulator.email.unrequested import search_html

    found: list[Checked] = []
    hints: dict[str, None] = {}
    reason = mail.reason
    for part in mail.parts:
        try:
            search = search_html(part.html, hosts=settings.hosts, charset=part.url_charset)
        except LimitError as error:
            reason = reason or f"It cannot be read: {error}."
            continue
        found += [_checked(mail, part, pixel, settings) for pixel in search.pixels]
        hints |= dict.fromkeys(shortened(each.sentence) for each in search.unrequested)
    return Searched(name, tuple(found), reason, tuple(hints))


def _checked(mail: "Mail", part: "HtmlPart", pixel: "FoundPixel", settings: Settings) -> Checked:
    line = f"line {pixel.line}{' of its HTML' if part.in_mail else ''}" if pixel.line else ""
    only_amp = part.is_amp and pixel.element.startswith("amp-") and not pixel.enclosure
    judgement = _judge(pixel.url, settings, pixel.raw)
    remarks = list(_remarks(part, pixel, only_amp=only_amp))
    if pixel.has_custom_domain and not any(each.code in _WRONG_HOST for each in judgement.problems):
        remarks.append("at a custom domain; check it is one of your own")
    return Checked(
        pixel.url,
        ", ".join(filter(None, (mail.title, line, shortened(pixel.place)))),
        tuple(map(shortened, remarks)),
        judgement,
        requested=pixel.is_loaded or only_amp,
        by_outlook=pixel.is_outlook_only,
    )


def _remarks(part: "HtmlPart", pixel: "FoundPixel", *, only_amp: bool) -> Iterator[str]:
    yield from part.notes
    if part.forwarded:
        yield "stands in a forwarded mail"
    if part.attached:
        yield "stands in an attachment"
    if pixel.is_repeated:
        yield "the same URL stands further up: loaded once"
    if pixel.enclosure:
        yield f"in a {pixel.enclosure}"
    if only_amp:
        yield "only mail clients with AMP load it"
    elif pixel.is_outlook_only:
        yield "only Outlook for Windows loads it here"
    elif not pixel.is_loaded:
        yield "no browser loads it here"


def _judge(url: str, settings: Settings, text: str = "") -> Classification:
    learn_from_url(url)
    dialect = Dialect(settings.dialect)
    return judge_url(url, dialect, settings.sources(), hosts=settings.hosts, text=text)


def _text(searched: Searched, *, colour: bool) -> str:
    in_file = any(each.place for each in searched.found)
    lines = [f"{searched.name}: {_count(len(searched.found))}"] if in_file else []
    if not searched.found:
        lines = [_none_in(searched)]
    for each in searched.found:
        call, problems = each.judgement.call, each.judgement.problems
        word = call_text.outcome_word(each.judgement.outcome, colour=colour)
        lines.append(f"{word} {call_text.title(call, request_of(each.url))}")
        facts = [each.place, call_text.encoding_text(call) if call else "", *each.remarks]
        lines += [f"    {fact}" for fact in facts if fact]
        if call is None:
            lines.append("    Segment answers 404: the path is none of the six pixel calls")
        lines += (
            [f"    {text}" for text in call_text.payload_text(call).splitlines()] if call else []
        )
        found_lines = call_text.problem_lines(problems, width=width() - 4, colour=colour)
        lines += [f"    {text}" for text in found_lines]
        lines.append("")
    return "\n".join([*lines, *searched.remarks]).rstrip("\n")


def _count(pixels: int) -> str:
    return "1 pixel" if pixels == 1 else f"{pixels} pixels"


def _none_in(searched: Searched) -> str:
    return f"no pixel found in {searched.name}"
