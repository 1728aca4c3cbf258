"""A load client with eight connections; each waits for its GIF before it sends the next call."""

import select
import socket
import ssl
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pixel_emulator.core.endpoint.routes import GIF
from tests.benchmarks.traffic import template

CLIENTS = 8
HOST = "api.segment.io"
_TIMEOUT = 20  # seconds for one response
Connect = Callable[[], socket.socket]


@dataclass(slots=True)
class Load:
    """Result of a load: calls answered, wall-clock seconds, and seconds of the client's CPU.

    `latencies` are seconds from a request to its whole response, one per call.
    """

    answered: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("d"))

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.answered / self.seconds

    def latency(self, share: float) -> float:
        """Return the seconds within which this share of the calls was answered."""
        return sorted(self.latencies)[min(int(share * len(self.latencies)), self.answered - 1)]


@dataclass(frozen=True, slots=True)
class Target:
    """The destination of calls: a local port, served by process `pid` if that is known.

    With a `ca` it is a proxy for requests to `HOST`. `gif` is the body of each response.
    """

    port: int
    ca: Path | None = None
    gif: bytes = GIF
    pid: int = 0

    def calls(self, first: int) -> Iterator[bytes]:
        """Yield the requests, from this number on."""
        return template(HOST if self.ca else f"127.0.0.1:{self.port}").requests(first)

    def connect(self) -> Connect:
        """Return a function that connects; with a CA, by CONNECT and a full TLS handshake."""
        if self.ca is None:
            return self._plain
        context = ssl.create_default_context(cafile=str(self.ca))
        return lambda: context.wrap_socket(self._tunnel(), server_hostname=HOST)

    def _plain(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=_TIMEOUT)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _tunnel(self) -> socket.socket:
        made = self._plain()
        made.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += _some(made)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"CONNECT was answered with {answer!r}")
        return made


def keep_alive(target: Target, *, first: int, seconds: float = 1e9, calls: int = 10**9) -> Load:
    """Send calls over eight connections, until the seconds are over or the calls are sent.

    Raises RuntimeError if a response is not 200 with the GIF.
    """
    load, numbers, connect = Load(), target.calls(first), target.connect()
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        ends = [connect() for _ in range(min(CLIENTS, calls))]
        by_file = {end.fileno(): end for end in ends}
        sent: dict[int, float] = {}
        got: dict[int, bytes] = {}
        for number, end in by_file.items():
            stack.callback(end.close)
            poll.register(number, select.EPOLLIN)
        busy, start = time.process_time(), time.perf_counter()
        left = calls - len(ends)
        for number, end in by_file.items():
            sent[number], got[number] = time.perf_counter(), b""
            end.sendall(next(numbers))
        waiting, stop = len(ends), start + seconds
        while waiting:
            ready = poll.poll(_TIMEOUT)
            if not ready:
                raise RuntimeError(f"no answer within {_TIMEOUT} seconds")
            for number, _ in ready:
                end = by_file[number]
                answer = got[number] + _some(end)
                if not answer.endswith(target.gif):
                    got[number] = answer
                    continue
                now = time.perf_counter()
                check(answer, target.gif)
                load.latencies.append(now - sent[number])
                if left > 0 and now < stop:
                    left -= 1
                    sent[number], got[number] = now, b""
                    end.sendall(next(numbers))
                else:
                    waiting -= 1
        load.seconds, load.cpu = time.perf_counter() - start, time.process_time() - busy
    load.answered = len(load.latencies)
    return load


def check(answer: bytes, gif: bytes) -> None:
    """Raise RuntimeError unless the response is 200 with exactly this body."""
    if not answer.startswith(b"HTTP/1.1 200 ") or answer.partition(b"\r\n\r\n")[2] != gif:
        raise RuntimeError(f"not 200 and the GIF: {answer[:400]!r}")


def _some(end: socket.socket) -> bytes:
    data = end.recv(65536)
    if not data:
        raise RuntimeError("the server hung up before it had answered")
    return data
