"""A connection with only plain requests bypasses mitmproxy's tasks and layers.

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

from pixel_emulator.proxy.connections import read_remaining
from pixel_emulator.proxy.fast_path.layer import FastPathLayer, Resume
from pixel_emulator.proxy.fast_path.request_reader import Next
from pixel_emulator.proxy.fast_path.write_batch import WriteBatch

_FORWARDING_LAYERS = (
    modes.HttpProxy,
    layers.ClientTLSLayer,
    layers.ServerTLSLayer,
    FastPathLayer,
)
"""Layers that forward a `Resume` to their child."""

_READ_SIZE = 65_536
_RECORD_HEADER = 5
"""Bytes of the header of a TLS record; the last two are the length of its content."""


class PlainProtocol(asyncio.Protocol):
    """Replaces the stream that a mitmproxy handler reads from."""

    def __init__(
        self,
        layer: FastPathLayer,
        handler: server.ConnectionHandler,
        stream: asyncio.Protocol,
        transport: asyncio.Transport,
        *,
        tls: "TlsPipe | None",
        batch: WriteBatch,
    ) -> None:
        self._layer = layer
        self._handler = handler
        self._stream = stream
        self._transport = transport
        self._tls = tls
        self._batch = batch
        self._is_tls_over = False  # the client ended TLS behind its last bytes

    @property
    def client(self) -> connection.Client:
        """The client of the connection."""
        return self._layer.context.client

    def data_received(self, data: bytes) -> None:
        """Answer plain requests; at the first byte of anything else swap back for good."""
        self._handler.timeout_watchdog.register_activity()
        if self._tls is not None:
            data, self._is_tls_over = self._tls.decrypt(data)
        if data:
            self._batch.add(self, self._layer.parse(data))
            self._batch.flush_soon()
        elif self._is_tls_over:
            self._swap_back(Next.WAIT)
        else:
            self.send(b"")

    def send(self, data: bytes) -> None:
        """Send `data` to the client, and pending TLS records."""
        if self._tls is not None:
            data = self._tls.encrypt(data)
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def proceed(self, then: Next) -> None:
        """Go on after the requests are answered."""
        if then is not Next.WAIT or self._is_tls_over:
            self._swap_back(then)

    def eof_received(self) -> bool | None:
        """Forward the event to the handler."""
        return self._stream.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Read what is left, then forward the event to the handler."""
        if exc and (remaining := read_remaining(self._transport)):
            self.data_received(remaining)
        self._stream.connection_lost(exc)

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its responses."""
        self._transport.pause_reading()
        self._stream.pause_writing()

    def resume_writing(self) -> None:
        """Read again: the client has read its responses."""
        self._transport.resume_reading()
        self._stream.resume_writing()

    def _swap_back(self, then: Next) -> None:
        resuming: list[events.Event] = [] if then is Next.WAIT else [Resume(then)]
        if self._is_tls_over:  # mitmproxy's TLS layer reads the same end of TLS, and handles it
            resuming.append(events.DataReceived(self.client, b""))
        if not self._transport.is_closing():
            self._transport.set_protocol(self._stream)
            self._transport.resume_reading()  # the handler itself waits until it can write
        task = self._send_events(resuming)
        asyncio_utils.create_task(task, name="pixel_emulator fast path", keep_ref=True)

    async def _send_events(self, resuming: list[events.Event]) -> None:
        for event in resuming:
            await self._handler.server_event(event)


class TlsPipe:
    """TLS of one connection, with no more OpenSSL calls than one record each way needs."""

    def __init__(self, tls: SSL.Connection) -> None:
        self._tls = tls

    def decrypt(self, data: bytes) -> tuple[bytes, bool]:
        """Return the plaintext, and True if it is the last: after close_notify or an error."""
        tls = self._tls
        tls.bio_write(data)
        plain = b""
        while True:
            try:
                plain += tls.recv(_READ_SIZE)
            except SSL.WantReadError:
                return plain, False
            except SSL.Error:
                return plain, True
            is_one_record = len(data) == _RECORD_HEADER + int.from_bytes(data[3:5])
            if is_one_record and len(plain) + _RECORD_HEADER < len(data):
                return plain, False  # it has been read to its end

    def encrypt(self, data: bytes) -> bytes:
        """Return the records to send, also those that OpenSSL adds, such as a key update."""
        tls, records = self._tls, b""
        if data:
            tls.sendall(data)
        size = len(data) + _READ_SIZE
        while True:
            try:
                chunk: bytes = tls.bio_read(size)
            except SSL.WantReadError:
                return records
            records += chunk
            if len(chunk) < size:
                return records


def make_swap(
    servers: proxyserver.Proxyserver, batch: WriteBatch
) -> Callable[[FastPathLayer], None]:
    """Return the function that a fast path layer calls when it waits for more requests.

    The function gives the layer's transport a `PlainProtocol`, unless the layer is inside something
    that only mitmproxy's handler can serve.
    """

    def swap(layer: FastPathLayer) -> None:
        client, outer_layers = layer.context.client, layer.context.layers
        handler = servers.connections.get(client.id)
        io = handler.transports.get(client) if handler else None
        tls_layers = [outer for outer in outer_layers if isinstance(outer, layers.ClientTLSLayer)]
        # An HttpLayer that has opened a tunnel to a host not emulated does not forward `Resume`.
        is_forwarded = all(isinstance(outer, _FORWARDING_LAYERS) for outer in outer_layers)
        if handler is None or io is None or len(tls_layers) > 1 or not is_forwarded:
            return
        reader, writer = io.reader, io.writer
        if not isinstance(writer, asyncio.StreamWriter):
            return
        if not isinstance(reader, asyncio.StreamReader) or not _is_drained(reader):
            return
        transport = cast("asyncio.Transport", writer.transport)
        stream = cast("asyncio.Protocol", transport.get_protocol())
        tls = TlsPipe(tls_layers[0].tls) if tls_layers else None
        protocol = PlainProtocol(layer, handler, stream, transport, tls=tls, batch=batch)
        transport.set_protocol(protocol)

    return swap


def _is_drained(reader: asyncio.StreamReader) -> bool:
    """Return True if every received byte was read and the peer has not closed."""
    if reader.at_eof():
        return False
    reading = reader.read(sys.maxsize)  # all: what is fed back goes behind what would be left
    try:
        reading.send(None)
    except StopIteration as finished:
        reader.feed_data(finished.value)
        return False
    except RuntimeError:  # the handler is already waiting for more
        return True
    reading.close()
    return True
