"""Entries of a recording read without a YAML parser, if a recorder has written them.

The entries of one client differ in few values: number, time, payload, problems, URL and digest.
The first entry of a kind is read as YAML; of those like it only these values are read.
"""

import json
import re
import sys
from collections.abc import Callable
from datetime import datetime

from pixel_emulator.core.model import (
    Call,
    CallType,
    Hit,
    Payload,
    PixelRequest,
    Problem,
    RuleSource,
    Severity,
)
from pixel_emulator.core.text import yaml_writer

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
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?*]*)(.*)", re.DOTALL)


class FastReading:
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
        parts = url is not None and _URL.fullmatch(url)
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
