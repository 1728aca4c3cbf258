"""A client that says exactly what a test says, and ends its connection in one of many ways."""

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
"""A TLS record that nobody has encrypted."""


class Talk:
    """A connection, in the clear or through TLS in memory: what is written is sent when it is due.

    So a request, a good-bye and the end of the connection can arrive in one read.
    """

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls: ssl.SSLObject | None = None

    def secure(self, ca: Path, name: str = "api.segment.io", alpn: tuple[str, ...] = ()) -> "Talk":
        """Begin TLS, in which the client trusts `ca` and nothing else."""
        context = ssl.create_default_context(cafile=str(ca))
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=name)
        self._insist(self.tls.do_handshake)
        return self

    def wire(self, data: bytes) -> bytes:
        """The bytes that say this."""
        if self.tls is None:
            return data
        self.tls.write(data)
        return self._out.read()

    def send(self, raw: bytes) -> None:
        """Send bytes as they are; a peer that has hung up takes none."""
        with suppress(ConnectionError):
            self._client.sendall(raw)

    def say(self, data: bytes) -> None:
        """Say this now."""
        self.send(self.wire(data))

    def hear(self) -> bytes:
        """What comes next; nothing at the end."""
        if self.tls is None:
            return self._receive()
        with suppress(ssl.SSLError):
            return bytes(self._insist(lambda: self.tls.read(65_536) if self.tls else b""))
        return b""

    def hear_all(self) -> bytes:
        """All that comes until the end; then it is gone."""
        heard = b""
        while data := self.hear():
            heard += data
        self.close()
        return heard

    def good_bye(self) -> bytes:
        """The bytes of TLS's own end."""
        if self.tls:
            with suppress(ssl.SSLError):
                self.tls.unwrap()
        return self._out.read()

    def shut(self) -> None:
        """Send no more."""
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)

    def close(self, *, reset: bool = False) -> None:
        """Go; with a reset at once, whatever was not read."""
        if reset:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._client.close()

    def _receive(self) -> bytes:
        with suppress(ConnectionError):
            return self._client.recv(65_536)
        return b""

    def _insist[T](self, act: Callable[[], T]) -> T:
        while True:
            try:
                done = act()
            except ssl.SSLWantReadError:
                self.send(self._out.read())
                data = self._receive()
                if not data:
                    raise ssl.SSLEOFError from None
                self._in.write(data)
            else:
                self.send(self._out.read())
                return done


class _Inside:
    """What a connection carries through TLS, as a socket."""

    def __init__(self, outer: Talk) -> None:
        self.sendall, self.shutdown = outer.say, lambda _how: outer.shut()
        self.recv = lambda _size: outer.hear()
        self.setsockopt = outer._client.setsockopt
        self.close = outer.close


def inside(outer: Talk, authority: str) -> Talk:
    """A connection through a tunnel that a proxy opens on this one."""
    outer.say(f"CONNECT {authority} HTTP/1.1\r\n\r\n".encode())
    assert outer.hear().startswith(b"HTTP/1.1 200 ")
    return Talk(cast("socket.socket", _Inside(outer)))


type End = Callable[[Emulator, Talk, bytes], bytes]
"""Says the last bytes and ends the connection; returns what was heard, where somebody listens."""


def waits(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """It is the server that hangs up."""
    talk.say(last)
    return talk.hear_all()


def closes(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """A FIN in both directions, and nobody reads the answers."""
    talk.say(last)
    talk.close()
    return b""


def half_closes(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """A FIN, and answers are read."""
    talk.say(last)
    talk.shut()
    return talk.hear_all()


def resets(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """A RST behind the last byte."""
    talk.say(last)
    talk.close(reset=True)
    return b""


def times_out(e: Emulator, talk: Talk, last: bytes) -> bytes:
    """Nothing more, until the proxy's patience ends."""
    talk.say(last)
    e.drain(0)

    async def time_out() -> None:
        for _ in range(50):  # answers of flows go out in turns of the loop
            await asyncio.sleep(0)
        for each in tuple(e._lean._proxyserver.connections.values()):
            await each.on_timeout()

    asyncio.run_coroutine_threadsafe(time_out(), e.loop).result(TIMEOUT)
    talk.shut()  # who is not mitmproxy's is waited for without an end
    return talk.hear_all()


def says_good_bye(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """close_notify, in one write with the last bytes."""
    raw = talk.wire(last) if last else b""
    talk.send(raw + talk.good_bye())
    talk.shut()
    return talk.hear_all()


def says_good_bye_and_closes(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """The same, and nobody reads the answers."""
    raw = talk.wire(last) if last else b""
    talk.send(raw + talk.good_bye())
    talk.close()
    return b""


def damages_a_record(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """A record that cannot be decrypted, in one write with the last bytes."""
    raw = talk.wire(last) if last else b""
    talk.send(raw + _DAMAGED)
    talk.shut()
    return talk.hear_all()


def tears_a_record(_e: Emulator, talk: Talk, last: bytes) -> bytes:
    """The beginning of one."""
    raw = talk.wire(last) if last else b""
    talk.send(raw + talk.wire(LOST)[:-9])
    talk.shut()
    return talk.hear_all()


PLAIN_ENDS: tuple[End, ...] = (closes, half_closes, resets, times_out)
TLS_ENDS: tuple[End, ...] = (
    *PLAIN_ENDS,
    says_good_bye,
    says_good_bye_and_closes,
    damages_a_record,
    tears_a_record,
)
LOSING = (damages_a_record, tears_a_record)
"""Behind the last bytes these say something more that nobody can read."""


def directly(e: Emulator) -> Talk:
    return Talk(connect(e.port))


def directly_with_tls(e: Emulator) -> Talk:
    return directly(e).secure(e.authority.ca)


def in_a_tunnel(e: Emulator) -> Talk:
    return Talk(tunnel(e.port, f"{SEGMENT}:80"))


def in_a_tunnel_with_tls(e: Emulator) -> Talk:
    return Talk(tunnel(e.port, f"{SEGMENT}:443")).secure(e.authority.ca)
