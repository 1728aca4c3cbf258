"""The text of an entry: `yaml_writer.write([entry(exchange)])`, fast for usual calls.

Most of an entry is the same for all calls of one kind from one client. That text is cached as a
template, and the values of each call are inserted.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from pixel_emulator.core.model import (
    Alphabet,
    Call,
    CallType,
    Exchange,
    Form,
    HttpRequest,
    JudgedCall,
    Outcome,
    Payload,
    Problem,
    RuleSource,
    Severity,
)
from pixel_emulator.core.recordings.entry import call_entry, entry, request_entry, time_text
from pixel_emulator.core.redaction.fast_redaction import EntryFields, masked_fields, unmasked_fields
from pixel_emulator.core.redaction.known_keys import KnownKeys
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.text import yaml_writer

_DATA = "7"
"""The data of a template; it is the end of the URL, after all parts that a client chooses."""


def entry_text(exchange: Exchange, *, masks: bool = True, known: tuple[str, ...] = ()) -> str:
    """Return one entry as YAML, with its write keys masked (see `redact`) if `masks`.

    `known` are write keys that are masked also in places without the name of a key.
    """
    fields = masked_fields(exchange, known) if masks else unmasked_fields(exchange)
    if fields is None:
        return yaml_writer.write([entry(redact(exchange, known) if masks else exchange)])
    return _filled_in(exchange, fields)


def next_entry(exchange: Exchange, known: KnownKeys, *, masks: bool = True) -> str:
    """Return the next entry of a run as YAML, and add its write keys to `known`."""
    fields = masked_fields(exchange, known.keys) if masks else None
    if fields is not None:
        known.add((str((exchange.calls[0].call.payload or {})["writeKey"]),))
        return _filled_in(exchange, fields)
    known.learn(exchange)
    return entry_text(exchange, masks=masks, known=known.keys)


def _filled_in(exchange: Exchange, fields: EntryFields) -> str:
    request = exchange.request
    [judged] = exchange.calls
    call = judged.call
    template = _template(
        _Kind(
            call.type,
            call.alphabet,
            call.padded,
            judged.outcome,
            judged.source,
            exchange.step,
            exchange.status,
        ),
        request.method,
        request.scheme,
        request.host,
        request.http_version,
        request.client,
        request.headers,
    )
    problems = "".join(map(_problem, judged.problems))
    return (
        f"{template.seq}{exchange.seq}{template.time}{_time(exchange.time)}{template.payload}"
        f"{yaml_writer.write(fields.payload, 8)}{template.problems}"
        f"{problems or ' []'}"
        f"{template.url}{fields.data}{template.digest}{exchange.digest}{template.end}"
    )


class _Kind(NamedTuple):
    """The values that calls of one kind have in common."""

    type: CallType
    alphabet: Alphabet | None
    padded: bool | None
    outcome: Outcome
    source: str | None
    step: str
    status: int


class _Template(NamedTuple):
    """The text of an entry around the values of its call; each field is followed by a value."""

    seq: str
    time: str
    payload: str
    problems: str
    url: str
    digest: str
    end: str


@lru_cache(maxsize=256)
def _template(  # noqa: PLR0917 - a cache is faster without keyword arguments
    kind: _Kind,
    method: str,
    scheme: str,
    host: str,
    http_version: str,
    client: str,
    headers: tuple[tuple[str, str], ...],
) -> _Template:
    request = HttpRequest(
        target=f"/v1/pixel/{kind.type}?data={_DATA}".encode(),
        method=method,
        scheme=scheme,
        host=host,
        http_version=http_version,
        headers=headers,
        client=client,
    )
    judged = JudgedCall(
        call=Call(
            type=kind.type,
            form=Form.BASE64,
            payload={},
            alphabet=kind.alphabet,
            padded=kind.padded,
        ),
        outcome=kind.outcome,
        source=kind.source,
    )
    exchange = Exchange(
        seq=1,
        time=datetime.min.replace(tzinfo=UTC),
        request=request,
        status=kind.status,
        calls=(judged,),
        step=kind.step,
    )
    # Each field is written separately: a search could match text that a client has chosen.
    data, call, wire = entry(exchange), call_entry(judged), request_entry(exchange)
    url = yaml_writer.scalar(request.url).removesuffix('"')
    quote = yaml_writer.scalar(request.url)[len(url) :]
    return _Template(
        seq="- seq: ",
        time="\n  time: ",
        payload=(
            f"\n{_between(data, 'time', 'calls', 2)}  calls:\n"
            f"    - {_between(call, '', 'payload', 6)[6:]}      payload:\n"
        ),
        problems="      problems:",
        url=(
            f"\n{_between(call, 'problems', '', 6)}  request:\n"
            f"{_between(wire, '', 'url', 4)}    url: {url.removesuffix(_DATA)}"
        ),
        digest=f"{quote}\n{_between(wire, 'url', '', 4)}  digest: sha256:",
        end="\n",
    )


def _between(data: Payload, after: str, before: str, indent: int) -> str:
    """Return the members between two keys of a map as YAML; an empty key is an end of the map."""
    keys = [*data]
    start = keys.index(after) + 1 if after else 0
    end = keys.index(before) if before else len(keys)
    members = {key: data[key] for key in keys[start:end]}
    return yaml_writer.write(members, indent) if members else ""


def _problem(problem: Problem) -> str:
    start, between, end = _problem_template(problem.code, problem.severity, problem.source)
    path, message = map(yaml_writer.scalar, (problem.path, problem.message))
    return f"{start}{path}{between}{message}{end}"


@lru_cache(maxsize=256)
def _problem_template(code: str, severity: Severity, source: RuleSource) -> tuple[str, str, str]:
    data = Problem(code, severity, "", "", source).as_data()
    start = _between(data, "", "path", 10)
    end = _between(data, "message", "", 10).removesuffix("\n")
    return f"\n        - {start[10:]}          path: ", "\n          message: ", f"\n{end}"


@lru_cache(maxsize=256)  # requests that arrive together have the same time
def _time(time: datetime) -> str:
    return yaml_writer.scalar(time_text(time))
