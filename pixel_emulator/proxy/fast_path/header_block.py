"""Header fields of a head that all parsers read alike."""

from functools import lru_cache
from typing import Self

import httptools
from mitmproxy import http
from mitmproxy.net.http import http1

type Fields = tuple[tuple[bytes, bytes], ...]

_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
"""Fields that announce a body, or ask for more than one response."""


class HeaderBlock:
    """The fields of one head in wire order, with all values by lower-case name."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in fields:
            self._values.setdefault(name.lower(), []).append(value)

    @classmethod
    def read(cls, block: bytes) -> Self | None:
        """Parse `block`: complete lines, each with its CRLF.

        Return None for what is not plain: a body, an upgrade, or lines that llhttp rejects, such as
        folded ones, bare CR or LF, and NUL.
        """
        collector = _FieldCollector()
        try:
            httptools.HttpRequestParser(collector).feed_data(b"GET / HTTP/1.1\r\n%s\r\n" % block)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        header_block = cls(tuple(collector.fields))
        return None if _NOT_PLAIN & header_block._values.keys() else header_block

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of all fields of a name, given in lower case."""
        return self._values.get(name, [])

    def ends_connection(self, version: str) -> bool:
        """Return True if mitmproxy closes the connection after the response to such a head."""
        return _ends_connection(version, tuple(self.values(b"connection")))


class _FieldCollector:
    """Callbacks of httptools."""

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.strip()))  # llhttp leaves trailing blanks


@lru_cache(maxsize=64)
def _ends_connection(version: str, values: tuple[bytes, ...]) -> bool:
    headers = http.Headers([(b"connection", value) for value in values])
    return bool(http1.connection_close(version, headers))
