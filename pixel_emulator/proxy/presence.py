"""Who is connected to the proxy, so that one can wait until they have been heard out."""

import asyncio

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

    async def read(self) -> None:
        """Wait until all that clients have sent is read."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def gone(self) -> None:
        """Wait until all that clients have sent is read, and all have gone."""
        await self.read()
        await self._gone.wait()
