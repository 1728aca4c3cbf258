"""Routes over what has arrived in a session: list it, add to it, forget it, save it."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from starlette.responses import Response

from pixel_emulator.control.context import RequestContext, json_response
from pixel_emulator.control.problems import wrong_body
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Hit, Payload
from pixel_emulator.core.recordings.entry import entry, read_request, time_text
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.proxy.convert import headers_of

WRITE_KEYS = (MASKED, WHOLE) = ("masked", "whole")
"""How write keys are given; what asserts elsewhere needs to see them whole."""


async def requests(asked: RequestContext) -> Response:
    """All that arrived, as entries of a recording."""
    return _as_asked(asked, await asked.in_thread(_page, asked, entry))


async def calls(asked: RequestContext) -> Response:
    """What could be read as a call, and what would become of it."""
    return _as_asked(asked, await asked.in_thread(_page, asked, _call))


async def receive(asked: RequestContext) -> Response:
    """Record a request as if it had arrived."""
    session = asked.session

    def record() -> Payload:
        document = asked.document()
        field = Node(document, (), document.data)
        known = ("method", "url", "http", "client", "headers")
        if unknown := [each for each in field.map() if each not in known]:
            allowed = ", ".join(known)
            raise InputError(
                *(document.mistake(f"is unknown; allowed are {allowed}", each) for each in unknown)
            )
        request = read_request(replace(field, value={"headers": {}, **field.map()}))
        headers = headers_of((name.encode(), value.encode()) for name, value in request.headers)
        return entry(session.receive(replace(request, headers=headers)))

    try:
        return _as_asked(asked, await asked.in_thread(record), 201)
    except InputError as error:
        raise wrong_body(error) from None


async def clear(asked: RequestContext) -> Response:
    """Forget all that has arrived."""
    asked.session.clear()
    return Response(status_code=204)


async def recording(asked: RequestContext) -> Response:
    """What has arrived, as a recording."""
    session = asked.session

    def saved() -> bytes:
        with tempfile.TemporaryDirectory(dir=asked.emulator.directory) as folder:
            path = Path(folder) / "recording.yaml"
            session.save(path)
            return path.read_bytes()

    text = await asked.in_thread(saved)
    name = f'attachment; filename="{session.name}.yaml"'
    return Response(text, headers={"content-disposition": name}, media_type="application/yaml")


def _as_asked(asked: RequestContext, data: Payload, status: int = 200) -> Response:
    keep = asked.query["write_keys"] == WHOLE
    return json_response(data, status, keep_write_keys=keep)


def _page(asked: RequestContext, shape: Callable[[Hit], Payload | None]) -> Payload:
    session, query = asked.session, asked.query
    # Cleared first: a clear between the two then only makes the cursor too small.
    cleared, evidence = session.cleared, session.evidence()
    start = max(asked.number("since"), cleared)
    new = [hit for hit in evidence.hits if hit.seq > start]
    seen = new[: asked.number("limit")]
    shaped = (shape(hit) for hit in seen if _passes(hit, query))
    return {
        "entries": [each for each in shaped if each is not None],
        "cursor": seen[-1].seq if seen else start,
        "more": len(new) > len(seen),
        "cleared": cleared,
        "connections": evidence.connections,
        "gaps": [*evidence.gaps],
        "acted": {title: time_text(time) for title, time in evidence.acted.items()},
    }


def _passes(hit: Hit, query: Mapping[str, object]) -> bool:
    payload = (hit.call.payload if hit.call else None) or {}
    said = {
        "type": hit.call.type if hit.call else None,
        "outcome": hit.outcome,
        "event": payload.get("event"),
        "userId": payload.get("userId"),
    }
    return all(said[name] == value for name, value in query.items() if name in said)


def _call(hit: Hit) -> Payload | None:
    if hit.call is None:
        return None
    return {
        "seq": hit.seq,
        "time": time_text(hit.time),
        "type": hit.call.type.value,
        "outcome": hit.outcome.value,
        "payload": yaml_writer.shallow(hit.call.payload),
        "problems": [each.as_data() for each in hit.problems],
        "source": hit.source,
    }


async def run(asked: RequestContext) -> Response:
    """Begin a run: no earlier call makes one that comes now a duplicate."""
    clock = _read(asked, "clock", _clock)
    asked.session.begin_run(clock)
    return Response(status_code=204)


async def step(asked: RequestContext) -> Response:
    """Begin a step: what comes now belongs to it."""
    asked.session.begin_step(_read(asked, "title", lambda field: field.text()))
    return Response(status_code=204)


async def acted(asked: RequestContext) -> Response:
    """Note that steps have done what they do."""
    titles = _read(asked, "titles", _texts)
    asked.session.mark_done(*titles)
    return Response(status_code=204)


async def drain(asked: RequestContext) -> Response:
    """Wait until what clients have sent is known and all have gone."""
    seconds = float(asked.query["timeout"])
    return json_response({"gone": await asked.in_thread(asked.emulator.drain, seconds)})


def _read[T](asked: RequestContext, key: str, read: Callable[[Node], T]) -> T:
    """The only key that a body may have. Raises ProblemError with its mistakes."""
    try:
        document = asked.document()
        field = Node(document, (), {} if document.data is None else document.data)
        unknown = [
            document.mistake(f"is unknown; allowed is {key}", each)
            for each in field.map()
            if each != key
        ]
        if not unknown:
            return read(field[key])
    except InputError as error:
        raise wrong_body(error) from None
    raise wrong_body(InputError(*unknown))


def _clock(field: Node) -> datetime | None:
    return None if field.value is None else field.clock()


def _texts(field: Node) -> list[str]:
    if field.value is None:
        raise field.wrong("a list")
    return [each.text() for each in field.items()]
