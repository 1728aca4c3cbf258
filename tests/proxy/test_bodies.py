"""Bodies are read within bounds, and only for a decoder that wants them."""

import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from mitmproxy import http
from mitmproxy.test import tutils

from pixel_emulator.core.model import Outcome
from pixel_emulator.proxy.bodies import MAX_BODY, BodyBuffer, read_body
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from tests.connection_ends import SEGMENT, directly
from tests.fast_path_settings import with_fast_path
from tests.toy_route import toy_route
from tests.wire import TIMEOUT

CALL = {"type": "track", "event": "Signed Up", "userId": "user_1"}
BODY = json.dumps([CALL, {**CALL, "event": "Left"}]).encode()
TOO_LARGE = "it has more than 1,048,576 bytes"


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def message(content: bytes, **headers: str) -> http.Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return tutils.treq(content=content, headers=http.Headers(fields))


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (gzipped(BODY), "gzip"),
        (gzipped(BODY), " X-GZIP "),
        (zlib.compress(BODY), "deflate"),
        (raw_deflate(BODY), "deflate"),
    ],
    ids=["none", "identity", "gzip", "x-gzip", "zlib", "deflate"],
)
def test_a_body_is_read_without_its_content_encoding(content, encoding):
    assert read_body(message(content, content_encoding=encoding)) == BODY


@pytest.mark.parametrize("size", [0, MAX_BODY])
def test_a_body_within_the_limit_is_whole(size):
    body = b"x" * size
    assert read_body(message(body, content_length=str(size))) == body
    assert read_body(message(gzipped(body), content_encoding="gzip")) == body


@pytest.mark.parametrize(
    ("content", "headers", "reason"),
    [
        (b"", {"content_length": str(MAX_BODY + 1)}, TOO_LARGE),
        (b"x" * (MAX_BODY + 1), {}, TOO_LARGE),
        (b"x" * (MAX_BODY + 1), {"content_length": "9" * 5000}, TOO_LARGE),
        (
            gzipped(b"x" * (MAX_BODY + 1)),
            {"content_encoding": "gzip"},
            "decompressed it has more than 1,048,576 bytes",
        ),
        (
            zlib.compress(b"x" * (MAX_BODY + 1)),
            {"content_encoding": "deflate"},
            "decompressed it has more than 1,048,576 bytes",
        ),
        (
            gzipped(BODY)[:-9],
            {"content_encoding": "gzip"},
            "its compressed data ends too early",
        ),
        (
            gzipped(BODY) + b"x",
            {"content_encoding": "gzip"},
            "other bytes follow its compressed data",
        ),
        (BODY, {"content_encoding": "gzip"}, "it is not gzip"),
        (BODY, {"content_encoding": "deflate"}, "it is not deflate"),
        (BODY, {"content_encoding": "br"}, "its content encoding is neither gzip nor deflate"),
        (
            gzipped(gzipped(BODY)),
            {"content_encoding": "gzip, gzip"},
            "its content encoding is neither gzip nor deflate",
        ),
    ],
    ids=range(11),
)
def test_a_body_that_cannot_be_read_has_a_reason(content, headers, reason):
    with pytest.raises(ValueError, match=reason):
        read_body(message(content, **headers))


def test_decompression_is_bounded_too():
    bomb = gzipped(bytes(200 * MAX_BODY))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="decompressed"):
            read_body(message(bomb, content_encoding="gzip"))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 * MAX_BODY


def test_the_buffer_keeps_one_byte_more_than_is_read():
    buffer = BodyBuffer()
    for _ in range(20):
        buffer += bytes(MAX_BODY // 10)
    assert len(buffer) == len(bytes(buffer)) == MAX_BODY + 1


# -- through the proxy ------------------------------------------------------------------------


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    settings = with_fast_path(port=0)
    with toy_route(), Emulator(settings, Journal(settings)) as e:
        yield e


def post(e: Emulator, head: str, body: bytes = b"", *, path: str = "/v1/toy") -> bytes:
    """Post and return the response; the client ends the connection."""
    connection = directly(e)
    connection.send(f"POST {path} HTTP/1.1\r\nHost: {SEGMENT}\r\n{head}\r\n".encode())
    for at in range(0, len(body), 65_536):
        connection.send(body[at : at + 65_536])
    connection.shutdown()
    response = connection.receive_all()
    assert e.drain(TIMEOUT)
    return response


def chunked(body: bytes) -> bytes:
    pieces = (body[at : at + 65_536] for at in range(0, len(body), 65_536))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_request_carries_the_calls_of_its_body(emulator: Emulator, is_chunked: bool):
    key = base64.b64encode(b"wk_0123456789:").decode()
    length = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(BODY)}"
    head = f"Authorization: Basic {key}\r\n{length}\r\n"
    assert post(emulator, head, chunked(BODY) if is_chunked else BODY).endswith(b"\r\n\r\ntoy")
    first, second = emulator.journal.hits
    assert (first.seq, second.seq) == (1, 2)
    assert first.exchange is second.exchange
    assert second.call
    assert second.call.payload == {
        "writeKey": "wk_0123456789", "event": "Left", "userId": "user_1"
    }  # fmt: skip
    assert "authorization" not in dict(first.request.headers)
    assert emulator.journal.gaps == ()


UNREADABLE = {
    "declared": (f"Content-Length: {3 * MAX_BODY}\r\n", bytes(3 * MAX_BODY), TOO_LARGE),
    "undeclared": ("Transfer-Encoding: chunked\r\n", chunked(bytes(3 * MAX_BODY)), TOO_LARGE),
    "decompressed": (
        "Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n",
        chunked(gzipped(bytes(3 * MAX_BODY))),
        "decompressed it has more than 1,048,576 bytes",
    ),
    "cut": (
        "Content-Length: 20\r\nContent-Encoding: gzip\r\n",
        gzipped(BODY)[:20],
        "its compressed data ends too early",
    ),
    "no gzip": ("Content-Length: 2\r\nContent-Encoding: gzip\r\n", b"[]", "it is not gzip"),
}


@pytest.mark.parametrize(("head", "body", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_body_is_a_gap_and_its_client_is_answered(
    emulator: Emulator, head: str, body: bytes, reason: str
):
    assert post(emulator, head, body).endswith(b"\r\n\r\ntoy")
    [hit] = emulator.journal.hits
    assert (hit.outcome, hit.request.body) == (Outcome.UNHANDLED, b"")
    assert emulator.journal.gaps == (
        f"the body of a POST /v1/toy could not be read: {reason}; its calls are unknown",
    )
    assert emulator.journal.failures == ()


@pytest.mark.parametrize("path", ["/v1/toy", "/v1/import"])
def test_mitmproxy_buffers_no_large_body(emulator: Emulator, path: str):
    body = bytes(64 * MAX_BODY)
    head = f"Content-Length: {len(body)}\r\n"
    tracemalloc.start()
    try:
        assert post(emulator, head, body, path=path).startswith(b"HTTP/1.1 200 OK\r\n")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16 * MAX_BODY
    assert emulator.journal.hits[0].request.body == b""


def test_a_body_that_nothing_wants_is_no_gap(emulator: Emulator):
    head = "Content-Encoding: br\r\nAuthorization: Basic eDp5\r\nContent-Length: 2\r\n"
    post(emulator, head, b"{}", path="/v1/batch")
    [hit] = emulator.journal.hits
    assert (hit.request.body, hit.request.authorization) == (b"", "")
    assert emulator.journal.gaps == ()
