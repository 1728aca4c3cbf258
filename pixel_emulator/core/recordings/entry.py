"""One entry of a recording: a hit as plain data, and back."""

import re
from datetime import UTC, datetime

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
from pixel_emulator.core.recordings.fields import Field
from pixel_emulator.core.text import json_codec, yaml_writer

STORED_HEADERS = frozenset(
    {
        *("accept", "accept-language", "origin", "referer", "user-agent", "via", "x-forwarded-for"),
        *("purpose", "sec-gpc", "sec-purpose", "x-moz", "x-purpose"),
    }
)
"""Headers that say who asked and why; with them every `sec-fetch-…`, and nothing else."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?*]*)(.*)", re.DOTALL)


def entry(hit: Hit) -> Payload:
    """A hit as plain data; the digest comes last, so that a torn entry lacks it."""
    call = hit.call
    data: Payload = {"seq": hit.seq, "time": time_text(hit.time)}
    if hit.step:
        data["step"] = hit.step
    if call is not None:
        data["type"] = call.type.value
    data["outcome"] = hit.outcome.value
    if call is not None:
        data["form"] = call.form.value
        if call.alphabet is not None:
            data |= {"alphabet": call.alphabet.value, "padded": call.padded}
        data["payload"] = yaml_writer.shallow(call.payload)
    data["problems"] = [each.as_data() for each in hit.problems]
    if hit.source is not None:
        data["source"] = hit.source
    data["request"] = request_entry(hit)
    data["digest"] = f"sha256:{hit.digest}"
    return data


def request_entry(hit: Hit) -> Payload:
    """Return the request of a hit, and the status of its answer, as they stand in its entry."""
    request = hit.request
    return {
        "method": request.method,
        "url": request.url,
        "http": request.http_version,
        "client": request.client,
        "headers": _stored(request.headers),
        "status": hit.status,
    }


def read_hit(data: Field) -> Hit:
    """The hit that `entry` made the data from. Nothing is judged again.

    The problems of its call all stand in the hit. Raises InputError for anything else.
    """
    digest = data["digest"].text("sha256:")
    return Hit(
        seq=data["seq"].number(),
        time=data["time"].time(),
        request=read_request(data["request"]),
        status=data["request"]["status"].number(200),
        call=None if data["type"].value is None else _call(data),
        outcome=data["outcome"].choice(Outcome),
        problems=tuple(map(_problem, data["problems"].items())),
        source=None if data["source"].value is None else data["source"].text(),
        digest=digest.removeprefix("sha256:"),
        step=data["step"].text(""),
    )


def read_request(data: Field) -> PixelRequest:
    """The request of an entry, of which only the URL is needed. Raises InputError."""
    url = _URL.fullmatch(data["url"].text())
    if url is None:
        raise data["url"].wrong("a URL")
    return PixelRequest(
        target=url[3].encode(errors="surrogatepass"),
        method=data["method"].text("GET"),
        scheme=url[1],
        host=url[2],
        http_version=data["http"].text("HTTP/1.1"),
        headers=tuple((name, data["headers"][name].text()) for name in data["headers"].map()),
        client=data["client"].text(""),
    )


def _call(data: Field) -> Call:
    payload = data["payload"]
    if isinstance(payload.value, str):
        try:
            payload = Field(payload.document, payload.steps, json_codec.parse(payload.value))
        except ValueError as error:
            raise payload.error(f"is not JSON: {error}") from None
    return Call(
        type=data["type"].choice(CallType),
        form=data["form"].choice(Form),
        payload=None if payload.value is None else payload.map(),
        alphabet=None if data["alphabet"].value is None else data["alphabet"].choice(Alphabet),
        padded=_truth(data["padded"]),
    )


def _truth(data: Field) -> bool | None:
    if isinstance(data.value, bool | None):
        return data.value
    raise data.wrong("true or false")


def _problem(data: Field) -> Problem:
    return Problem(
        code=data["code"].text(),
        severity=data["severity"].choice(Severity),
        path=data["path"].text(""),
        message=data["message"].text(),
        source=data["source"].choice(RuleSource),
    )


def _stored(headers: tuple[tuple[str, str], ...]) -> Payload:
    stored: dict[str, str] = {}
    for name, value in headers:
        if name in STORED_HEADERS or name.startswith("sec-fetch-"):
            stored[name] = f"{stored[name]}, {value}" if name in stored else value
    return {**stored}


def time_text(time: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
