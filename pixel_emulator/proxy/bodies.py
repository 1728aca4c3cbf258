"""The bodies of requests: kept, read and decompressed within bounds."""

import zlib
from dataclasses import replace
from typing import NamedTuple, Self

from mitmproxy import http
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.utils import ReceiveBuffer

from pixel_emulator.core.endpoint.routes import route_of
from pixel_emulator.core.model import HttpRequest, percent_encoded

MAX_BODY = 1_048_576
"""Largest number of bytes of a body that is read, before and after decompression.

Segment takes 500 KB in a batch (documented).
"""

_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": zlib.MAX_WBITS}
"""Argument `wbits` of zlib for each content encoding that is decompressed."""


class BodyBuffer(ReceiveBuffer):
    """A buffer of mitmproxy that drops what a body has beyond `MAX_BODY` bytes and one more.

    The last byte shows that the body is too large.
    """

    def __iadd__(self, other: bytes) -> Self:
        kept = other[: MAX_BODY + 1 - len(self)]
        if kept:
            super().__iadd__(kept)
        return self


def bound_body(http_layer: layer.Layer, flow: http.HTTPFlow) -> None:
    """Let an HTTP layer keep at most `MAX_BODY` bytes of the body of this flow, and one more.

    Without a limit, mitmproxy keeps all bytes until the hook `request`, or sends them upstream.
    """
    if isinstance(http_layer, layers.HttpLayer):
        for stream in http_layer.streams.values():
            if stream.flow is flow:
                stream.request_body_buf = BodyBuffer()  # type: ignore[no-untyped-call]


class WantedRequest(NamedTuple):
    """A request with all that its decoder reads, and why its body could not be read, or empty."""

    request: HttpRequest
    gap: str = ""


def with_wanted_parts(request: HttpRequest, message: http.Request) -> WantedRequest:
    """Return a request with the body and the credentials of its message, if its decoder wants them.

    A body that cannot be read is left out.
    """
    decoder = route_of(request).decoder
    if decoder is None:
        return WantedRequest(request)
    if decoder.wants_authorization:
        request = replace(request, authorization=message.headers.get("authorization", ""))
    if not decoder.wants_body:
        return WantedRequest(request)
    try:
        return WantedRequest(replace(request, body=read_body(message)))
    except ValueError as reason:
        where = f"{request.method} {percent_encoded(request.path)}"
        return WantedRequest(
            request, f"the body of a {where} could not be read: {reason}; its calls are unknown"
        )


def read_body(message: http.Request) -> bytes:
    """Return the body of a message without its content encoding.

    Raises ValueError with the reason if it is larger than `MAX_BODY`, or cannot be decompressed.
    """
    raw = message.raw_content or b""
    if len(raw) > MAX_BODY or _declared_length(message) > MAX_BODY:
        raise ValueError(f"it has more than {MAX_BODY:,} bytes")
    encoding = message.headers.get("content-encoding", "").strip().lower()
    if not raw or encoding in {"", "identity"}:
        return raw
    if encoding not in _WINDOW_BITS:
        raise ValueError("its content encoding is neither gzip nor deflate")
    try:
        return _decompressed(raw, _WINDOW_BITS[encoding])
    except zlib.error:
        if encoding != "deflate":
            raise ValueError(f"it is not {encoding}") from None
    try:  # some clients write deflate without the header of zlib
        return _decompressed(raw, -zlib.MAX_WBITS)
    except zlib.error:
        raise ValueError(f"it is not {encoding}") from None


def _declared_length(message: http.Request) -> int:
    """Return the declared length, or 0 if there is none that can be read."""
    try:
        return int(message.headers.get("content-length", "0"))
    except ValueError:
        return 0


def _decompressed(data: bytes, window_bits: int) -> bytes:
    """Return decompressed data. Raises ValueError with the reason, or zlib.error."""
    decompressor = zlib.decompressobj(window_bits)
    decompressed = decompressor.decompress(data, MAX_BODY + 1)
    if len(decompressed) > MAX_BODY:
        raise ValueError(f"decompressed it has more than {MAX_BODY:,} bytes")
    if not decompressor.eof:
        raise ValueError("its compressed data ends too early")
    if decompressor.unused_data:
        raise ValueError("other bytes follow its compressed data")
    return decompressed
