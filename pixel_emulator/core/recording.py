"""The recording format: hits as plain data and back, and what a whole recording is evidence of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from pixel_emulator.core import json_text, yaml_text
from pixel_emulator.core.calls import (
    JSON,
    Alphabet,
    Call,
    CallType,
    Dialect,
    Evidence,
    Form,
    Hit,
    Outcome,
    Payload,
    PixelRequest,
    Problem,
    RuleSource,
    Severity,
)
from pixel_emulator.core.fields import Field
from pixel_emulator.core.mistakes import Document

VERSION = 1
"""The format that is written, and the newest that is read."""

STORED_HEADERS = frozenset(
    "accept accept-language origin purpose referer sec-gpc sec-purpose user-agent via"
    " x-forwarded-for x-moz x-purpose".split()
)
"""Headers that say who asked and why; with them every `sec-fetch-…`, and nothing else."""

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?*]*)(.*)", re.DOTALL)


class Redaction(StrEnum):
    """What was made unreadable in a recording."""

    WRITE_KEYS = "write-keys"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a recording comes from: `run` and `shard` tell runs and their parts from each other,
    `tool` is the version that wrote it, `created` is aware and in UTC."""

    created: datetime
    run: str
    tool: str
    dialect: Dialect = Dialect.DOCUMENTED
    redaction: Redaction = Redaction.WRITE_KEYS
    shard: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a run that ended cleanly counted, and why calls may be missing all the same."""

    calls: int
    connections: int
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that was read: without `end` it is open; `torn` means that its last part was
    cut off and left out."""

    file: str
    head: Head
    hits: tuple[Hit, ...]
    end: End | None = None
    torn: bool = False

    def evidence(self, *, allow_open: bool = False) -> Evidence:
        """The hits, and every reason why some may be missing."""
        return Evidence(
            hits=self.hits,
            connections=self.end.connections if self.end else min(1, len(self.hits)),
            gaps=tuple(self._gaps(allow_open=allow_open)),
            masked=self.head.redaction is Redaction.WRITE_KEYS,
        )

    def _gaps(self, *, allow_open: bool) -> Iterator[str]:
        if self.torn:
            yield f"{self.file} is torn: what follows call {len(self.hits)} was cut off"
        elif self.end is None and not allow_open:
            yield f"{self.file} has no `end`: its run is not over, or was killed (--allow-open)"
        end = self.end
        if end is not None and end.calls != len(self.hits):
            yield f"{self.file} holds {len(self.hits)} calls, but its `end` counts {end.calls}"
        for before, after in pairwise((0, *(hit.seq for hit in self.hits))):
            if after != before + 1:
                yield f"{self.file}: call {before + 1} should come next, but call {after} does"
        yield from end.gaps if end else ()


def opening(head: Head) -> Payload:
    """The head as plain data."""
    return {
        "pixel_recording": VERSION,
        "created": _time_text(head.created),
        "run": head.run,
        "shard": head.shard,
        "tool": head.tool,
        "dialect": head.dialect.value,
        "redaction": head.redaction.value,
    }


def ending(end: Payload) -> Payload:
    """The end as plain data; `connections` comes last, so that an end which is cut off lacks it."""
    others = {key: value for key, value in end.items() if key != "connections"}
    return {"end": {**others, "connections": end.get("connections", 0)}}


def entry(hit: Hit) -> Payload:
    """A hit as plain data; the digest comes last, so that a torn entry lacks it."""
    call, request = hit.call, hit.request
    data: Payload = {"seq": hit.seq, "time": _time_text(hit.time)}
    if call is not None:
        data["type"] = call.type.value
    data["outcome"] = hit.outcome.value
    if call is not None:
        data["form"] = call.form.value
        if call.alphabet is not None:
            data |= {"alphabet": call.alphabet.value, "padded": call.padded}
        deep = yaml_text.nests_too_deep(call.payload)
        data["payload"] = json_text.write(call.payload) if deep else call.payload
    data["problems"] = [
        {
            "code": each.code,
            "severity": each.severity.value,
            "path": each.path,
            "message": each.message,
            "source": each.source.value,
        }
        for each in hit.problems
    ]
    if hit.source is not None:
        data["source"] = hit.source
    data["request"] = {
        "method": request.method,
        "url": request.url,
        "http": request.http_version,
        "client": request.client,
        "headers": _stored(request.headers),
        "status": hit.status,
    }
    data["digest"] = f"sha256:{hit.digest}"
    return data


def hit_of(data: JSON) -> Hit:
    """The hit that `entry` made `data` from. Nothing is judged again.

    The problems of its call all stand in the hit. Raises InputError for anything else.
    """
    return _hit(Field(Document("", data, {}), (), data))


def parse(document: Document, *, torn: bool = False) -> Recording:
    """Read a recording; `torn` says that the end of the file had to be left out.

    A last entry without its digest, and an `end` without its last line, are cut off too. Raises
    InputError for what is no recording, one of a newer version, and wrong values.
    """
    root = Field(document, (), document.data)
    _check_version(root)
    entries = list(root["calls"].items())
    end = root["end"] if "end" in root.map() else None
    if end is None and entries and not _is_whole(entries[-1].value):
        entries, torn = entries[:-1], True
    if end is not None and (end.value is None or "connections" not in end.map()):
        end, torn = None, True
    return Recording(
        file=document.file,
        head=_head(root),
        hits=tuple(map(_hit, entries)),
        end=None if end is None else _end(end),
        torn=torn,
    )


def _check_version(root: Field) -> None:
    data = root.value
    if not isinstance(data, dict) or "pixel_recording" not in data:
        found = "is empty" if data is None else f"is {_described(data)}"
        raise root.error(f"{found}; a recording begins with `pixel_recording: {VERSION}`")
    version = root["pixel_recording"]
    if version.number() > VERSION:
        raise version.error(
            f"was written by a newer version (format {version.value}; this one reads {VERSION}): "
            "upgrade pixel-emulator"
        )
    if version.number() != VERSION:
        raise version.wrong(str(VERSION))
    if "calls" not in data:
        raise root.error("is cut off before its `calls:`, so it holds nothing")


def _described(data: JSON) -> str:
    if not isinstance(data, dict):
        return f"of type {json_text.kind(data)}"
    kinds = {"expect": "a scenario", "scenarios": "a scenario", "steps": "a scenario", "log": "a HAR"}
    found = next((kinds[key] for key in data if key in kinds), None)
    return found or f"something else: its first key is `{next(iter(data), '')}`"


def _is_whole(data: JSON) -> bool:
    digest = data.get("digest") if isinstance(data, dict) else None
    return isinstance(digest, str) and _DIGEST.fullmatch(digest) is not None


def _head(root: Field) -> Head:
    return Head(
        created=root["created"].time(),
        run=root["run"].text(""),
        tool=root["tool"].text(""),
        dialect=root["dialect"].choice(Dialect),
        redaction=root["redaction"].choice(Redaction),
        shard=None if root["shard"].value is None else root["shard"].text(),
    )


def _end(end: Field) -> End:
    return End(
        calls=end["calls"].number(),
        connections=end["connections"].number(),
        gaps=tuple(each.text() for each in end["gaps"].items()),
    )


def _hit(data: Field) -> Hit:
    digest = data["digest"].text("sha256:")
    return Hit(
        seq=data["seq"].number(),
        time=data["time"].time(),
        request=_request(data["request"]),
        status=data["request"]["status"].number(200),
        call=None if data["type"].value is None else _call(data),
        outcome=data["outcome"].choice(Outcome),
        problems=tuple(map(_problem, data["problems"].items())),
        source=None if data["source"].value is None else data["source"].text(),
        digest=digest.removeprefix("sha256:"),
    )


def _request(data: Field) -> PixelRequest:
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
            payload = Field(payload.document, payload.steps, json_text.parse(payload.value))
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


def _time_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
