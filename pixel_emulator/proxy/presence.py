"""Who is connected to the proxy, so that one can wait until they have been heard out."""

import asyncio
from contextlib import suppress

from mitmproxy import connection

_TURNS = 10
"""Turns of the event loop from the end of a client to its connection being known here: one
accepts what the kernel holds, one makes the transport, one begins to handle it; the rest is
margin, since a turn with nothing to do costs microseconds."""


class Presence:
    """An addon that keeps count; it has to stand behind those that record."""

    name = "pixel_emulator_presence"

    def __init__(self) -> None:
        self._connected: set[str] = set()
        self._gone = asyncio.Event()
        self._gone.set()

    def client_connected(self, client: connection.Client) -> None:
        self._connected.add(client.id)
        self._gone.clear()

    def client_disconnected(self, client: connection.Client) -> None:
        self._connected.discard(client.id)
        if not self._connected:
            self._gone.set()

    @property
    def count(self) -> int:
        """How many are connected."""
        return len(self._connected)

    async def read(self) -> None:
        """Wait until all that clients have sent is read."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def drain(self, patience: float) -> bool:
        """Wait until all that clients have sent is read, and at most `patience` seconds more for
        all to go. Returns whether they have."""
        await self.read()
        if self._connected and patience > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._gone.wait()
        return not self._connected
