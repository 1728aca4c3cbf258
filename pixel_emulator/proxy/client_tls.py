"""TLS towards one client, which remembers how it ended."""

from typing import Any

from OpenSSL import SSL

from pixel_emulator.runtime.gaps import alert_in

_HEADER = 5
"""Bytes of the header of a TLS record, the last two of which say how long its content is."""


class ClientTls(SSL.Connection):
    """A server's side of TLS in memory, as mitmproxy's layers use it.

    mitmproxy reads what it can and passes over the rest: a record that is damaged or cut off, and
    an alert after the handshake. Here they are known when the client has gone.
    """

    failure = ""
    """What OpenSSL says of what it could not read; empty as long as it could."""

    _is_established = False
    _start = b""  # of a record's header that is not complete
    _missing = 0  # bytes of a record whose header is

    def bio_write(self, buf: "bytes | bytearray | memoryview[int]") -> int:
        """Take what came from the client, and follow its records."""
        is_whole = len(buf) == _HEADER + int.from_bytes(buf[3:_HEADER])
        if not is_whole or self._missing or self._start:
            self._follow(bytes(buf))
        return super().bio_write(buf)

    def do_handshake(self) -> None:
        """Go on with the handshake. Raises SSL.Error while it is not complete."""
        try:
            super().do_handshake()
        except SSL.Error as error:
            self._remember(error)
            raise
        self._is_established = True

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Return what was said next. Raises SSL.Error as pyOpenSSL does."""
        try:
            return super().recv(bufsiz, flags)
        except SSL.Error as error:
            self._remember(error)
            raise

    def sendall(self, buf: Any, flags: int = 0) -> int:
        """Encrypt for the client; to one whose side has failed nothing can be said any more."""
        try:
            return super().sendall(buf, flags)
        except SSL.Error:
            if not self.failure:
                raise
            return 0

    def get_shutdown(self) -> int:
        """Return who has ended TLS as it should be, in OpenSSL's bits.

        OpenSSL sets the client's after an alert, too, and then mitmproxy would wait for the end of
        a connection that has ended.
        """
        bits: int = super().get_shutdown()
        return bits & ~SSL.RECEIVED_SHUTDOWN if self.failure else bits

    @property
    def alert(self) -> str:
        """The alert that ended it; empty for none."""
        return alert_in(self.failure)

    @property
    def has_unread(self) -> bool:
        """Whether the client sent a record that nobody could read, or a part of one."""
        if not self._is_established or self.alert:
            return False
        if self.failure:
            return True
        is_over = self.get_shutdown() & SSL.RECEIVED_SHUTDOWN
        return not is_over and bool(self._missing or self._start)

    def _remember(self, error: SSL.Error) -> None:
        if not isinstance(error, SSL.WantReadError | SSL.ZeroReturnError):
            self.failure = self.failure or _reason(error)

    def _follow(self, data: bytes) -> None:
        data, at = self._start + data, self._missing
        while len(data) - at >= _HEADER:
            at += _HEADER + int.from_bytes(data[at + 3 : at + _HEADER])
        self._start = data[at:]
        self._missing = max(0, at - len(data))


def _reason(error: SSL.Error) -> str:
    """The last reason of OpenSSL's, as in `[("SSL routines", "", "bad record mac")]`."""
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else "no reason given"
