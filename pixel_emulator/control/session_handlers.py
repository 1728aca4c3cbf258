"""Routes that open, close and describe sessions."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from pixel_emulator.control.problems import ProblemError, wrong_body
from pixel_emulator.control.request_context import RequestContext, json_response
from pixel_emulator.core.errors import Document, InputError, did_you_mean
from pixel_emulator.core.model import Dialect, Payload
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.runtime.session import LocalSession
from pixel_emulator.runtime.sessions import DEFAULT, NAME
from pixel_emulator.runtime.settings import Settings


async def sessions(context: RequestContext) -> Response:
    """Return the names of the open sessions."""
    open_sessions = context.emulator.sessions.all()
    return json_response({"sessions": [session.name for session in open_sessions]})


async def open_session(context: RequestContext) -> Response:
    """Open a session with its own port."""
    try:
        name, settings = _read_settings(context.document(), context.emulator.settings)
    except InputError as error:
        raise wrong_body(error) from None
    try:
        session = context.emulator.sessions.open(name, settings=settings)
        data = await context.in_thread(_session_data, context, session)
    except InputError as error:
        raise ProblemError("name-taken", str(error)) from None
    return json_response(data, 201, {"location": f"/sessions/{session.name}"})


async def session(context: RequestContext) -> Response:
    """Return where the clients of a session connect."""
    return json_response(await context.in_thread(_session_data, context, context.session))


async def close_session(context: RequestContext) -> Response:
    """Close a session, and end the requests that wait for its calls."""
    session = context.session
    if session.name == DEFAULT:
        raise ProblemError("default-stays", "It lives as long as the emulator.")
    await context.in_thread(session.close)
    context.state.closed_events.pop(session.name, asyncio.Event()).set()
    return Response(status_code=204)


def _session_data(context: RequestContext, session: LocalSession) -> Payload:
    return {
        "name": session.name,
        "proxy": context.reachable(session.proxy),
        "url": context.reachable(session.url),
        "ca": str(session.ca),
        "bundle": str(session.bundle),
        "spki": session.spki,
        "hosts": [*session.hosts],
    }


def _read_settings(document: Document, settings: Settings) -> tuple[str, Settings]:
    """Return the name and the settings in a body. Raises InputError with its mistakes."""
    root = Node(document, (), {} if document.data is None else document.data)
    allowed = ", ".join(_FIELDS)
    issues = [
        document.issue(f"is unknown{did_you_mean(key, _FIELDS)}; allowed are {allowed}", key)
        for key in root.map()
        if key not in _FIELDS
    ]
    values = {}
    for name, parse in _FIELDS.items():
        if root[name].value is not None:
            try:
                values[name] = parse(root[name])
            except InputError as error:
                issues += error.issues
    if issues:
        raise InputError(*issues)
    name = values.pop("name", "")
    return name, replace(settings, record="", **values)


def _name(field: Node) -> str:
    if not NAME.fullmatch(field.text()):
        raise field.type_error("1 to 64 letters, digits, `-` or `_`")
    return field.text()


def _sources(field: Node) -> tuple[str, ...]:
    pairs = tuple(item.text() for item in field.items())
    try:
        return Settings(source=pairs).source
    except InputError as error:
        raise field.error(error.issues[0].message) from None


def _bool(field: Node) -> bool:
    if isinstance(field.value, bool):
        return field.value
    raise field.type_error("true or false")


_FIELDS: dict[str, Callable[[Node], Any]] = {
    "name": _name,
    "dialect": lambda field: field.choice(Dialect).value,
    "source": _sources,
    "keep_write_keys": _bool,
}
"""Keys of the body that opens a session, and the parser of each."""
