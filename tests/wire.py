"""A client that sends given bytes, and servers that count connections."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixel_emulator.core.endpoint.routes import GIF

PIXEL = "/v1/pixel/track?writeKey=wk_test_0000&userId=u1&event=Opened"
TIMEOUT = 10


@dataclass(frozen=True, slots=True)
class Reply:
    """A response: the status, the headers by lower-case name, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_pixel(self) -> bool:
        return self.status == 200 and self.body == GIF


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT, source_address=(source, 0))


def get(target: str, host: str, *, method: str = "GET", extra: str = "") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{extra}\r\n".encode()


def ask(client: socket.socket, request: bytes) -> Reply:
    """Send a request and read its reply; `HEAD` has no body."""
    client.sendall(request)
    return read(client, bodiless=request.startswith((b"HEAD", b"CONNECT")))


def read(client: socket.socket, *, bodiless: bool = False) -> Reply:
    with client.makefile("rb", buffering=0) as stream:  # leaves the bytes after the reply
        version, status, *_ = stream.readline().split()
        assert version == b"HTTP/1.1"
        headers: dict[str, str] = {}
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        # A refused CONNECT has a body after all.
        has_body = not bodiless or status >= b"400"
        length = int(headers.get("content-length", 0)) if has_body else 0
        body = b""
        while len(body) < length:
            body += stream.read(length - len(body)) or b"(cut short)"
    return Reply(int(status), headers, body)


def tunnel(port: int, authority: str) -> socket.socket:
    """Return a client whose CONNECT was answered."""
    client = connect(port)
    assert ask(client, f"CONNECT {authority} HTTP/1.1\r\n\r\n".encode()).status == 200
    return client


def secured(
    client: socket.socket, ca: Path, name: str = "api.segment.io", *, alpn: tuple[str, ...] = ()
) -> ssl.SSLSocket:
    """Return the client after a TLS handshake in which it trusts only `ca`."""
    context = ssl.create_default_context(cafile=str(ca))
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context.wrap_socket(client, server_hostname=name)


class Trap:
    """A server that must not be reached: it counts the connections opened to it."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.port: int = listener.getsockname()[1]

    def accept(self) -> socket.socket:
        self._listener.settimeout(TIMEOUT)
        client = self._listener.accept()[0]
        client.settimeout(TIMEOUT)
        return client

    def connections(self) -> int:
        """Return how many were opened; the kernel completes them before `accept`."""
        self._listener.settimeout(0)
        count = 0
        while True:
            try:
                self._listener.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1


@contextmanager
def trap() -> Iterator[Trap]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Trap(listener)
