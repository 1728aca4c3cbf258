"""One entry of a recording: a hit as plain data, and back."""

import json
import re
import sys
from collections.abc import Callable
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
from pixel_emulator.core.recordings.typed_reader import Node
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
        data["payload"] = yaml_writer.flatten_deep(call.payload)
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


def read_hit(data: Node) -> Hit:
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


def read_request(data: Node) -> PixelRequest:
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
        padded=_truth(data["padded"]),
    )


def _truth(data: Node) -> bool | None:
    if isinstance(data.value, bool | None):
        return data.value
    raise data.wrong("true or false")


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
    """ISO 8601 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_MOST_KINDS = 1_000

_ENTRY = re.compile(
    r"- seq: (?P<seq>[1-9][0-9]{0,15})\n"
    r'  time: "(?P<time>[0-9T:.-]+Z)"\n'
    r"(?P<kind>(?:  (?!problems)[a-z]+: .*\n)*+)"
    r"(?:  payload:\n(?P<payload>(?:    .*\n)++))?"
    r"  problems:(?: \[\]\n|\n(?P<problems>(?:    .*\n)++))"
    r"(?P<before>(?:  source: .*\n)?  request:\n    method: .*\n)"
    r"    url: (?P<url>.*)\n"
    r"(?P<behind>(?:    .*\n)++)"
    r"  digest: sha256:(?P<digest>[0-9a-f]{64})\n"
)
_PROBLEM = re.compile(
    r"    - code: (\w+)\n      severity: (\w+)\n      path: (.*)\n      message: (.*)\n"
    r"      source: ([\w-]+)\n"
)
_URL_KEY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?*]*)(.*)", re.DOTALL)


class FastEntryReader:
    """Reads entries like those that it has `seen`.

    `payload_of` decodes the query of a request of a type, as far as its status allows that.
    """

    def __init__(self, payload_of: Callable[[CallType, bytes, int], Payload | None]) -> None:
        self._payload_of = payload_of
        self._kinds: dict[tuple[str | None, ...], Hit] = {}

    def read(self, text: str) -> Hit | None:
        """The hit of an entry; None for one that has to be read as YAML.

        Its payload is what its URL says.
        """
        match = _ENTRY.fullmatch(text)
        like = match and self._kinds.get(_kind(match))
        if not match or not like:
            return None
        url = _value(match["url"])
        parts = url is not None and _URL_KEY.fullmatch(url)
        problems = _problems(match["problems"] or "")
        if not parts or problems is None:
            return None
        request, call = like.request, like.call
        target = parts[3].encode(errors="surrogatepass")
        if call is not None:
            payload = self._payload_of(call.type, target.partition(b"?")[2], like.status)
            if match["payload"] is None:
                if call.payload or payload != call.payload:
                    return None
            elif not payload or not _is_text_of(payload, match["payload"]):
                return None
            call = Call(
                type=call.type,
                form=call.form,
                payload=payload,
                alphabet=call.alphabet,
                padded=call.padded,
            )
        try:
            time = datetime.fromisoformat(match["time"])
        except ValueError:
            return None
        return Hit(
            seq=int(match["seq"]),
            time=time,
            request=PixelRequest(
                target=target,
                method=request.method,
                scheme=request.scheme if request.scheme == parts[1] else parts[1],
                host=request.host if request.host == parts[2] else parts[2],
                http_version=request.http_version,
                headers=request.headers,
                client=request.client,
            ),
            status=like.status,
            call=call,
            outcome=like.outcome,
            problems=problems,
            source=like.source,
            digest=match["digest"],
            step=like.step,
        )

    def seen(self, text: str, hit: Hit) -> None:
        """Remember an entry that was read as YAML, and the hit that it came to."""
        match = _ENTRY.fullmatch(text)
        if match is None or (hit.call is None and match["payload"] is not None):
            return
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[_kind(match)] = hit
        if self.read(text) != hit:  # it stands there in another way than a recorder writes it
            del self._kinds[_kind(match)]


def _kind(match: re.Match[str]) -> tuple[str | None, ...]:
    return match["kind"], match["before"], match["behind"], match["payload"] and ""


def _is_text_of(payload: Payload, text: str | None) -> bool:
    try:
        return yaml_writer.write(payload, 4) == text
    except ValueError:  # it nests too deep
        return False


def _problems(text: str) -> tuple[Problem, ...] | None:
    found = []
    position = 0
    while match := _PROBLEM.match(text, position):
        position = match.end()
        code, severity, path, message, source = match.groups()
        values = _value(path), _value(message)
        if severity not in Severity or source not in RuleSource or None in values:
            return None
        found.append(
            Problem(
                sys.intern(code),
                Severity(severity),
                values[0] or "",
                values[1] or "",
                RuleSource(source),
            )
        )
    return tuple(found) if position == len(text) else None


def _value(text: str) -> str | None:
    """The value of a text as a recorder writes it; None for what stands there in another way."""
    value = text
    if text[:1] == '"':
        try:
            value = json.loads(text)  # of the escapes in YAML a recorder writes those of JSON
        except ValueError:
            return None
    return value if yaml_writer.scalar(value) == text else None
