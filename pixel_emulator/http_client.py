"""A small HTTP client that requests pixels from emulated hosts, only through the emulator."""

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
    """Sends requests through `proxy`, an `http:` URL, and trusts only `ca`, a PEM file.

    A context manager. One connection per host is kept open. `timeout` is in seconds, for each
    operation on a socket.
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

    def request(
        self, url: str, headers: Headers = (), *, method: str = "GET", body: bytes = b""
    ) -> int:
        """Send a request, read the whole response, and return its status.

        Raises OSError if the request cannot be sent or gets no valid response.
        """
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        target = url.removeprefix(f"{parts.scheme}://{parts.netloc}") if secure else url
        try:
            # Not urllib: it obeys NO_PROXY, and would then send the request to Segment itself.
            connection = self._connection(parts.scheme, parts.netloc)
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value.encode("latin-1", "replace"))
            if body:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException, ValueError) as error:
            # The next request needs a new connection: this one still holds unsent data.
            self._connections.pop((parts.scheme, parts.netloc), None)
            raise OSError(str(error) or type(error).__name__) from error
        return response.status

    def _connection(self, scheme: str, host: str) -> HTTPConnection:
        if (scheme, host) in self._connections:
            return self._connections[scheme, host]
        address = (self._proxy.hostname or "", self._proxy.port)
        connection: HTTPConnection
        if scheme == "https":
            connection = HTTPSConnection(*address, timeout=self._timeout, context=self._trust)
            connection.set_tunnel(host)
        else:
            connection = HTTPConnection(*address, timeout=self._timeout)
        self._open.callback(connection.close)
        return self._connections.setdefault((scheme, host), connection)
