"""How a connection gets to mitmproxy on which something was said already."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from mitmproxy.utils import asyncio_utils

from pixel_emulator.proxy.connections import ClientStream

type Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def hand_over(
    end: socket.socket,
    handle: Handle,
    said: bytes = b"",
    *,
    unsent: bytes = b"",
    is_last: bool = False,
) -> None:
    """Let `handle` go on with a connection, as `asyncio.start_server` would.

    The client has said this, and is still to be sent what is `unsent`; with `is_last` that is all.
    """
    led = _HandedOver(handle, said, unsent, is_last=is_last)
    leading = asyncio.get_running_loop().connect_accepted_socket(lambda: led, end)
    asyncio_utils.create_task(leading, name="pixel_emulator entrance", keep_ref=True)


class _HandedOver(asyncio.Protocol):
    """Stands in for the stream until there is a transport."""

    def __init__(self, handle: Handle, said: bytes, unsent: bytes, *, is_last: bool) -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(said)
        self._stream = ClientStream(reader, handle)
        self._unsent = unsent
        self._is_last = is_last

    def connection_made(self, made: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", made)
        transport.set_protocol(self._stream)
        if self._unsent:
            transport.write(self._unsent)
        self._stream.connection_made(transport)
        if self._is_last:
            transport.close()  # once that is sent
