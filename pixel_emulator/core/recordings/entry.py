"""Entries of a recording: exchanges as plain data and back, and a fast reader of their text."""

import json
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

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
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import json_codec, yaml_writer

STORED_HEADERS = frozenset(
    {
        *("accept", "accept-language", "origin", "referer", "user-agent", "via", "x-forwarded-for"),
        *("purpose", "sec-gpc", "sec-purpose", "x-moz", "x-purpose"),
    }
)
"""Headers that are recorded, with every `sec-fetch-…`: they show the client and its purpose."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?*]*)(.*)", re.DOTALL)


def entry(exchange: Exchange) -> Payload:
    """Return an exchange as plain data. The digest comes last, so that a torn entry lacks it."""
    data: Payload = {"seq": exchange.seq, "time": time_text(exchange.time)}
    if exchange.step:
        data["step"] = exchange.step
    data["calls"] = [call_entry(judged) for judged in exchange.calls]
    data["request"] = request_entry(exchange)
    data["digest"] = f"sha256:{exchange.digest}"
    return data


def call_entry(judged: JudgedCall) -> Payload:
    """Return a judged call as plain data of its entry."""
    call = judged.call
    data: Payload = {
        "type": call.type.value,
        "outcome": judged.outcome.value,
        "form": call.form.value,
    }
    if call.alphabet is not None:
        data |= {"alphabet": call.alphabet.value, "padded": call.padded}
    data["payload"] = yaml_writer.flatten_deep(call.payload)
    data["problems"] = [problem.as_data() for problem in judged.problems]
    if judged.source is not None:
        data["source"] = judged.source
    return data


def request_entry(exchange: Exchange) -> Payload:
    """Return the request of an exchange, and the status of its response, as plain data of its
    entry."""
    request = exchange.request
    return {
        "method": request.method,
        "url": request.url,
        "http": request.http_version,
        "client": request.client,
        "headers": _stored(request.headers),
        **_body_entry(request.body),
        "status": exchange.status,
    }


def _body_entry(body: bytes) -> Payload:
    """Return the member for a body: text if it is UTF-8, base64 if not, none if it is empty."""
    if not body:
        return {}
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": b64encode(body).decode()}


def read_exchange(data: Node) -> Exchange:
    """Return the exchange of an entry; the inverse of `entry`. Nothing is classified again.

    A judged call holds all problems, and its call none. Raises InputError if the data is no entry.
    """
    if data["calls"].value is None:
        raise data["calls"].type_error("a list")
    digest = data["digest"].text("sha256:")
    return Exchange(
        seq=data["seq"].number(),
        time=data["time"].time(),
        request=read_request(data["request"]),
        status=data["request"]["status"].number(200),
        calls=tuple(map(_judged, data["calls"].items())),
        digest=digest.removeprefix("sha256:"),
        step=data["step"].text(""),
    )


def _judged(data: Node) -> JudgedCall:
    return JudgedCall(
        call=_call(data),
        outcome=data["outcome"].choice(Outcome),
        problems=tuple(map(_problem, data["problems"].items())),
        source=None if data["source"].value is None else data["source"].text(),
    )


def read_request(data: Node) -> HttpRequest:
    """Return the request of an entry; only the URL is required. Raises InputError."""
    url = _URL.fullmatch(data["url"].text())
    if url is None:
        raise data["url"].type_error("a URL")
    return HttpRequest(
        target=url[3].encode(errors="surrogatepass"),
        method=data["method"].text("GET"),
        scheme=url[1],
        host=url[2],
        http_version=data["http"].text("HTTP/1.1"),
        headers=tuple((name, data["headers"][name].text()) for name in data["headers"].map()),
        client=data["client"].text(""),
        body=_body(data),
    )


def _body(data: Node) -> bytes:
    encoded = data["body_base64"]
    if encoded.value is None:
        return data["body"].text("").encode(errors="surrogatepass")
    try:
        return b64decode(encoded.text(), validate=True)
    except ValueError:
        raise encoded.type_error("base64") from None


def _call(data: Node) -> Call:
    payload = data["payload"]
    if isinstance(payload.value, str):
        try:
            payload = Node(payload.document, payload.at, json_codec.parse(payload.value))
        except ValueError as error:
            raise payload.error(f"is not JSON: {error}") from None
    return Call(
        type=data["type"].choice(CallType),
        form=data["form"].choice(Form),
        payload=None if payload.value is None else payload.map(),
        alphabet=None if data["alphabet"].value is None else data["alphabet"].choice(Alphabet),
        padded=_optional_bool(data["padded"]),
    )


def _optional_bool(data: Node) -> bool | None:
    if isinstance(data.value, bool | None):
        return data.value
    raise data.type_error("true or false")


def _problem(data: Node) -> Problem:
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
    """Return a time as ISO 8601 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_MAX_TEMPLATES = 1_000

_ENTRY = re.compile(
    r"- seq: (?P<seq>[1-9][0-9]{0,15})\n"
    r'  time: "(?P<time>[0-9T:.-]+Z)"\n'
    r"(?P<step>(?:  step: .*\n)?)"
    r"  calls:(?: \[\]\n|\n"
    r"(?P<kind>    - type: .*\n(?:      (?!problems)[a-z]+: .*\n)*+)"
    r"(?:      payload:\n(?P<payload>(?:        .*\n)++))?"
    r"      problems:(?: \[\]\n|\n(?P<problems>(?:        .*\n)++))"
    r"(?P<source>(?:      source: .*\n)?))"
    r"(?P<before>  request:\n    method: .*\n)"
    r"    url: (?P<url>.*)\n"
    r"(?P<after>(?:    (?!body).*\n)++)"
    r"  digest: sha256:(?P<digest>[0-9a-f]{64})\n"
)
"""An entry with at most one call, and without a body."""

_PROBLEM = re.compile(
    r"        - code: (\w+)\n          severity: (\w+)\n          path: (.*)\n"
    r"          message: (.*)\n          source: ([\w-]+)\n"
)


class FastEntryReader:
    """Reads the text of entries that are similar to earlier ones (see `learn`), without YAML.

    `calls_of` returns type and payload of each call of a request, by the request and the status of
    its response.
    """

    def __init__(
        self, calls_of: Callable[[HttpRequest, int], Sequence[tuple[CallType, Payload | None]]]
    ) -> None:
        self._calls_of = calls_of
        self._templates: dict[tuple[str | None, ...], Exchange] = {}

    def read(self, text: str) -> Exchange | None:
        """Return the exchange of an entry, or None if the entry must be read as YAML.

        The payload is that of the request, and the same as in the entry.
        """
        match = _ENTRY.fullmatch(text)
        template = match and self._templates.get(_template_key(match))
        if not match or not template:
            return None
        url = _value(match["url"])
        parts = url is not None and _URL.fullmatch(url)
        problems = _problems(match["problems"] or "")
        if not parts or problems is None:
            return None
        known = template.request
        request = HttpRequest(
            target=parts[3].encode(errors="surrogatepass"),
            method=known.method,
            scheme=known.scheme if known.scheme == parts[1] else parts[1],
            host=known.host if known.host == parts[2] else parts[2],
            http_version=known.http_version,
            headers=known.headers,
            client=known.client,
        )
        calls, carried = template.calls, self._calls_of(request, template.status)
        if len(carried) != len(calls):
            return None
        if calls:
            [judged], [(call_type, payload)] = calls, carried
            call = judged.call
            if call_type is not call.type:
                return None
            if match["payload"] is None:
                if call.payload or payload != call.payload:
                    return None
            elif not payload or not _is_yaml_of(payload, match["payload"]):
                return None
            call = Call(
                type=call.type,
                form=call.form,
                payload=payload,
                alphabet=call.alphabet,
                padded=call.padded,
            )
            calls = (
                JudgedCall(
                    call=call, outcome=judged.outcome, problems=problems, source=judged.source
                ),
            )
        try:
            time = datetime.fromisoformat(match["time"])
        except ValueError:
            return None
        return Exchange(
            seq=int(match["seq"]),
            time=time,
            request=request,
            status=template.status,
            calls=calls,
            digest=match["digest"],
            step=template.step,
        )

    def learn(self, text: str, exchange: Exchange) -> None:
        """Remember an entry that was read as YAML as a template for later ones."""
        match = _ENTRY.fullmatch(text)
        if match is None:
            return
        if len(self._templates) >= _MAX_TEMPLATES:
            self._templates.clear()
        self._templates[_template_key(match)] = exchange
        if self.read(text) != exchange:  # the text differs from what our writer writes
            del self._templates[_template_key(match)]


def _template_key(match: re.Match[str]) -> tuple[str | None, ...]:
    return (
        *match.group("step", "kind", "source", "before", "after"),
        match["payload"] and "",
    )


def _is_yaml_of(payload: Payload, text: str | None) -> bool:
    try:
        return yaml_writer.write(payload, 8) == text
    except ValueError:  # the payload nests too deep
        return False


def _problems(text: str) -> tuple[Problem, ...] | None:
    problems = []
    position = 0
    while match := _PROBLEM.match(text, position):
        position = match.end()
        code, severity, path, message, source = match.groups()
        values = _value(path), _value(message)
        if severity not in Severity or source not in RuleSource or None in values:
            return None
        problems.append(
            Problem(
                sys.intern(code),
                Severity(severity),
                values[0] or "",
                values[1] or "",
                RuleSource(source),
            )
        )
    return tuple(problems) if position == len(text) else None


def _value(text: str) -> str | None:
    """Return the value of a YAML scalar, or None if our writer would write it differently."""
    value = text
    if text[:1] == '"':
        try:
            value = json.loads(text)  # our writer uses only those YAML escapes that JSON has
        except ValueError:
            return None
    return value if yaml_writer.scalar(value) == text else None
