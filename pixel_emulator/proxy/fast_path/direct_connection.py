"""A client that is answered on its socket, as long as it says nothing but plain requests."""

import socket
from typing import Protocol

from mitmproxy import connection

from pixel_emulator.proxy.fast_path.request_reader import Batch, Next, RequestReader

_READ = 65_536


class ConnectionOwner(Protocol):
    """Who has taken a visitor in; see `Entrance`."""

    def reader(self, client: connection.Client, start: bytes) -> RequestReader:
        """What reads the requests of a client that begins so."""

    def take(self, visitor: "DirectConnection", batch: Batch) -> None:
        """Answer requests."""

    def hand_over(
        self,
        visitor: "DirectConnection",
        said: bytes,
        *,
        unsent: bytes = b"",
        is_last: bool = False,
    ) -> None:
        """Have mitmproxy go on with it."""

    def left_unread(self, visitor: "DirectConnection") -> None:
        """What it said behind its last request is not answered."""

    def gone(self, visitor: "DirectConnection") -> None:
        """It has left."""


class DirectConnection:
    """A client that has said nothing but whole plain requests so far; `end` is our end."""

    def __init__(
        self, client: connection.Client, end: socket.socket, host: ConnectionOwner
    ) -> None:
        self.client = client
        self.end = end
        self._host = host
        self._reader: RequestReader | None = None
        self._rest = b""
        self._unsent = b""

    def read(self) -> None:
        """Have what is plain answered; mitmproxy gets the rest, and all that follows."""
        try:
            data = self.end.recv(_READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._host.gone(self)
            return
        if self._reader is None:
            self._reader = self._host.reader(self.client, data)
        batch = self._reader.read(data)
        self._rest = batch.rest
        if batch.requests:
            self._host.take(self, batch)
        else:
            self.go_on(batch.next)

    def has_said_more(self) -> bool:
        """Whether anything is there to be read, other than the end; asked from any thread."""
        try:
            return bool(self.end.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def send(self, data: bytes) -> None:
        """Send this to the client, as far as it takes it."""
        try:
            sent = self.end.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:  # reading tells why
            sent = len(data)
        self._unsent = data[sent:]

    def go_on(self, then: Next) -> None:
        """All that was taken is answered."""
        is_last = then is Next.CLOSE
        if is_last and self._rest.strip():
            self._host.left_unread(self)
        if self._unsent:
            said = b"" if is_last else self._rest
            self._host.hand_over(self, said, unsent=self._unsent, is_last=is_last)
        elif is_last:
            self._host.gone(self)
        elif then is Next.HAND_OVER or self._rest:
            self._host.hand_over(self, self._rest)
