"""A small HTTP client: it asks emulated hosts for pixels, through the emulator and only so."""

import ssl
from collections.abc import Iterable
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

type Headers = Iterable[tuple[str, str]]


class HttpClient:
    """Asks through `proxy`, an `http:` URL, trusting only `ca`, a PEM file; a context manager.

    One connection a host is kept open. `timeout` is in seconds, for each thing waited for.
    """

    def __init__(self, *, proxy: str, ca: Path, timeout: float = 30.0) -> None:
        self._proxy = urlsplit(proxy)
        self._trust = ssl.create_default_context(cafile=ca)
        self._timeout = timeout
        self._connections: dict[tuple[str, str], HTTPConnection] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def request(self, url: str, headers: Headers = (), *, method: str = "GET") -> int:
        """Send a request and read the answer to its end; returns the status.

        Raises OSError where it cannot be sent or answered.
        """
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        target = url.removeprefix(f"{parts.scheme}://{parts.netloc}") if secure else url
        try:
            # Not urllib: it asks NO_PROXY, and would then ask Segment itself.
            connection = self._connection(parts.scheme, parts.netloc)
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value.encode("latin-1", "replace"))
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException, ValueError) as error:
            # The next request begins anew: this connection keeps what it has not sent.
            self._connections.pop((parts.scheme, parts.netloc), None)
            raise OSError(str(error) or type(error).__name__) from error
        return answer.status

    def _connection(self, scheme: str, host: str) -> HTTPConnection:
        if (scheme, host) in self._connections:
            return self._connections[scheme, host]
        at = (self._proxy.hostname or "", self._proxy.port)
        connection: HTTPConnection
        if scheme == "https":
            connection = HTTPSConnection(*at, timeout=self._timeout, context=self._trust)
            connection.set_tunnel(host)
        else:
            connection = HTTPConnection(*at, timeout=self._timeout)
        self._open.callback(connection.close)
        return self._connections.setdefault((scheme, host), connection)
