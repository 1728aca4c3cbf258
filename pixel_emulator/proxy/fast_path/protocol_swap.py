"""The way of a connection that says only plain requests: past mitmproxy's task and layers.

asyncio lets a transport change its protocol. Until something comes that is not plain, what a
client sends goes from its transport straight to the fast path layer, and the responses back.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import cast

from mitmproxy import connection
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import events, layers, server
from mitmproxy.proxy.layers import modes
from mitmproxy.utils import asyncio_utils
from OpenSSL import SSL

from pixel_emulator.proxy.connections import left_in
from pixel_emulator.proxy.fast_path.layer import FastPathLayer, Resume
from pixel_emulator.proxy.fast_path.request_reader import Next
from pixel_emulator.proxy.fast_path.write_batch import WriteBatch

_HANDING_ON = (modes.HttpProxy, layers.ClientTLSLayer, layers.ServerTLSLayer, FastPathLayer)
_READ = 65_536
_RECORD = 5
"""Bytes of the header of a TLS record, the last two of which say how long its content is."""


class PlainProtocol(asyncio.Protocol):
    """Stands in for the stream that a mitmproxy handler reads from."""

    def __init__(
        self,
        layer: FastPathLayer,
        handler: server.ConnectionHandler,
        stream: asyncio.Protocol,
        transport: asyncio.Transport,
        *,
        tls: "TlsPipe | None",
        turn: WriteBatch,
    ) -> None:
        self._layer = layer
        self._handler = handler
        self._stream = stream
        self._transport = transport
        self._tls = tls
        self._turn = turn
        self._is_over = False  # the client's side of TLS, with what was said last

    @property
    def client(self) -> connection.Client:
        """Whose connection it is."""
        return self._layer.context.client

    def data_received(self, data: bytes) -> None:
        """Have what is plain answered; with the first thing that is not, leave for good."""
        self._handler.timeout_watchdog.register_activity()
        if self._tls is not None:
            data, self._is_over = self._tls.decrypt(data)
        if data:
            self._turn.take(self, self._layer.take(data))
            self._turn.end_soon()
        elif self._is_over:
            self._leave(Next.WAIT)
        else:
            self.send(b"")

    def send(self, data: bytes) -> None:
        """Send this to the client, and what its TLS has to say."""
        if self._tls is not None:
            data = self._tls.encrypt(data)
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def go_on(self, then: Next) -> None:
        """All that was taken is answered."""
        if then is not Next.WAIT or self._is_over:
            self._leave(then)

    def eof_received(self) -> bool | None:
        """The handler sees it."""
        return self._stream.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """So does it this, when all that was said is read."""
        if exc and (left := left_in(self._transport)):
            self.data_received(left)
        self._stream.connection_lost(exc)

    def pause_writing(self) -> None:
        """A client that does not take its answers is not read from."""
        self._transport.pause_reading()
        self._stream.pause_writing()

    def resume_writing(self) -> None:
        """It has taken them."""
        self._transport.resume_reading()
        self._stream.resume_writing()

    def _leave(self, then: Next) -> None:
        told: list[events.Event] = [] if then is Next.WAIT else [Resume(then)]
        if self._is_over:  # the layer that mitmproxy has for TLS meets the same, and knows it
            told.append(events.DataReceived(self.client, b""))
        if not self._transport.is_closing():
            self._transport.set_protocol(self._stream)
            self._transport.resume_reading()  # the handler waits by itself until it can write
        asyncio_utils.create_task(self._tell(told), name="pixel_emulator fast path", keep_ref=True)

    async def _tell(self, told: list[events.Event]) -> None:
        for each in told:
            await self._handler.server_event(each)


class TlsPipe:
    """The TLS of one connection, with no more calls than one record each way needs."""

    def __init__(self, tls: SSL.Connection) -> None:
        self._tls = tls

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """What the client said, and whether that was all: a good-bye, or something wrong."""
        tls = self._tls
        tls.bio_write(data)
        plain = b""
        while True:
            try:
                plain += tls.recv(_READ)
            except SSL.WantReadError:
                return plain, False
            except SSL.Error:
                return plain, True
            if len(data) == _RECORD + int.from_bytes(data[3:5]) and len(plain) + _RECORD < len(
                data
            ):
                return plain, False  # it was one record, and has been read to its end

    def encrypt(self, data: bytes) -> bytes:
        """What goes to the client, also where it asked for a new key instead of anything else."""
        tls, out = self._tls, b""
        if data:
            tls.sendall(data)
        size = len(data) + _READ
        while True:
            try:
                part: bytes = tls.bio_read(size)
            except SSL.WantReadError:
                return out
            out += part
            if len(part) < size:
                return out


def install(servers: proxyserver.Proxyserver, turn: WriteBatch) -> Callable[[FastPathLayer], None]:
    """What a fast path layer calls when it waits for more."""

    def enter(layer: FastPathLayer) -> None:
        client, above = layer.context.client, layer.context.layers
        handler = servers.connections.get(client.id)
        end = handler.transports.get(client) if handler else None
        secure = [each for each in above if isinstance(each, layers.ClientTLSLayer)]
        # An HttpLayer, which has opened a tunnel to no emulated name, hands no `Resume` on.
        hands_on = all(isinstance(each, _HANDING_ON) for each in above)
        if handler is None or end is None or len(secure) > 1 or not hands_on:
            return
        reader, writer = end.reader, end.writer
        if not isinstance(writer, asyncio.StreamWriter):
            return
        if not isinstance(reader, asyncio.StreamReader) or not _is_empty(reader):
            return
        transport = cast("asyncio.Transport", writer.transport)
        stream = cast("asyncio.Protocol", transport.get_protocol())
        tls = TlsPipe(secure[0].tls) if secure else None
        transport.set_protocol(PlainProtocol(layer, handler, stream, transport, tls=tls, turn=turn))

    return enter


def _is_empty(reader: asyncio.StreamReader) -> bool:
    """Whether all was read that had arrived, and the end had not."""
    if reader.at_eof():
        return False
    reading = reader.read(sys.maxsize)  # all: what is given back comes behind what is left there
    try:
        reading.send(None)
    except StopIteration as found:
        reader.feed_data(found.value)
        return False
    except RuntimeError:  # the handler is waiting for more already
        return True
    reading.close()
    return True
