"""A client that sends given bytes, and the ways in which its connection can end."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from pixel_emulator.proxy.emulator import Emulator
from tests.wire import TIMEOUT, connect, tunnel

SEGMENT = "api.segment.io"

LOST = b"GET /v1/pixel/track?event=lost HTTP/1.1\r\nHost: api.segment.io\r\n\r\n"
_DAMAGED = b"\x17\x03\x03\x00\x20" + b"\x00" * 32
"""A TLS record that cannot be decrypted."""


class RawConnection:
    """A connection in plain text or TLS in memory, whose bytes are encrypted and sent separately.

    So a request, a close_notify and the end of the connection can arrive in one read.
    """

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None

    def start_tls(
        self, ca: Path, name: str = "api.segment.io", alpn: tuple[str, ...] = ()
    ) -> "RawConnection":
        """Start TLS; the client trusts only `ca`."""
        context = ssl.create_default_context(cafile=str(ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._drive(self.tls.do_handshake)
        return self

    def encrypted(self, data: bytes) -> bytes:
        """Return `data` as bytes for the wire: TLS records, or as it is."""
        if self.tls is None:
            return data
        self.tls.write(data)
        return self._out.read()

    def send_raw(self, raw: bytes) -> None:
        """Send bytes as they are; ignored if the peer has closed."""
        with suppress(ConnectionError):
            self._client.sendall(raw)

    def send(self, data: bytes) -> None:
        """Encrypt and send `data`."""
        self.send_raw(self.encrypted(data))

    def receive(self) -> bytes:
        """Return the next bytes; none at the end."""
        if self.tls is None:
            return self._read_socket()
        with suppress(ssl.SSLError):
            return bytes(self._drive(lambda: self.tls.read(65_536) if self.tls else b""))
        return b""

    def receive_all(self) -> bytes:
        """Return all bytes until the end, and close."""
        heard = b""
        while data := self.receive():
            heard += data
        self.close()
        return heard

    def close_notify(self) -> bytes:
        """Return the record of a close_notify."""
        if self.tls:
            with suppress(ssl.SSLError):
                self.tls.unwrap()
        return self._out.read()

    def shutdown(self) -> None:
        """Shut down the writing side."""
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)

    def close(self, *, reset: bool = False) -> None:
        """Close the socket, with `reset` by a RST."""
        if reset:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.close()

    def _read_socket(self) -> bytes:
        with suppress(ConnectionError):
            return self._client.recv(65_536)
        return b""

    def _drive[T](self, act: Callable[[], T]) -> T:
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                self.send_raw(self._out.read())
                data = self._read_socket()
                if not data:
                    raise ssl.SSLEOFError from None
                self._in.write(data)
            else:
                self.send_raw(self._out.read())
                return done


class _TunnelSocket:
    """The content of a TLS connection to a proxy, as a socket."""

    def __init__(self, outer: RawConnection) -> None:
        self.sendall, self.shutdown = outer.send, lambda _how: outer.shutdown()
        self.recv = lambda _size: outer.receive()
        self.setsockopt = outer._client.setsockopt
        self.close = outer.close


def through_proxy(outer: RawConnection, authority: str) -> RawConnection:
    """Return a connection through a tunnel that a proxy opens on `outer`."""
    outer.send(f"CONNECT {authority} HTTP/1.1\r\n\r\n".encode())
    assert outer.receive().startswith(b"HTTP/1.1 200 ")
    return RawConnection(cast("socket.socket", _TunnelSocket(outer)))


type End = Callable[[Emulator, RawConnection, bytes], bytes]
"""Sends the last bytes and ends the connection; returns the response if it reads one."""


def waits_for_close(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """The server closes."""
    connection.send(last)
    return connection.receive_all()


def closes(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """A FIN in both directions; the responses are not read."""
    connection.send(last)
    connection.close()
    return b""


def half_closes(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """A FIN; the responses are read."""
    connection.send(last)
    connection.shutdown()
    return connection.receive_all()


def resets(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """A RST after the last byte."""
    connection.send(last)
    connection.close(reset=True)
    return b""


def times_out(e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """Nothing more until the proxy's timeout."""
    connection.send(last)
    e.drain(0)

    async def time_out() -> None:
        for _ in range(50):  # responses of flows take iterations of the loop
            await asyncio.sleep(0)
        for handler in tuple(e._master._proxyserver.connections.values()):
            await handler.on_timeout()

    asyncio.run_coroutine_threadsafe(time_out(), e.loop).result(TIMEOUT)
    connection.shutdown()  # a direct connection has no timeout
    return connection.receive_all()


def sends_close_notify(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """close_notify, in one write with the last bytes."""
    raw = connection.encrypted(last) if last else b""
    connection.send_raw(raw + connection.close_notify())
    connection.shutdown()
    return connection.receive_all()


def sends_close_notify_and_closes(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """The same; the responses are not read."""
    raw = connection.encrypted(last) if last else b""
    connection.send_raw(raw + connection.close_notify())
    connection.close()
    return b""


def damages_a_record(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """A record that cannot be decrypted, in one write with the last bytes."""
    raw = connection.encrypted(last) if last else b""
    connection.send_raw(raw + _DAMAGED)
    connection.shutdown()
    return connection.receive_all()


def truncates_a_record(_e: Emulator, connection: RawConnection, last: bytes) -> bytes:
    """The first bytes of a record."""
    raw = connection.encrypted(last) if last else b""
    connection.send_raw(raw + connection.encrypted(LOST)[:-9])
    connection.shutdown()
    return connection.receive_all()


PLAIN_ENDS: tuple[End, ...] = (closes, half_closes, resets, times_out)
TLS_ENDS: tuple[End, ...] = (
    *PLAIN_ENDS,
    sends_close_notify,
    sends_close_notify_and_closes,
    damages_a_record,
    truncates_a_record,
)
LOSING = (damages_a_record, truncates_a_record)
"""Ends with bytes that cannot be decrypted."""


def directly(e: Emulator) -> RawConnection:
    return RawConnection(connect(e.port))


def directly_with_tls(e: Emulator) -> RawConnection:
    return directly(e).start_tls(e.authority.ca)


def in_a_tunnel(e: Emulator) -> RawConnection:
    return RawConnection(tunnel(e.port, f"{SEGMENT}:80"))


def in_a_tunnel_with_tls(e: Emulator) -> RawConnection:
    return RawConnection(tunnel(e.port, f"{SEGMENT}:443")).start_tls(e.authority.ca)
