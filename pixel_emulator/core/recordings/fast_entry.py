"""An entry of a recording as text: what `yaml_writer` makes of `entry`, quickly for ordinary calls.

Most of an entry is the same for all calls of one kind that a client sends. So its text is made
once, as a form; what differs is filled in.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from pixel_emulator.core.model import (
    Alphabet,
    Call,
    CallType,
    Form,
    Hit,
    Outcome,
    Payload,
    PixelRequest,
    Problem,
    RuleSource,
    Severity,
)
from pixel_emulator.core.recordings.entry import entry, request_entry, time_text
from pixel_emulator.core.redaction.fast_redaction import EntryFields, masked_fields, unmasked_fields
from pixel_emulator.core.redaction.known_keys import KnownKeys
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.text import yaml_writer

_DATA = "7"
"""Data of a form; it stands at the end of the URL, behind all that a client has chosen."""


def entry_text(hit: Hit, *, masks: bool = True, known: tuple[str, ...] = ()) -> str:
    """One entry, with its write keys masked (see `redact`) if it `masks`.

    `known` are write keys that are masked even where nothing says that they are keys.
    """
    said = masked_fields(hit, known) if masks else unmasked_fields(hit)
    if said is None or hit.call is None:
        return yaml_writer.write([entry(redact(hit, known) if masks else hit)])
    return _filled_in(hit, hit.call, said)


def next_entry(hit: Hit, known: KnownKeys, *, masks: bool = True) -> str:
    """Return the next entry of a run, and remember its keys for those that follow."""
    said = masked_fields(hit, known.keys) if masks else None
    if said is not None and hit.call and hit.call.payload:
        known.add((str(hit.call.payload["writeKey"]),))
        return _filled_in(hit, hit.call, said)
    known.learn(hit)
    return entry_text(hit, masks=masks, known=known.keys)


def _filled_in(hit: Hit, call: Call, said: EntryFields) -> str:
    request = hit.request
    form = _form(
        _Kind(call.type, call.alphabet, call.padded, hit.outcome, hit.source, hit.step, hit.status),
        request.method,
        request.scheme,
        request.host,
        request.http_version,
        request.client,
        request.headers,
    )
    problems = "".join(map(_problem, hit.problems))
    return (
        f"{form.seq}{hit.seq}{form.time}{_time(hit.time)}{form.payload}"
        f"{yaml_writer.write(said.payload, 4)}{form.problems}"
        f"{problems or ' []'}"
        f"{form.url}{said.data}{form.digest}{hit.digest}{form.end}"
    )


class _Kind(NamedTuple):
    """What calls of one kind have in common."""

    type: CallType
    alphabet: Alphabet | None
    padded: bool | None
    outcome: Outcome
    source: str | None
    step: str
    status: int


class _Form(NamedTuple):
    """An entry without the values of its call; each piece ends where one of them begins."""

    seq: str
    time: str
    payload: str
    problems: str
    url: str
    digest: str
    end: str


@lru_cache(maxsize=256)
def _form(  # noqa: PLR0917 - a cache is quicker without names
    kind: _Kind,
    method: str,
    scheme: str,
    host: str,
    http_version: str,
    client: str,
    headers: tuple[tuple[str, str], ...],
) -> _Form:
    request = PixelRequest(
        target=f"/v1/pixel/{kind.type}?data={_DATA}".encode(),
        method=method,
        scheme=scheme,
        host=host,
        http_version=http_version,
        headers=headers,
        client=client,
    )
    hit = Hit(
        seq=1,
        time=datetime.min.replace(tzinfo=UTC),
        request=request,
        status=kind.status,
        call=Call(
            type=kind.type,
            form=Form.BASE64,
            payload={},
            alphabet=kind.alphabet,
            padded=kind.padded,
        ),
        outcome=kind.outcome,
        source=kind.source,
        step=kind.step,
    )
    # Each piece is written by itself: nothing is searched for in text that clients have a part in.
    data, wire = entry(hit), request_entry(hit)
    url = yaml_writer.scalar(request.url).removesuffix('"')
    quote = yaml_writer.scalar(request.url)[len(url) :]
    return _Form(
        seq="- seq: ",
        time="\n  time: ",
        payload=f"\n{_between(data, 'time', 'payload', 2)}  payload:\n",
        problems="  problems:",
        url=(
            f"\n{_between(data, 'problems', 'request', 2)}  request:\n"
            f"{_between(wire, '', 'url', 4)}    url: {url.removesuffix(_DATA)}"
        ),
        digest=f"{quote}\n{_between(wire, 'url', '', 4)}  digest: sha256:",
        end="\n",
    )


def _between(data: Payload, after: str, before: str, indent: int) -> str:
    """Return the members of a map between two of its keys, as lines; no key is either end."""
    keys = [*data]
    start = keys.index(after) + 1 if after else 0
    end = keys.index(before) if before else len(keys)
    found = {key: data[key] for key in keys[start:end]}
    return yaml_writer.write(found, indent) if found else ""


def _problem(problem: Problem) -> str:
    start, between, end = _problem_form(problem.code, problem.severity, problem.source)
    path, message = map(yaml_writer.scalar, (problem.path, problem.message))
    return f"{start}{path}{between}{message}{end}"


@lru_cache(maxsize=256)
def _problem_form(code: str, severity: Severity, source: RuleSource) -> tuple[str, str, str]:
    data = Problem(code, severity, "", "", source).as_data()
    start = _between(data, "", "path", 6)
    end = _between(data, "message", "", 6).removesuffix("\n")
    return f"\n    - {start[6:]}      path: ", "\n      message: ", f"\n{end}"


@lru_cache(maxsize=256)  # those of one read have one time
def _time(time: datetime) -> str:
    return yaml_writer.scalar(time_text(time))
