"""A connection that is answered on its socket, as long as it sends only plain requests."""

import socket
from typing import Protocol

from mitmproxy import connection

from pixel_emulator.proxy.fast_path.request_reader import Next, ReadResult, RequestReader

_READ_SIZE = 65_536


class ConnectionOwner(Protocol):
    """Owner of a direct connection; see `Acceptor`."""

    def reader(self, client: connection.Client, start: bytes) -> RequestReader:
        """Return a reader for the requests of a client, given its first bytes."""

    def submit(self, direct: "DirectConnection", result: ReadResult) -> None:
        """Answer requests."""

    def hand_over(
        self,
        direct: "DirectConnection",
        data: bytes,
        *,
        unsent: bytes = b"",
        close: bool = False,
    ) -> None:
        """Let mitmproxy serve the connection."""

    def report_unparsed(self, direct: "DirectConnection") -> None:
        """Report bytes behind the last request that is answered."""

    def closed(self, direct: "DirectConnection") -> None:
        """Handle the end of the connection."""


class DirectConnection:
    """A connection that has sent only complete plain requests so far; `sock` is our socket."""

    def __init__(
        self, client: connection.Client, sock: socket.socket, owner: ConnectionOwner
    ) -> None:
        self.client = client
        self.sock = sock
        self._owner = owner
        self._reader: RequestReader | None = None
        self._rest = b""
        self._unsent = b""

    def read(self) -> None:
        """Answer complete plain requests; hand everything from the first other byte over."""
        try:
            data = self.sock.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._owner.closed(self)
            return
        if self._reader is None:
            self._reader = self._owner.reader(self.client, data)
        result = self._reader.read(data)
        self._rest = result.rest
        if result.requests:
            self._owner.submit(self, result)
        else:
            self.proceed(result.next)

    def has_unread_data(self) -> bool:
        """Return True if the socket has bytes to read. May be called from any thread."""
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def send(self, data: bytes) -> None:
        """Send as much of `data` as the socket takes, and keep the rest for `proceed`."""
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:  # reading meets the same error
            sent = len(data)
        self._unsent = data[sent:]

    def proceed(self, then: Next) -> None:
        """Go on after the submitted requests are answered."""
        is_last = then is Next.CLOSE
        if is_last and self._rest.strip():
            self._owner.report_unparsed(self)
        if self._unsent:
            data = b"" if is_last else self._rest
            self._owner.hand_over(self, data, unsent=self._unsent, close=is_last)
        elif is_last:
            self._owner.closed(self)
        elif then is Next.HAND_OVER or self._rest:
            self._owner.hand_over(self, self._rest)
