"""The route table: which decoder reads a request, and how it is answered."""

import json
import tracemalloc

import pytest

from pixel_emulator.core.endpoint.pixel.decoder import PixelDecoder
from pixel_emulator.core.endpoint.routes import GIF, decode_request, route
from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.model import CallType, Dialect, HttpRequest


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/pixel/track", PixelDecoder(CallType.TRACK)),
        (b"/V1/Pixel/PAGE/", PixelDecoder(CallType.PAGE)),
        (b"/v1/pixel/%74rack", PixelDecoder(CallType.TRACK)),
        (b"/v1/pixel/track//", None),
        (b"//v1/pixel/track", None),
        (b"/v1/pixel/batch", None),
        (b"/v1/pixel/", None),
        (b"/v1/pixel/tracks", None),
        (b"/", None),
    ],
)
def test_a_path_is_one_of_six_calls_or_not_found(path, expected):
    routed = route("GET", path)
    assert routed.decoder == expected
    assert routed.response.status == (404 if expected is None else 200)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_pixel_is_answered_with_the_gif(method):
    response = route(method, b"/v1/pixel/track").response
    assert response.body == GIF
    assert len(GIF) == 42
    assert GIF.startswith(b"GIF89a")
    assert dict(response.headers) == {
        "Content-Type": "image/gif",
        "Cache-Control": "no-cache, max-age=0",
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_method_at_a_pixel_is_not_allowed(method):
    routed = route(method, b"/v1/pixel/track")
    assert routed.decoder is None
    assert routed.response.status == 405
    assert dict(routed.response.headers)["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", b"/v1/t", 200),
        ("POST", b"/v1/batch", 200),
        ("POST", b"/v1/track/", 200),
        ("OPTIONS", b"/v1/t", 204),
        ("GET", b"/v1/t", 404),
        ("POST", b"/v1/nothing", 404),
    ],
)
def test_the_tracking_api_is_answered_so_that_pages_do_not_break(method, path, status):
    routed = route(method, path)
    assert routed.decoder is None
    assert routed.response.status == status
    if method == "POST" and status == 200:
        assert json.loads(routed.response.body) == {"success": True}


def test_routes_of_long_paths_are_not_cached():
    tracemalloc.start()
    try:
        for number in range(300):
            assert route("GET", b"/%d/" % number + b"x" * 30_000).decoder is None
            assert route(f"{number}" + "X" * 30_000, b"/v1/pixel/track").decoder is None
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10 * 30_000


def test_a_request_carries_the_calls_that_its_decoder_reads():
    [decoded] = decode_request(request_from_url("/v1/pixel/page?name=A"), Dialect.DOCUMENTED)
    assert (decoded.call.type, decoded.call.payload) == (CallType.PAGE, {"name": "A"})
    post = HttpRequest(target=b"/v1/pixel/page?name=A", method="POST")
    assert decode_request(post, Dialect.DOCUMENTED) == ()
