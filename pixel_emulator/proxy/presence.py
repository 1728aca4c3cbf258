"""Who is connected to the proxy, so that one can wait until they have been heard out."""

import asyncio
from contextlib import suppress

from mitmproxy import connection, http
from mitmproxy.addons import proxyserver

_TURNS = 10
"""Turns of the event loop in which mitmproxy's handlers read what the kernel holds: few are needed,
the rest is margin."""

_QUIET = 3
"""Turns without news after which the kernel holds nothing: one takes a client in, which is news,
one reads and records; the last one is margin."""


class Presence:
    """An addon that keeps count; it has to stand behind those that record."""

    name = "pixel_emulator_presence"

    def __init__(self, servers: proxyserver.Proxyserver) -> None:
        self.news = 0
        """How often something has happened after which more is to be waited for: a client has come
        that is not mitmproxy's from the beginning, or a flow has got on."""
        self._servers = servers
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

    def requestheaders(self, _flow: http.HTTPFlow) -> None:
        self.news += 1

    def request(self, _flow: http.HTTPFlow) -> None:
        self.news += 1

    @property
    def count(self) -> int:
        """How many are connected."""
        return len(self._connected)

    async def read(self) -> None:
        """Wait until all that clients have sent is read."""
        quiet = 0
        while quiet < (_TURNS if self._servers.connections else _QUIET):
            before = self.news
            await asyncio.sleep(0)
            quiet = quiet + 1 if self.news == before else 0

    async def drain(self, patience: float) -> bool:
        """Wait until all that clients have sent is read, and at most `patience` seconds more for
        all to go. Returns whether they have."""
        await self.read()
        if self._connected and patience > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._gone.wait()
        return not self._connected
