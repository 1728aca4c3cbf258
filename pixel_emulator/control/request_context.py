"""Context of a request to the control API: everything that its handler needs, already parsed."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from pixel_emulator.control.problems import ProblemError
from pixel_emulator.core.errors import Document, InputError, InputIssue, Location
from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.proxy.hosts import is_any_address, is_loopback
from pixel_emulator.runtime.output import redacted
from pixel_emulator.runtime.session import LocalSession

_BODY_NAME = "body"  # file name in mistakes


@dataclass(frozen=True, slots=True)
class AppState:
    """State shared by all requests. `threads` run slow work; `stopping` is set when the server
    stops, and `closed_events` has an event for each session that a request waits for."""

    emulator: Emulator
    threads: Executor
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    closed_events: dict[str, asyncio.Event] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """One request: the application's state, the parsed query parameters, the body as text."""

    state: AppState
    request: Request
    query: Mapping[str, int | float | str]
    body: str

    @property
    def emulator(self) -> Emulator:
        """The emulator that serves the request."""
        return self.state.emulator

    @property
    def session(self) -> LocalSession:
        """The session in the path. Raises ProblemError if it is not open."""
        name: str = self.request.path_params["session"]
        session = self.emulator.sessions.get(name)
        if session is None:
            raise ProblemError("unknown-session", f'"{name}" is closed, or was never opened.')
        return session

    def document(self) -> Document:
        """Return the body as data. Raises InputError with its mistakes."""
        try:
            return parse_document(self.body, _BODY_NAME)
        except InputError:
            # The YAML parser reads JSON, too; a body declared as JSON gets JSON's messages.
            if "json" in self.request.headers.get("content-type", ""):
                _must_be_json(self.body)
            raise

    def number(self, name: str) -> int:
        """Return a query parameter as an int."""
        return int(self.query[name])

    def reachable(self, url: str) -> str:
        """Return a URL of the emulator as the client can reach it.

        An emulator that listens on all addresses does not know which of them other machines use;
        it has the name by which this client reached the control API.
        """
        name = self.request.url.hostname or ""
        if not is_any_address(self.emulator.settings.host) or is_loopback(name):
            return url
        parts = urlsplit(url)
        host = f"[{name}]" if ":" in name else name
        return parts._replace(netloc=f"{host}:{parts.port}").geturl()

    async def in_thread[**P, T](
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function that blocks, or waits for the emulator, outside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.state.threads, lambda: function(*args, **kwargs))

    async def unless_gone[T](self, session: LocalSession, work: Coroutine[None, None, T]) -> T:
        """Return the result of `work`. Cancel it if the client, the session or the emulator is
        gone.

        Raises ProblemError in that case.
        """
        ended = self.state.closed_events.setdefault(session.name, asyncio.Event())
        ends = {
            asyncio.ensure_future(self.state.stopping.wait()): "stopping",
            asyncio.ensure_future(ended.wait()): "session-closed",
            asyncio.ensure_future(self.request.receive()): "stopping",  # the client disconnected
        }
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            kind = next(kind for end, kind in ends.items() if end.done())
            raise ProblemError(kind, "It was waiting for calls.")
        finally:
            for pending in (task, *ends):
                pending.cancel()
            await asyncio.gather(task, *ends, return_exceptions=True)


def _must_be_json(text: str) -> None:
    try:
        json_codec.parse(text)
    except json.JSONDecodeError as error:
        place = Location(_BODY_NAME, error.lineno, error.colno)
        raise InputError(InputIssue(f"not JSON: {error.msg}", place)) from None


def json_response(
    data: JSON,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    keep_write_keys: bool = False,
) -> Response:
    """Return data as a JSON response, with all digits of its numbers; its write keys are masked."""
    text = json_codec.write(data)
    if not keep_write_keys:
        text = redacted(text)
    return Response(text, status, dict(headers or {}), media_type="application/json")
