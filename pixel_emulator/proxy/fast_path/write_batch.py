"""Requests of all connections in one iteration of the event loop are recorded together."""

import asyncio
from typing import Protocol

from mitmproxy.connection import Client

from pixel_emulator.proxy.convert import serialize_responses
from pixel_emulator.proxy.fast_path.request_reader import Next, ReadResult
from pixel_emulator.proxy.journal_routing import Responder


class Connection(Protocol):
    """A connection whose plain requests are answered."""

    @property
    def client(self) -> Client:
        """The client of the connection."""

    def send(self, data: bytes) -> None:
        """Send `data` to the client."""

    def proceed(self, then: Next) -> None:
        """Go on after the requests are answered."""


class WriteBatch:
    """Records the requests of all connections in one iteration of the event loop together.

    With many clients, a call then costs only a part of a write to the recording. The loop flushes
    the batch before it reads from any connection again.
    """

    def __init__(self, respond: Responder) -> None:
        self._respond = respond
        self._pending: list[tuple[Connection, ReadResult]] = []
        self._is_scheduled = False

    @property
    def is_pending(self) -> bool:
        """True if the batch holds requests that are not recorded."""
        return bool(self._pending)

    def add(self, connection: Connection, result: ReadResult) -> None:
        """Add requests; the caller has to call `flush` or `flush_soon`."""
        self._pending.append((connection, result))

    def flush_soon(self) -> None:
        """Flush after the loop has read from all connections that are ready now."""
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Record all requests, then send their responses."""
        self._is_scheduled = False
        pending = self._pending
        if not pending:  # flushed already
            return
        requests = [
            (connection.client, request)
            for connection, result in pending
            for request in result.requests
        ]
        responses = self._respond(requests)
        self._pending = []
        start = 0
        for connection, result in pending:
            end = start + len(result.requests)
            if end > start:
                connection.send(serialize_responses(result.requests, responses[start:end]))
            start = end
            connection.proceed(result.next)
