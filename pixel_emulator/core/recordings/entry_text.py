"""An entry of a recording as text: what `yaml_text` makes of `entry`, quickly for ordinary calls.

Most of an entry is the same for all calls of one kind that a client sends. So its text is made
once, as a form; what differs is filled in.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from pixel_emulator.core import yaml_text
from pixel_emulator.core.calls import (
    Alphabet,
    Call,
    CallType,
    Form,
    Hit,
    Outcome,
    PixelRequest,
    Problem,
    RuleSource,
    Severity,
)
from pixel_emulator.core.recordings.entry import entry, time_text
from pixel_emulator.core.recordings.ordinary import ordinary, unmasked
from pixel_emulator.core.recordings.redaction import redact

_SEQ, _TIME, _DATA, _DIGEST = 7_000_001, datetime(7001, 1, 1, tzinfo=UTC), "7aBc1", "7d" * 32
"""What stands in a form where the values of a call are filled in."""


def entry_text(hit: Hit, *, masks: bool = True, known: tuple[str, ...] = ()) -> str:
    """One entry, with its write keys masked (see `redact`) if it `masks`.

    `known` are write keys that are masked even where nothing says that they are keys.
    """
    said = ordinary(hit, known) if masks else unmasked(hit)
    call, request = hit.call, hit.request
    if said is None or call is None:
        return yaml_text.write([entry(redact(hit, known) if masks else hit)])
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
        f"{yaml_text.write(said.payload, 4)}{form.problems}"
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
    call = Call(
        type=kind.type,
        form=Form.BASE64,
        payload={"7": 7},
        alphabet=kind.alphabet,
        padded=kind.padded,
    )
    hit = Hit(
        seq=_SEQ,
        time=_TIME,
        request=request,
        status=kind.status,
        call=call,
        outcome=kind.outcome,
        source=kind.source,
        digest=_DIGEST,
        step=kind.step,
    )
    rest, pieces = yaml_text.write([entry(hit)]), []
    for value in (str(_SEQ), _time(_TIME), '    "7": 7\n', " []", _DATA, _DIGEST):
        piece, _, rest = rest.partition(value)
        pieces.append(piece)
    return _Form._make((*pieces, rest))


def _problem(problem: Problem) -> str:
    start, between, end = _problem_form(problem.code, problem.severity, problem.source)
    path, message = map(yaml_text.scalar, (problem.path, problem.message))
    return f"{start}{path}{between}{message}{end}"


@lru_cache(maxsize=256)
def _problem_form(code: str, severity: Severity, source: RuleSource) -> tuple[str, str, str]:
    data = Problem(code, severity, "P-7", "M-7", source).as_data()
    start, _, rest = yaml_text.write([data], 4).rstrip().partition("P-7")
    between, _, end = rest.partition("M-7")
    return f"\n{start}", between, end


@lru_cache(maxsize=256)  # those of one read have one time
def _time(time: datetime) -> str:
    return yaml_text.scalar(time_text(time))
