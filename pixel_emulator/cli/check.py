"""`check`: the pixels of URLs, HTML files and mails, and what Segment would make of them."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from pixel_emulator.cli.commands import argument, command, option, takes_settings
from pixel_emulator.cli.decode import LOST_OUTCOMES, as_json
from pixel_emulator.cli.terminal import ExitCode, print_message, print_result, wants_colour, width
from pixel_emulator.core import call_text
from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.errors import InputError, InputIssue, Location
from pixel_emulator.core.model import JSON, Dialect
from pixel_emulator.core.problems.classify import UrlClassification, classify_url
from pixel_emulator.core.recordings.foreign_files import describe_traffic
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import shortened
from pixel_emulator.files.file_io import MAX_BYTES, read_bytes
from pixel_emulator.runtime.output import learn_from_url
from pixel_emulator.runtime.settings import Settings

if TYPE_CHECKING:
    from pixel_emulator.email.html_pixels import FoundPixel
    from pixel_emulator.email.mail import HtmlPart, Mail

# Matches a tag, a comment or a doctype, but no URL in angle brackets.
_HTML_START = re.compile(
    r"\ufeff?\s*<(?:[!?]|[a-z][\w-]*(?::[a-z][\w-]*)?(?:\s|/?>))", re.IGNORECASE
)


_STDIN = "stdin"
_CUSTOM_DOMAIN = "at a custom domain; check it is one of your own"
_WRONG_HOST_CODES = frozenset({"invalid_host", "misspelt_host"})


@dataclass(frozen=True, slots=True)
class CheckedPixel:
    """One pixel: its URL, its place, details of that place, and the classification of its call.

    `requested` is False if no client requests the URL at this place; `only_outlook` is True if only
    Outlook for Windows does.
    """

    url: str
    place: str
    details: tuple[str, ...]
    classification: UrlClassification
    requested: bool = True
    only_outlook: bool = False


@dataclass(frozen=True, slots=True)
class SearchedInput:
    """The pixels of one input, or of one mail of an mbox.

    `reason` is a sentence if it could not be read completely; `hints` are sentences on URLs that
    are no pixels.
    """

    name: str
    pixels: tuple[CheckedPixel, ...]
    reason: str = ""
    hints: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of `check` for this input alone."""
        if self.reason or not any(pixel.requested for pixel in self.pixels):
            return ExitCode.INCOMPLETE
        lost = any(pixel.classification.outcome in LOST_OUTCOMES for pixel in self.pixels)
        return ExitCode.UNMET if lost else ExitCode.MET

    @property
    def messages(self) -> tuple[str, ...]:
        """The hints, and a sentence if there are pixels but no client requests any."""
        if not self.pixels or any(pixel.requested for pixel in self.pixels):
            return self.hints
        outlook = any(pixel.only_outlook for pixel in self.pixels)
        who = "only Outlook for Windows" if outlook else "no client"
        return (*self.hints, f"{who} requests a pixel of {self.name}")


@command(example="pixel-emulator check mail.html newsletter.eml")
@argument(
    "inputs",
    metavar="FILE|URL|-...",
    nargs=-1,
    required=True,
    type=click.Path(allow_dash=True),
    help="A pixel URL, an HTML file, a mail (.eml) or an mbox; - reads any from stdin.",
)
@option("--json", is_flag=True, help="An object a line for each pixel.")
@takes_settings("dialect", "source", "hosts", "keep_write_keys")
def check(inputs: tuple[str, ...], *, settings: Settings, json: bool) -> int:
    """Find pixels in files and URLs, and say what Segment would make of each.

    Write keys are masked, unless you say --keep-write-keys. Exit code 1 if one would be dropped or
    damaged or is no pixel call, 3 if there is none at all, or none that a client requests, or if
    something could not be read; an mbox counts mail by mail.
    """
    colour = wants_colour(sys.stdout)
    exits = []
    for text in inputs:
        for searched in _search(text, settings):
            if searched.reason:
                print_message(f"{searched.name}: {searched.reason}")
            if json:
                _write_json(text, searched, keep_write_keys=settings.keep_write_keys)
            else:
                report = _text(searched, colour=colour)
                print_result(report, keep_write_keys=settings.keep_write_keys)
            exits.append(searched.exit_code)
    return max(exits)


def _write_json(text: str, searched: SearchedInput, *, keep_write_keys: bool) -> None:
    for pixel in searched.pixels:
        place: dict[str, JSON] = {"place": pixel.place, "remarks": list(pixel.details)}
        verdict = {"input": text, **place, **as_json(pixel.url, pixel.classification)}
        print_result(json_codec.write(verdict), keep_write_keys=keep_write_keys)
    if not searched.pixels:
        print_message(_nothing_found(searched))
    for message in searched.messages:
        print_message(f"{searched.name}: {message}")


def _search(text: str, settings: Settings) -> Iterator[SearchedInput]:
    if text == "-":
        yield from _search_stdin(sys.stdin.buffer.read(MAX_BYTES + 1), settings)
    elif os.path.exists(text):  # noqa: PTH110 - Path.exists raises for long names in Python 3.12
        raw = read_bytes(text)
        if what := describe_traffic(raw, text):
            raise InputError(InputIssue(what, Location(text)))
        yield from _search_document(text, raw, settings)
    elif _HTML_START.match(text):
        yield from _search_document(".html", text.encode(errors="replace"), settings)
    elif pixel := _pasted_pixel(text, settings):
        if _is_foreign_page(pixel, settings):
            host = request_from_url(pixel.url).host
            why = f"{host} is no host of Segment's, and no page is fetched: save it, check the file"
            raise InputError(InputIssue(f"{shortened(text)}: {why}"))
        yield SearchedInput("", (pixel,))
    else:
        why = "No such file or directory; a pixel URL begins with https://"
        raise InputError(InputIssue(f"{shortened(text)}: {why}"))


def _search_stdin(raw: bytes, settings: Settings) -> Iterator[SearchedInput]:
    from pixel_emulator.email.mail_source import is_mail, other_format

    searched = list(_search_document("-", raw, settings))
    is_document = is_mail("-", raw) or _HTML_START.match(raw[:200].decode(errors="replace"))
    is_json_of_html = bool(other_format(raw)) and b"<" in raw
    if is_document or is_json_of_html or any(document.pixels for document in searched):
        yield from searched
        return
    lines = [line.decode(errors="surrogateescape") for line in raw.split(b"\n") if line.strip()]
    pasted = (_pasted_pixel(line, settings) for line in lines)
    pixels = [pixel for pixel in pasted if pixel and not _is_foreign_page(pixel, settings)]
    if not pixels:
        yield from searched
        return
    if (unusable := len(lines) - len(pixels)) and not other_format(raw):
        print_message(f"{_STDIN}: no pixel URL in {unusable} of {len(lines)} lines")
    yield SearchedInput("", tuple(pixels))


def _pasted_pixel(text: str, settings: Settings) -> CheckedPixel | None:
    from pixel_emulator.email.urls import pasted_url

    url = pasted_url(text)
    if url is None:
        return None
    details = ["copied from HTML source: read with & for &amp;"] if url.from_html else []
    classification = _classify(url.url, settings)
    if _is_foreign(url.url, settings) and _has_right_host(classification):
        details.append(_CUSTOM_DOMAIN)
    return CheckedPixel(url.url, "", tuple(details), classification)


def _is_foreign(url: str, settings: Settings) -> bool:
    """Return True if the URL is at none of the emulated hosts."""
    host = request_from_url(url).host.lower().partition(":")[0].rstrip(".")
    return host not in map(str.lower, settings.hosts)


def _is_foreign_page(pixel: CheckedPixel, settings: Settings) -> bool:
    """Return True if neither the host nor the path of a URL is that of a pixel."""
    classification = pixel.classification
    return (
        classification.call is None
        and _has_right_host(classification)
        and _is_foreign(pixel.url, settings)
    )


def _has_right_host(classification: UrlClassification) -> bool:
    """Return True unless the host is invalid or probably a misspelt one of Segment's."""
    return not any(problem.code in _WRONG_HOST_CODES for problem in classification.problems)


def _search_document(name: str, raw: bytes, settings: Settings) -> Iterator[SearchedInput]:
    from pixel_emulator.email.mail_source import read

    shown = {".html": "this HTML", "-": _STDIN}.get(name) or shortened(name)
    for mail in read(name, raw):
        yield _search_mail(f"{shown}, {mail.title}" if mail.title else shown, mail, settings)


def _search_mail(name: str, mail: "Mail", settings: Settings) -> SearchedInput:
    from pixel_emulator.email.limits import LimitError
    from pixel_emulator.email.unrequested import search_html

    pixels: list[CheckedPixel] = []
    hints: dict[str, None] = {}
    reason = mail.reason
    for part in mail.parts:
        try:
            search = search_html(part.html, hosts=settings.hosts, charset=part.url_charset)
        except LimitError as error:
            reason = reason or f"It cannot be read: {error}."
            continue
        pixels += [_checked_pixel(mail, part, pixel, settings) for pixel in search.pixels]
        hints |= dict.fromkeys(shortened(url.sentence) for url in search.unrequested)
    return SearchedInput(name, tuple(pixels), reason, tuple(hints))


def _checked_pixel(
    mail: "Mail", part: "HtmlPart", pixel: "FoundPixel", settings: Settings
) -> CheckedPixel:
    line = f"line {pixel.line}{' of its HTML' if part.in_mail else ''}" if pixel.line else ""
    only_amp = part.is_amp and pixel.element.startswith("amp-") and not pixel.enclosure
    classification = _classify(pixel.url, settings, pixel.raw)
    details = list(_details(part, pixel, only_amp=only_amp))
    if pixel.has_custom_domain and _has_right_host(classification):
        details.append(_CUSTOM_DOMAIN)
    return CheckedPixel(
        pixel.url,
        ", ".join(filter(None, (mail.title, line, shortened(pixel.place)))),
        tuple(map(shortened, details)),
        classification,
        requested=pixel.is_loaded or only_amp,
        only_outlook=pixel.is_outlook_only,
    )


def _details(part: "HtmlPart", pixel: "FoundPixel", *, only_amp: bool) -> Iterator[str]:
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


def _classify(url: str, settings: Settings, raw: str = "") -> UrlClassification:
    learn_from_url(url)
    dialect = Dialect(settings.dialect)
    return classify_url(url, dialect, settings.sources(), hosts=settings.hosts, text=raw)


def _text(searched: SearchedInput, *, colour: bool) -> str:
    in_file = any(pixel.place for pixel in searched.pixels)
    lines = [f"{searched.name}: {_count(len(searched.pixels))}"] if in_file else []
    if not searched.pixels:
        lines = [_nothing_found(searched)]
    for pixel in searched.pixels:
        call, problems = pixel.classification.call, pixel.classification.problems
        word = call_text.outcome_word(pixel.classification.outcome, colour=colour)
        lines.append(f"{word} {call_text.title(call, request_from_url(pixel.url))}")
        facts = [pixel.place, call_text.encoding_text(call) if call else "", *pixel.details]
        lines += [f"    {fact}" for fact in facts if fact]
        if call is None:
            lines.append("    Segment answers 404: the path is none of the six pixel calls")
        lines += (
            [f"    {text}" for text in call_text.payload_text(call).splitlines()] if call else []
        )
        problem_texts = call_text.problem_lines(problems, width=width() - 4, colour=colour)
        lines += [f"    {text}" for text in problem_texts]
        lines.append("")
    return "\n".join([*lines, *searched.messages]).rstrip("\n")


def _count(pixels: int) -> str:
    return "1 pixel" if pixels == 1 else f"{pixels} pixels"


def _nothing_found(searched: SearchedInput) -> str:
    return f"no pixel found in {searched.name}"
