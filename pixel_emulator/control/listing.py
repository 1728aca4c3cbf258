"""Routes over what has arrived in a session: list it, add to it, forget it, save it."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from starlette.responses import Response

from pixel_emulator.control.asked import Asked, json_response
from pixel_emulator.control.problems import wrong_body
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Hit, Payload
from pixel_emulator.core.recordings.entry import entry, read_request, time_text
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.proxy.convert import headers_of

WRITE_KEYS = (MASKED, WHOLE) = ("masked", "whole")
"""How write keys are given; what asserts elsewhere needs to see them whole."""


async def requests(asked: Asked) -> Response:
    """All that arrived, as entries of a recording."""
    return _as_asked(asked, await asked.in_thread(_page, asked, entry))


async def calls(asked: Asked) -> Response:
    """What could be read as a call, and what would become of it."""
    return _as_asked(asked, await asked.in_thread(_page, asked, _call))


async def receive(asked: Asked) -> Response:
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


async def clear(asked: Asked) -> Response:
    """Forget all that has arrived."""
    asked.session.clear()
    return Response(status_code=204)


async def recording(asked: Asked) -> Response:
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


def _as_asked(asked: Asked, data: Payload, status: int = 200) -> Response:
    keep = asked.query["write_keys"] == WHOLE
    return json_response(data, status, keep_write_keys=keep)


def _page(asked: Asked, shape: Callable[[Hit], Payload | None]) -> Payload:
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
