"""Models of mail clients: `identify_client` recognizes the requests that they send."""

import pytest

from pixel_emulator.core.model import HttpRequest
from pixel_emulator.core.scenarios.mail_clients import (
    CLIENT_NAMES,
    MAIL_CLIENTS,
    Fetch,
    ImageRequest,
    identify_client,
)

ASKS = [(name, ask) for name, asks in MAIL_CLIENTS.items() for ask in asks]


@pytest.mark.parametrize(("name", "ask"), ASKS, ids=[f"{name}-{ask.fetch}" for name, ask in ASKS])
def test_requests_of_a_model_are_identified_with_their_fetch(name, ask):
    headers = tuple((key.lower(), value) for key, value in ask.headers)
    client, fetch = identify_client(
        HttpRequest(target=b"/v1/pixel/track", method=ask.method, headers=headers)
    )
    makers = {"ios_mail": "apple_mail", "apple_privacy": "apple_mail"}
    assert client == makers.get(name, name.partition("_")[0] if name not in CLIENT_NAMES else name)
    assert fetch is ask.fetch


def test_only_a_head_is_no_get():
    assert {fetch: ImageRequest(fetch, ()).method for fetch in Fetch} == {
        Fetch.OPEN: "GET",
        Fetch.PREFETCH: "GET",
        Fetch.PROXY: "GET",
        Fetch.HEAD: "HEAD",
    }


def test_gmail_may_load_a_mail_twice():
    assert [ask.fetch for ask in MAIL_CLIENTS["gmail_prefetch"]] == [Fetch.PREFETCH, Fetch.PROXY]
