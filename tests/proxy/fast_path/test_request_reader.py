"""The fast path parses a client's bytes exactly as mitmproxy does, or not at all.

The oracle is mitmproxy: its buffer, its parser, its validation, one head after the other.
"""

import pytest
from h11._receivebuffer import ReceiveBuffer
from hypothesis import example, given
from hypothesis import strategies as st
from mitmproxy import http, options
from mitmproxy.net.http import http1
from mitmproxy.proxy import context
from mitmproxy.proxy.layers.http import HTTPMode, validate_request
from mitmproxy.test import tflow

from pixel_emulator.core.model import HttpRequest
from pixel_emulator.proxy.convert import headers_of
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.request_reader import (
    ConnectRequest,
    Next,
    ReadResult,
    RequestReader,
)
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.law_examples import examples

SETTINGS = Settings()
SMUGGLED = b"GET /v1/pixel/track?smuggled HTTP/1.1\r\nHost: api.segment.io\r\n\r\n"


def read_fast_path(data: bytes) -> ReadResult:
    place = context.Context(tflow.tclient_conn(), options.Options())
    place.server.address = ("api.segment.io", 443)
    return RequestReader(place, EgressGuard(SETTINGS, Journal(SETTINGS)), {}).read(data)


def mitmproxy_reads(data: bytes) -> tuple[list[http.Request], bytes]:
    """Return the bodiless requests before the first that mitmproxy refuses, and the rest."""
    buffer, requests = ReceiveBuffer(), []
    buffer += data
    rest = data
    while lines := buffer.maybe_extract_lines():
        try:
            request = http1.read_request_head([bytes(line) for line in lines])
            size = http1.expected_http_body_size(request)
        except ValueError:
            break
        if size != 0 or validate_request(HTTPMode.transparent, request, True):
            break
        rest = bytes(buffer)
        requests.append(request)
        if http1.connection_close(request.http_version, request.headers):
            break
    return requests, rest


def facts(request: HttpRequest) -> tuple[object, ...]:
    return request.method, request.target, request.http_version, request.headers


def facts_of_mitmproxy(request: http.Request) -> tuple[object, ...]:
    wire = request.data
    fields = headers_of(wire.headers.fields)
    return wire.method.decode("latin-1"), wire.path, request.http_version, fields


def check(data: bytes) -> None:
    result = read_fast_path(data)
    requests, rest = mitmproxy_reads(data)
    plain = [request for request in result.requests if b" " not in request.target]
    count = len(plain)
    assert [facts(request) for request in plain] == [
        facts_of_mitmproxy(request) for request in requests[:count]
    ]
    if len(result.requests) > count:  # with a raw space: both answer 400, and read no further
        assert result.requests[count:] == result.requests[-1:]
        assert (len(requests), result.next) == (count, Next.CLOSE)
        return
    if result.next is Next.HAND_OVER:
        return
    assert count == len(requests)
    assert result.rest == rest
    if count:
        last = requests[-1]
        closes = http1.connection_close(last.http_version, last.headers)
        assert closes is (result.next is Next.CLOSE)


def head(*fields: bytes, line: bytes = b"GET /v1/pixel/track HTTP/1.1") -> bytes:
    return b"\r\n".join((line, b"Host: api.segment.io", *fields, b"", b""))


SHAPES = {
    "CL.TE": head(b"Content-Length: 6", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "TE.CL": head(b"Transfer-Encoding: chunked", b"Content-Length: 6") + b"0\r\n\r\n",
    "TE.TE": head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"),
    "TE, odd spelling": head(b"Transfer-Encoding: xchunked"),
    "TE, tab": head(b"Transfer-Encoding:\tchunked") + b"0\r\n\r\n",
    "TE, vertical tab": head(b"Transfer-Encoding: \x0bchunked"),
    "TE, blank in the name": head(b"Transfer-Encoding : chunked"),
    "TE, folded": head(b"X: y", b" Transfer-Encoding: chunked"),
    "TE, folded value": head(b"Transfer-Encoding:", b" chunked"),
    "TE behind a bare LF": head(b"X: y\nTransfer-Encoding: chunked"),
    "TE behind a bare CR": head(b"X: y\rTransfer-Encoding: chunked"),
    "TE in HTTP/1.0": head(b"Transfer-Encoding: chunked", line=b"GET / HTTP/1.0"),
    "two lengths": head(b"Content-Length: 0", b"Content-Length: 9"),
    "two equal lengths": head(b"Content-Length: 0", b"Content-Length: 0"),
    "a list of lengths": head(b"Content-Length: 0, 9"),
    "a signed length": head(b"Content-Length: +9"),
    "a hexadecimal length": head(b"Content-Length: 0x9"),
    "a length with a blank name": head(b"Content-Length : 9"),
    "a length in odd case": head(b"cOnTeNt-LeNgTh: 9"),
    "a length behind NUL": head(b"X: \0", b"Content-Length: 9"),
    "a length behind an early end": head(b"X: y\n\nContent-Length: 9"),
    "an end of bare LF": head(b"X: y")[:-2] + b"\n",
    "a second head in a value": head(b"X: y\n\r\nGET /v1/pixel/track?hidden HTTP/1.1"),
    "a body without a length": head() + b"body",
    "HEAD with a length": head(b"Content-Length: 9", line=b"HEAD / HTTP/1.1"),
    "two hosts": head(b"Host: other.example"),
    "no host": head().replace(b"Host: ", b"X-Host: "),
    "a host with a blank": head().replace(b"Host: ", b"Host : "),
    "HTTP/0.9": b"GET /v1/pixel/track\r\n\r\n",
    "HTTP/1.10": head(line=b"GET / HTTP/1.10"),
    "a fold before the first field": b"GET / HTTP/1.1\r\n Host: api.segment.io\r\n\r\n",
    "a tab before the target": head(line=b"GET\t/ HTTP/1.1"),
    "a form feed in the target": head(line=b"GET /\x0c HTTP/1.1"),
    "a blank at the end of the line": head(line=b"GET / HTTP/1.1 "),
    "an upgrade": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"),
    "a hop-by-hop length": head(b"Connection: Content-Length", b"Content-Length: 9"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_head_that_hides_a_request_is_read(shape: bytes):
    assert (
        read_fast_path(shape + SMUGGLED).requests == ()
        or shape == SHAPES["a body without a length"]
    )
    check(shape + SMUGGLED)
    check(SMUGGLED + shape + SMUGGLED)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_head_that_hides_a_request_opens_a_tunnel(shape: bytes):
    asked = shape.partition(b"\r\n")
    connect = b"CONNECT api.segment.io:443 HTTP/1.1\r\n" + asked[2]
    connect_request = ConnectRequest.read(connect + SMUGGLED)
    if connect_request:
        lines = ReceiveBuffer()
        lines += connect + SMUGGLED
        request = http1.read_request_head(
            [bytes(line) for line in lines.maybe_extract_lines() or ()]
        )
        assert validate_request(HTTPMode.regular, request, True) is None
        assert (connect_request.host, connect_request.port) == (request.host, request.port)
        assert connect_request.rest == bytes(lines)
        assert not {"content-length", "transfer-encoding"} & {*map(str.lower, request.headers)}


SEEDS = [head(), head(b"Connection: close"), head(b"X: a, b", b"Y:"), *SHAPES.values()]
BITS = [b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b"\r\n\r\n", b"\r\n ", b"\xff", b"\x0b",
        b"Host: x", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: close",
        b"HTTP/1.0", b"http://api.segment.io", b"//", b"?", b"#", b"*", b"HEAD ", b"POST ",
        b"CONNECT "]  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Two requests in a row, with some parts inserted, removed or overwritten."""
    data = draw(st.sampled_from(SEEDS)) + draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 0, 1, 2, 5]))
        data = data[:at] + draw(st.sampled_from([b"", *BITS])) + data[at + cut :]
    return data + draw(st.sampled_from([b"", SMUGGLED]))


@examples(200)
@given(mutations())
@example(head() + b"\r\n" + head())
def test_mutated_bytes_are_read_as_mitmproxy_reads_them(data: bytes):
    check(data)


@examples(200)
@given(
    st.binary(max_size=40), st.sampled_from([b"X: %s", b"%s: y", b"Host: %s", b"Connection: %s"])
)
def test_a_field_of_any_bytes_is_read_as_mitmproxy_reads_it(value: bytes, field: bytes):
    check(head(field % value) + SMUGGLED)
    check(head(field % value).replace(b"Host: api.segment.io\r\n", b"") + SMUGGLED)


@examples(200)
@given(st.binary(max_size=40))
def test_a_target_of_any_bytes_is_read_as_mitmproxy_reads_it(value: bytes):
    check(head(line=b"GET /%s HTTP/1.1" % value) + SMUGGLED)
    check(head(line=b"GET http://api.segment.io/%s HTTP/1.1" % value) + SMUGGLED)
    check(head(line=b"GET http://%s/ HTTP/1.1" % value) + SMUGGLED)
