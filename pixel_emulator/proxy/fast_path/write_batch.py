"""What all connections say in one turn of the event loop is recorded together."""

import asyncio
from typing import Protocol

from mitmproxy import connection

from pixel_emulator.proxy.convert import on_the_wire
from pixel_emulator.proxy.fast_path.request_reader import Batch, Next
from pixel_emulator.proxy.journal_routing import Responder


class Connection(Protocol):
    """A connection whose plain requests are answered."""

    @property
    def client(self) -> connection.Client:
        """Whose connection it is."""

    def send(self, data: bytes) -> None:
        """Send this to the client."""

    def go_on(self, then: Next) -> None:
        """All that was taken is answered."""


class WriteBatch:
    """Records together what all connections say in one turn of the event loop.

    So with many clients a call costs a part of a write to the recording. The loop calls back
    before it reads from any connection again.
    """

    def __init__(self, respond: Responder) -> None:
        self._respond = respond
        self._taken: list[tuple[Connection, Batch]] = []
        self._is_ending = False

    @property
    def is_due(self) -> bool:
        """Whether anything is taken that is not recorded."""
        return bool(self._taken)

    def take(self, way: Connection, batch: Batch) -> None:
        """Answer this when the turn is ended, which the caller does."""
        self._taken.append((way, batch))

    def end_soon(self) -> None:
        """End it when the loop has read from all connections that it knows something of."""
        if not self._is_ending:
            self._is_ending = True
            asyncio.get_running_loop().call_soon(self.end)

    def end(self) -> None:
        """Record all that was taken, and answer it."""
        self._is_ending = False
        taken = self._taken
        if not taken:  # somebody has ended it before
            return
        said = [(way.client, request) for way, batch in taken for request in batch.requests]
        responses = self._respond(said)
        self._taken = []
        done = 0
        for way, batch in taken:
            count = len(batch.requests)
            if count:
                way.send(on_the_wire(batch.requests, responses[done : done + count]))
            done += count
            way.go_on(batch.next)
