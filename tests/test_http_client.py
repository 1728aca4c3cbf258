"""The client of our own: it reaches emulated hosts through the emulator, and nothing else."""

import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType, Outcome
from pixel_emulator.http_client import HttpClient
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

PIXEL = encode(
    CallType.TRACK, {"writeKey": "wk_test_0000000000000000", "userId": "u", "event": "E"}
)


@pytest.fixture(scope="module")
def emulator():
    with Emulator(Settings(port=0), Journal(Settings())) as running:
        yield running


@pytest.fixture
def client(emulator):
    with HttpClient(proxy=emulator.proxy, ca=emulator.authority.ca) as client:
        yield client


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_pixel_arrives_as_it_was_asked_for(emulator, client, scheme, method):
    headers = [("user-agent", "Superhuman"), ("referer", "https://mail.example.com/\xe4")]
    for _ in range(2):
        assert client.request(PIXEL.replace("https", scheme), headers, method=method) == 200
    hit, again = emulator.journal.hits[-2:]
    assert (hit.request, hit.outcome) == (again.request, Outcome.DELIVERED)
    assert hit.request.url == PIXEL.replace("https", scheme)
    assert hit.request.method == method
    assert hit.request.headers == (("host", "api.segment.io"), *headers)


def test_one_connection_a_host_is_enough(emulator, client):
    before = emulator.journal.evidence().connections
    for _ in range(3):
        client.request(PIXEL)
    assert emulator.journal.evidence().connections == before + 1


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("https://api.segment.io/a b", []),
        ("https://api.segment.io:x/", []),
        (PIXEL, [("user-agent", "a\r\nb: c")]),
    ],
)
def test_what_cannot_be_sent_is_an_error_and_the_next_goes_well(client, url, headers):
    with pytest.raises(OSError, match=r".+"):
        client.request(url, headers)
    assert client.request(PIXEL) == 200


def test_an_emulator_that_is_gone_is_an_error(emulator):
    with HttpClient(proxy="http://127.0.0.1:9", ca=emulator.authority.ca) as client:
        for _ in range(2):
            with pytest.raises(OSError, match="refused"):
                client.request(PIXEL)
