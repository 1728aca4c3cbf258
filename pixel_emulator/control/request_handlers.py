"""Routes for the requests of a session: list, add, clear and save them; runs, steps, draining."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from starlette.responses import Response

from pixel_emulator.control.problems import wrong_body
from pixel_emulator.control.request_context import RequestContext, json_response
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Hit, Payload, exchanges_of
from pixel_emulator.core.recordings.entry import entry, read_request, time_text
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.proxy.convert import headers_of

WRITE_KEYS = (MASKED, UNMASKED) = ("masked", "whole")
"""How write keys are shown. Clients that make assertions about them need them unmasked."""


async def requests(context: RequestContext) -> Response:
    """Return all requests as entries of a recording."""
    return _response(context, await context.in_thread(_page, context, _entries))


async def calls(context: RequestContext) -> Response:
    """Return the calls and their outcomes."""
    return _response(context, await context.in_thread(_page, context, _calls))


async def receive(context: RequestContext) -> Response:
    """Record a request as if it had arrived."""
    session = context.session

    def record() -> Payload:
        document = context.document()
        root = Node(document, (), document.data)
        allowed_keys = ("method", "url", "http", "client", "headers")
        if unknown := [key for key in root.map() if key not in allowed_keys]:
            allowed = ", ".join(allowed_keys)
            raise InputError(
                *(document.issue(f"is unknown; allowed are {allowed}", key) for key in unknown)
            )
        fields = {key: value for key, value in root.map().items() if value is not None}
        request = read_request(replace(root, value={"headers": {}, **fields}))
        headers = headers_of(
            (name.encode(errors="replace"), value.encode(errors="replace"))
            for name, value in request.headers
        )
        return entry(session.receive(replace(request, headers=headers)))

    try:
        return _response(context, await context.in_thread(record), 201)
    except InputError as error:
        raise wrong_body(error) from None


async def clear(context: RequestContext) -> Response:
    """Forget everything that has arrived."""
    context.session.clear()
    return Response(status_code=204)


async def recording(context: RequestContext) -> Response:
    """Return everything that has arrived as a recording."""
    session = context.session

    def save() -> bytes:
        with tempfile.TemporaryDirectory(dir=context.emulator.directory) as folder:
            path = Path(folder) / "recording.yaml"
            session.save(path)
            return path.read_bytes()

    text = await context.in_thread(save)
    name = f'attachment; filename="{session.name}.yaml"'
    return Response(text, headers={"content-disposition": name}, media_type="application/yaml")


def _response(context: RequestContext, data: Payload, status: int = 200) -> Response:
    keep = context.query["write_keys"] == UNMASKED
    return json_response(data, status, keep_write_keys=keep)


def _page(
    context: RequestContext, to_data: Callable[[Iterable[Hit]], Iterable[Payload]]
) -> Payload:
    session, query = context.session, context.query
    # Read `cleared` first: a clear between the two then only makes the cursor too small.
    cleared, evidence = session.cleared, session.evidence()
    start = max(context.number("since"), cleared)
    new = [hit for hit in evidence.hits if hit.seq > start]
    seen = new[: context.number("limit")]
    if seen:  # a page ends with the last call of an exchange
        last = seen[-1]
        seen = new[: len(seen) + last.exchange.width - last.index - 1]
    return {
        "entries": [*to_data(hit for hit in seen if _is_selected(hit, query))],
        "cursor": seen[-1].seq if seen else start,
        "more": len(new) > len(seen),
        "cleared": cleared,
        "connections": evidence.connections,
        "gaps": [*evidence.gaps],
        "acted": {title: time_text(time) for title, time in evidence.acted.items()},
    }


def _is_selected(hit: Hit, query: Mapping[str, object]) -> bool:
    payload = (hit.call.payload if hit.call else None) or {}
    values = {
        "type": hit.call.type if hit.call else None,
        "outcome": hit.outcome,
        "event": payload.get("event"),
        "userId": payload.get("userId"),
    }
    return all(values[name] == value for name, value in query.items() if name in values)


def _entries(hits: Iterable[Hit]) -> Iterator[Payload]:
    return map(entry, exchanges_of(hits))


def _calls(hits: Iterable[Hit]) -> Iterator[Payload]:
    for hit in hits:
        if hit.call is not None:
            yield {
                "seq": hit.seq,
                "time": time_text(hit.time),
                "type": hit.call.type.value,
                "outcome": hit.outcome.value,
                "payload": yaml_writer.flatten_deep(hit.call.payload),
                "problems": [problem.as_data() for problem in hit.problems],
                "source": hit.source,
            }


async def run(context: RequestContext) -> Response:
    """Begin a run: no earlier call makes a later one a duplicate."""
    clock = _body_value(context, "clock", _parse_clock)
    context.session.begin_run(clock)
    return Response(status_code=204)


async def step(context: RequestContext) -> Response:
    """Begin a step: what arrives from now on belongs to it."""
    context.session.begin_step(_body_value(context, "title", _parse_title))
    return Response(status_code=204)


async def acted(context: RequestContext) -> Response:
    """Note that the actions of steps have ended."""
    titles = _body_value(context, "titles", _parse_texts)
    context.session.mark_done(*titles)
    return Response(status_code=204)


async def drain(context: RequestContext) -> Response:
    """Wait until everything that clients have sent is known and all have disconnected."""
    seconds = float(context.query["timeout"])
    return json_response({"gone": await context.in_thread(context.emulator.drain, seconds)})


def _body_value[T](context: RequestContext, key: str, parse: Callable[[Node], T]) -> T:
    """Return the value of `key`, the only key that a body may have.

    Raises ProblemError with the mistakes of the body.
    """
    try:
        document = context.document()
        root = Node(document, (), {} if document.data is None else document.data)
        unknown = [
            document.issue(f"is unknown; allowed is {key}", name)
            for name in root.map()
            if name != key
        ]
        if not unknown:
            return parse(root[key])
    except InputError as error:
        raise wrong_body(error) from None
    raise wrong_body(InputError(*unknown))


def _parse_clock(field: Node) -> datetime | None:
    return None if field.value is None else field.clock()


def _parse_texts(field: Node) -> list[str]:
    if field.value is None:
        raise field.type_error("a list")
    return [_parse_title(title) for title in field.items()]


def _parse_title(field: Node) -> str:
    """Return a title; half a surrogate pair is replaced: not every client could read it back."""
    return field.text().encode("utf-16", "surrogatepass").decode("utf-16", "replace")
