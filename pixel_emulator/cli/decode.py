"""`decode` explains pixel URLs one by one or as a stream; `encode` is its inverse."""

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.terminal import say, show, wants_colour, width
from pixel_emulator.core import call_text
from pixel_emulator.core.endpoint.pixel import encode as encode_url
from pixel_emulator.core.endpoint.pixel import request_from_url
from pixel_emulator.core.errors import InputError, InputIssue, Location, did_you_mean
from pixel_emulator.core.model import JSON, Alphabet, CallType, Dialect, Form, Outcome, Payload
from pixel_emulator.core.problems.classify import Classification, classify_url
from pixel_emulator.core.recordings.foreign_files import explain_non_url
from pixel_emulator.core.text import json_codec
from pixel_emulator.runtime.output import learn_from_url
from pixel_emulator.runtime.settings import Settings

LOST = frozenset({Outcome.DROPPED, Outcome.DAMAGED, Outcome.UNHANDLED})
"""The outcomes that make `check` and `decode --check` fail."""

FORMATS = ("text", "json")
_OBJECTS = {"property": "properties", "trait": "traits"}


@takes_settings("dialect", "source", "keep_write_keys")
def decode(
    urls: Annotated[
        list[str] | None, typer.Argument(help="Pixel URLs, or bare path?query; - reads stdin.")
    ] = None,
    *,
    settings: Settings,
    output: Annotated[str, typer.Option("--format", help="text, or json: an object a line.")] = (
        "text"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 if one is dropped, damaged or no pixel call.")
    ] = False,
) -> int:
    """Explain pixel URLs: what they say, and what Segment would make of them.

    Write keys are masked, unless you say --keep-write-keys. What is no URL ends it with exit code
    2.
    """
    one_of("--format", output, FORMATS)
    if not urls and sys.stdin.isatty():
        say("Reading pixel URLs from the terminal, one a line; end with Ctrl-D.")
    lost, keeps = False, settings.keep_write_keys
    for url in _checked(_inputs(urls or ["-"])):
        if output == "text" and not url.strip():
            continue
        learn_from_url(url)
        judgement = classify_url(
            url, Dialect(settings.dialect), settings.sources(), hosts=settings.hosts
        )
        lost = lost or judgement.outcome in LOST
        if output == "json":
            show(json_codec.write(as_json(url, judgement)), keep_write_keys=keeps, flush=False)
        else:
            text = as_text(url, judgement, width=width(), colour=wants_colour(sys.stdout))
            show(text, keep_write_keys=keeps)
    return int(check and lost)


def _inputs(urls: Iterable[str]) -> Iterator[tuple[str, Location]]:
    for url in urls:
        if url != "-":
            yield url, Location("URL")
            continue
        for number, line in enumerate(sys.stdin.buffer, 1):
            text = line.decode(errors="surrogateescape").rstrip("\r\n")
            yield text, Location("<stdin>", number)


def _checked(inputs: Iterable[tuple[str, Location]]) -> Iterator[str]:
    """Yield the URLs. Raises InputError for the first that is none, such as a line of a log."""
    head: list[str] = []  # comments: the columns of a log stand in its head
    first = Location()
    for text, location in inputs:
        first = first if head else location
        if text.startswith("#"):
            head.append(text)
            continue
        if wrong := explain_non_url("\n".join(head) or text):
            raise InputError(InputIssue(wrong, first))
        yield text
    if wrong := explain_non_url("\n".join(head)):
        raise InputError(InputIssue(wrong, first))


def as_json(url: str, judgement: Classification) -> dict[str, JSON]:
    """One decoded URL as plain data."""
    call = judgement.call
    return {
        "url": url,
        "status": judgement.route.response.status,
        "type": call.type.value if call else None,
        "form": call.form.value if call else None,
        "accepted": call is not None and call.is_decoded,
        "outcome": str(judgement.outcome),
        "payload": call.payload if call else None,
        "problems": [each.as_data() for each in judgement.problems],
    }


def as_text(url: str, judgement: Classification, *, width: int, colour: bool) -> str:
    """One decoded URL for a person."""
    request, call = request_from_url(url), judgement.call
    word = call_text.outcome_word(judgement.outcome, colour=colour)
    lines = [f"{word} {call_text.title(call, request)}"]
    if call is None:
        status = judgement.route.response.status
        lines.append(f"  Segment answers {status} here: the path is none of the six pixel calls.")
    else:
        lines.append(f"  {call_text.encoding_text(call)}")
        lines += [f"    {text}" for text in call_text.payload_text(call).splitlines()]
    found = call_text.problem_lines(judgement.problems, width=width - 2, colour=colour)
    return "\n".join([*lines, *(f"  {text}" for text in found), ""])


def encode(
    call_type: Annotated[str, typer.Argument(metavar="TYPE", help="One of the six calls.")],
    *,
    write_key: Annotated[str, typer.Option(help="The source's write key.")] = "YOUR_WRITE_KEY",
    user_id: Annotated[str | None, typer.Option(help="userId")] = None,
    anonymous_id: Annotated[str | None, typer.Option(help="anonymousId")] = None,
    event: Annotated[str | None, typer.Option(help="event, of track")] = None,
    name: Annotated[str | None, typer.Option(help="name, of page and screen")] = None,
    category: Annotated[str | None, typer.Option(help="category, of page")] = None,
    group_id: Annotated[str | None, typer.Option(help="groupId, of group")] = None,
    previous_id: Annotated[str | None, typer.Option(help="previousId, of alias")] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", help="k=v of properties; v is JSON, or else text."),
    ] = None,
    traits: Annotated[
        list[str] | None, typer.Option("--trait", help="k=v of traits; v is JSON, or else text.")
    ] = None,
    form: Annotated[str, typer.Option(help="base64, flat or json.")] = Form.BASE64.value,
    alphabet: Annotated[str, typer.Option(help="url or std.")] = Alphabet.URL.value,
    padded: Annotated[bool, typer.Option(help="Pad the base64 with =.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Print an <img> element.")] = False,
) -> int:
    """Make a pixel URL."""
    fields = {
        "writeKey": write_key, "userId": user_id, "anonymousId": anonymous_id, "event": event,
        "name": name, "category": category, "groupId": group_id, "previousId": previous_id,
    }  # fmt: skip
    payload: Payload = {key: value for key, value in fields.items() if value is not None}
    for option, pairs in (("property", properties), ("trait", traits)):
        if pairs:
            payload[_OBJECTS[option]] = dict(_pair(option, pair) for pair in pairs)
    try:
        url = encode_url(
            CallType(one_of("TYPE", call_type, CallType)),
            payload,
            form=Form(one_of("--form", form, Form)),
            alphabet=Alphabet(one_of("--alphabet", alphabet, Alphabet)),
            padded=padded,
        )
    except InputError:
        raise
    except ValueError as error:
        raise InputError(InputIssue(str(error))) from None
    escaped = url.replace("&", "&amp;")
    show(
        f'<img src="{escaped}" width="1" height="1" alt="">' if html else url, keep_write_keys=True
    )
    judgement = classify_url(url, Dialect.DOCUMENTED)
    for text in call_text.problem_lines(judgement.problems, width=width()):
        say(text)
    return 0


def one_of(name: str, value: str, allowed: Iterable[str]) -> str:
    """The value, if it is allowed; else raises InputError."""
    names = [str(each) for each in allowed]
    if value not in names:
        raise InputError(
            InputIssue(
                f'{name}: "{value}" is not one of {", ".join(names)}{did_you_mean(value, names)}'
            )
        )
    return value


def _pair(option: str, pair: str) -> tuple[str, JSON]:
    key, equals, text = pair.partition("=")
    if not (key and equals):
        raise InputError(InputIssue(f'--{option}: "{pair}" is not KEY=VALUE'))
    try:
        return key, json_codec.parse(text)
    except ValueError:
        return key, text
