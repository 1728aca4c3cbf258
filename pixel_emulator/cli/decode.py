"""`decode` explains pixel URLs, `explain` problem codes; `encode` makes a URL."""

import sys
from collections.abc import Iterable, Iterator
from textwrap import wrap

from pixel_emulator.cli.commands import argument, command, option, takes_settings
from pixel_emulator.cli.terminal import print_message, print_result, wants_colour, width
from pixel_emulator.core import call_text
from pixel_emulator.core.endpoint.urls import encode as encode_url
from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.errors import InputError, InputIssue, Location, did_you_mean
from pixel_emulator.core.model import (
    JSON,
    Alphabet,
    CallType,
    Dialect,
    Form,
    Outcome,
    Payload,
    RuleSource,
    Severity,
)
from pixel_emulator.core.problems.catalog import RULES, Rule
from pixel_emulator.core.problems.classify import UrlClassification, classify_url
from pixel_emulator.core.recordings.foreign_files import explain_non_url
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import cut
from pixel_emulator.runtime.output import learn_from_url
from pixel_emulator.runtime.settings import Settings

LOST_OUTCOMES = frozenset({Outcome.DROPPED, Outcome.DAMAGED, Outcome.UNHANDLED})
"""Outcomes for which `check` and `decode --check` exit with 1."""

FORMATS = ("text", "json")
lines_format_option = option(
    "--format",
    "output",
    default="text",
    choices=FORMATS,
    help="text, or json: an object a line.",
)
_FIELDS = (
    *("writeKey", "userId", "anonymousId", "event", "name", "category", "groupId", "previousId"),
)
"""Fields of a payload that `encode` takes from options of their own, in the payload's order."""
_FIELD_OF_OPTION = {"property": "properties", "trait": "traits"}


@command(example="pixel-emulator decode '/v1/pixel/track?userId=user_1&event=Paid&writeKey=wk'")
@argument(
    "urls",
    metavar="URL...",
    nargs=-1,
    required=False,
    help="Pixel URLs, or bare path?query; - reads stdin.",
)
@lines_format_option
@option("--check", is_flag=True, help="Exit 1 if one is dropped, damaged or no pixel call.")
@takes_settings("dialect", "source", "keep_write_keys")
def decode(urls: tuple[str, ...], *, settings: Settings, output: str, check: bool) -> int:
    """Explain pixel URLs: what they say, and what Segment would make of them.

    Write keys are masked, unless you say --keep-write-keys. What is no URL ends it with exit code
    2.
    """
    one_of("--format", output, FORMATS)
    if not urls and sys.stdin.isatty():
        print_message("Reading pixel URLs from the terminal, one a line; end with Ctrl-D.")
    lost, keeps = False, settings.keep_write_keys
    for url in _valid_urls(_lines_or_urls(urls or ["-"])):
        if output == "text" and not url.strip():
            continue
        learn_from_url(url)
        classification = classify_url(
            url, Dialect(settings.dialect), settings.sources(), hosts=settings.hosts
        )
        lost = lost or classification.outcome in LOST_OUTCOMES
        if output == "json":
            print_result(
                json_codec.write(as_json(url, classification)), keep_write_keys=keeps, flush=False
            )
        else:
            text = as_text(url, classification, width=width(), colour=wants_colour(sys.stdout))
            print_result(text, keep_write_keys=keeps)
    return int(check and lost)


def _lines_or_urls(urls: Iterable[str]) -> Iterator[tuple[str, Location]]:
    for url in urls:
        if url != "-":
            yield url, Location("URL")
            continue
        for number, line in enumerate(sys.stdin.buffer, 1):
            text = line.decode(errors="surrogateescape").rstrip("\r\n")
            yield text, Location("<stdin>", number)


def _valid_urls(inputs: Iterable[tuple[str, Location]]) -> Iterator[str]:
    """Yield the URLs. Raises InputError for the first text that is none, such as a line of a
    log."""
    head: list[str] = []  # comment lines: in a log they name its columns
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


def as_json(url: str, classification: UrlClassification) -> dict[str, JSON]:
    """Return one decoded URL as plain data."""
    call = classification.call
    return {
        "url": url,
        "status": classification.route.response.status,
        "type": call.type.value if call else None,
        "form": call.form.value if call else None,
        "accepted": call is not None and call.is_decoded,
        "outcome": str(classification.outcome),
        "payload": call.payload if call else None,
        "problems": [problem.as_data() for problem in classification.problems],
    }


def as_text(url: str, classification: UrlClassification, *, width: int, colour: bool) -> str:
    """Return one decoded URL as text for people."""
    request, call = request_from_url(url), classification.call
    word = call_text.outcome_word(classification.outcome, colour=colour)
    lines = [f"{word} {call_text.title(call, request)}"]
    if call is None:
        status = classification.route.response.status
        lines.append(f"  Segment answers {status} here: the path is none of the six pixel calls.")
    else:
        lines.append(f"  {call_text.encoding_text(call)}")
        lines += [f"    {text}" for text in call_text.payload_text(call).splitlines()]
    problems = call_text.problem_lines(classification.problems, width=width - 2, colour=colour)
    return "\n".join([*lines, *(f"  {text}" for text in problems), ""])


@command(example='pixel-emulator encode track --user-id user_1 --event "Email Opened"')
@argument("call_type", metavar="TYPE", choices=CallType, help="One of the six calls.")
@option("--write-key", "writeKey", default="YOUR_WRITE_KEY", help="The source's write key.")
@option("--user-id", "userId", help="userId")
@option("--anonymous-id", "anonymousId", help="anonymousId")
@option("--event", help="event, of track")
@option("--name", help="name, of page and screen")
@option("--category", help="category, of page")
@option("--group-id", "groupId", help="groupId, of group")
@option("--previous-id", "previousId", help="previousId, of alias")
@option(
    "--property",
    "properties",
    multiple=True,
    help="k=v of properties; v is JSON, or else text.",
)
@option("--trait", "traits", multiple=True, help="k=v of traits; v is JSON, or else text.")
@option("--form", default=Form.BASE64.value, choices=Form, help="base64, flat or json.")
@option("--alphabet", default=Alphabet.URL.value, choices=Alphabet, help="url or std.")
@option("--padded/--no-padded", default=False, show_default=True, help="Pad the base64 with =.")
@option("--html", is_flag=True, help="Print an <img> element.")
def encode(
    call_type: str,
    *,
    properties: tuple[str, ...],
    traits: tuple[str, ...],
    form: str,
    alphabet: str,
    padded: bool,
    html: bool,
    **fields: str | None,
) -> int:
    """Make a pixel URL."""
    payload: Payload = {key: value for key in _FIELDS if (value := fields[key]) is not None}
    for word, pairs in (("property", properties), ("trait", traits)):
        if pairs:
            payload[_FIELD_OF_OPTION[word]] = dict(_pair(word, pair) for pair in pairs)
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
    print_result(
        f'<img src="{escaped}" width="1" height="1" alt="">' if html else url, keep_write_keys=True
    )
    classification = classify_url(url, Dialect.DOCUMENTED)
    for text in call_text.problem_lines(classification.problems, width=width()):
        print_message(text)
    return 0


SEVERITIES = {
    Severity.DROP: "Segment drops the call",
    Severity.DAMAGE: "the call says something else than its sender meant, or never reaches Segment",
    Severity.NOTE: "a remark; by itself it makes no call dropped or damaged",
}
SOURCES = {
    RuleSource.DOCUMENTED: "Segment's documentation says so",
    RuleSource.SEGMENT_2018: "the source of the endpoint says so that Segment published in 2018; "
    "today's endpoint may differ",
    RuleSource.INFERRED: "Segment says nothing about it; the rule follows from what its "
    "documentation and source do say, and from how clients behave",
}
MAX_URL = 400
"""Characters of an example's URL that are shown."""


@command(example="pixel-emulator explain no_user_anon_id")
@argument(
    "code",
    metavar="CODE",
    required=False,
    choices=RULES,
    help="A problem code; without one, all are listed.",
)
def explain(code: str | None) -> int:
    """Explain a problem code: what it means, where the rule comes from, an example, the remedy."""
    if code is None:
        longest = max(map(len, RULES))
        for rule in RULES.values():
            print_result(f"{rule.code:<{longest}}  {rule.severity:<6}  {rule.source}", flush=False)
        return 0
    if code not in RULES:
        raise InputError(
            InputIssue(
                f'explain: there is no code "{cut(code, 100)}"{did_you_mean(code, RULES)}; '
                "`pixel-emulator explain` lists all"
            )
        )
    # The write keys of the examples are made up: masked, an example could not be pasted.
    print_result(explanation(RULES[code], width=width()), keep_write_keys=True)
    return 0


def explanation(rule: Rule, *, width: int) -> str:
    """Return the page of a problem code as text."""
    url = rule.example.whole_url()
    lines = [
        rule.code,
        *_paragraph("What is wrong", fact_with_names(rule), width),
        *_paragraph("What it means", rule.effect, width),
        *_paragraph("Severity", f"{rule.severity}: {SEVERITIES[rule.severity]}.", width),
        *_paragraph("Evidence", f"{rule.source}: {SOURCES[rule.source]}.", width),
        *("", "An example", f"  {cut(url, MAX_URL)}"),
        *(f"  {remark}" for remark in example_remarks(rule)),
    ]
    return "\n".join([*lines, *_paragraph("How to mend it", rule.mend, width)])


def example_remarks(rule: Rule) -> list[str]:
    """Return what its URL, as shown, does not tell about the example of a code."""
    length, requests = len(rule.example.whole_url()), rule.example.requests
    return [
        *([f"requested {requests} times"] if requests > 1 else []),
        *([f"shortened: the URL has {length:,} characters"] if length > MAX_URL else []),
    ]


def fact_with_names(rule: Rule) -> str:
    """Return what is wrong as a sentence; names in angle brackets stand for what differs."""
    return f"{rule.fact.replace('{', '<').replace('}', '>')}."


def _paragraph(title: str, text: str, width: int) -> list[str]:
    return ["", title, *(f"  {line}" for line in wrap(text, max(40, width - 2)))]


def one_of(name: str, value: str, allowed: Iterable[str]) -> str:
    """Return the value. Raises InputError if it is not one of those allowed."""
    names = [str(item) for item in allowed]
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
