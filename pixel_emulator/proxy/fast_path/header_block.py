"""Header fields that nobody can read in two ways."""

from functools import lru_cache
from typing import Self

import httptools
from mitmproxy import http
from mitmproxy.net.http import http1

type Pairs = tuple[tuple[bytes, bytes], ...]

_NOT_PLAIN = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
"""Fields that announce a body, or ask for more than one answer."""


class HeaderBlock:
    """The fields of one head, in wire order, with all values by lower-case name."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self._values: dict[bytes, list[bytes]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    @classmethod
    def read(cls, block: bytes) -> Self | None:
        """The fields of `block`: complete lines, each with its CRLF.

        None for what is not plain: a body, an upgrade, or lines that llhttp takes for an error,
        as it does with folded ones, bare CR and LF, and NUL.
        """
        collector = _Collector()
        try:
            httptools.HttpRequestParser(collector).feed_data(b"GET / HTTP/1.1\r\n%s\r\n" % block)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        found = cls(tuple(collector.pairs))
        return None if _NOT_PLAIN & found._values.keys() else found

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields with this name, which is in lower case."""
        return self._values.get(name, [])

    def ends_connection(self, version: str) -> bool:
        """Whether mitmproxy closes the connection behind the answer to such a head."""
        return _ends_connection(version, tuple(self.values(b"connection")))


class _Collector:
    """What httptools calls."""

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.pairs.append((name, value.strip()))  # llhttp leaves the blanks at the end


@lru_cache(maxsize=64)
def _ends_connection(version: str, values: tuple[bytes, ...]) -> bool:
    headers = http.Headers([(b"connection", value) for value in values])
    return bool(http1.connection_close(version, headers))
