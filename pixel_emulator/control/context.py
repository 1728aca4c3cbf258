"""A request to the control API as its handler sees it: everything read, nothing wrong with it."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from pixel_emulator.control.problems import ProblemError
from pixel_emulator.core.errors import Document, InputError, InputIssue, Location
from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.output import redacted
from pixel_emulator.runtime.session import LocalSession

_BODY_NAME = "body"  # as the file of a mistake


@dataclass(frozen=True, slots=True)
class AppState:
    """What all requests share. `threads` do what takes long; `stopping` is set at the end, and
    `ended` has an event for each session that somebody waits for."""

    emulator: Emulator
    threads: Executor
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    closed_events: dict[str, asyncio.Event] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """One request: its backend, its query with all values read, its body as text."""

    state: AppState
    request: Request
    query: Mapping[str, int | float | str]
    body: str

    @property
    def emulator(self) -> Emulator:
        """The emulator that it is about."""
        return self.state.emulator

    @property
    def session(self) -> LocalSession:
        """The session in its path. Raises ProblemError where it is not open."""
        name: str = self.request.path_params["session"]
        session = self.emulator.sessions.get(name)
        if session is None:
            raise ProblemError("unknown-session", f'"{name}" is closed, or was never opened.')
        return session

    def document(self) -> Document:
        """The body as data. Raises InputError with its mistakes."""
        try:
            return parse_document(self.body, _BODY_NAME)
        except InputError:
            # All JSON is YAML, too, but who says that it is JSON is told of that.
            if "json" in self.request.headers.get("content-type", ""):
                _must_be_json(self.body)
            raise

    def number(self, name: str) -> int:
        """A whole number of the query."""
        return int(self.query[name])

    async def in_thread[**P, T](
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do what takes long, or waits for the emulator, outside its loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.state.threads, lambda: function(*args, **kwargs))

    async def unless_gone[T](self, session: LocalSession, work: Coroutine[None, None, T]) -> T:
        """What `work` comes to, as long as the client, the session and the emulator are there.

        Raises ProblemError where one of them is gone first.
        """
        ended = self.state.closed_events.setdefault(session.name, asyncio.Event())
        ends = {
            asyncio.ensure_future(self.state.stopping.wait()): "stopping",
            asyncio.ensure_future(ended.wait()): "session-closed",
            asyncio.ensure_future(self.request.receive()): "stopping",  # it has hung up
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
    """Data as JSON, with all its digits, however deep it nests; its write keys are masked."""
    text = json_codec.write(data)
    if not keep_write_keys:
        text = redacted(text)
    return Response(text, status, dict(headers or {}), media_type="application/json")
