"""A route of tests: `POST /v1/toy` with several calls in its body; see `toy_decoder`."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from pixel_emulator.core.endpoint import routes
from pixel_emulator.core.model import HttpRequest, HttpResponse
from tests.toy_decoder import ToyDecoder


@contextmanager
def toy_route() -> Iterator[None]:
    """Let the route table of this process have the route."""
    response = HttpResponse(200, (("Content-Type", "text/plain"),), b"toy")
    with pytest.MonkeyPatch.context() as patch:
        toy = routes.Route(ToyDecoder(), response)
        patch.setitem(routes._ROUTES, ("/v1/toy", "POST"), toy)
        routes._cached_route.cache_clear()
        yield
    routes._cached_route.cache_clear()


def batch(*calls: dict[str, Any]) -> HttpRequest:
    """Return the request with these calls; they are track calls of one user by default."""
    usual = {"type": "track", "userId": "u", "writeKey": "wk_test_00000000000000000000"}
    return batch_of([{**usual, **call} for call in calls])


def batch_of(items: Sequence[Any]) -> HttpRequest:
    """Return the request with this JSON."""
    return HttpRequest(method="POST", target=b"/v1/toy", body=json.dumps(items).encode())
