"""The facts of a request under `request:`, and the client that sent it."""

import pytest

from pixel_emulator.core.model import HttpRequest
from pixel_emulator.core.parser.call_pattern import REQUEST_CHOICES
from pixel_emulator.core.parser.vocabulary import REQUEST
from pixel_emulator.core.scenarios.mail_clients import (
    CLIENT_NAMES,
    MAIL_CLIENTS,
    Fetch,
    identify_client,
    request_facts,
)
from tests.hits import classified_hit, hit

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"

# A User-Agent that pixel servers see, and who that is.
AGENTS = [
    (GMAIL, "gmail", "proxy"),
    (
        f"{WINDOWS}Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
        "gmail",
        "prefetch",
    ),
    ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", "yahoo", "proxy"),
    ("Mozilla/5.0 (compatible; YahooMailProxy; https://help.yahoo.com)", "yahoo", "proxy"),
    ("Mozilla/5.0", "apple_mail", "prefetch"),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "apple_mail",
        "open",
    ),
    (
        f"{IPHONE}AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "apple_mail",
        "open",
    ),
    ("Mozilla/4.0 (compatible; ms-office; MSOffice 16)", "outlook", "open"),
    (
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.6326; Pro)",
        "outlook",
        "open",
    ),
    (
        "MacOutlook/15.27.0.161010 (Intelx64 Mac OS X Version 10.11.6 (Build 15G1108))",
        "outlook",
        "open",
    ),
    ("Outlook-iOS/665.29827.prod.iphone (2.63.0)", "outlook", "open"),
    ("Microsoft Office Existence Discovery", "outlook", "prefetch"),
    ("Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Thunderbird/128.2.0", "thunderbird", "open"),
    ("Mozilla/5.0 (X11) Gecko/20100101 Postbox/4.0.8", "postbox", "open"),
    ("Mozilla/4.0 (compatible; Lotus-Notes/6.0; Windows-NT)", "lotus_notes", "open"),
    ("Airmail 1.0.6 rv:196 (Macintosh)", "airmail", "open"),
    ("Superhuman", "superhuman", "open"),
    (f"hey.com/imageproxy {CHROME}Chrome/134.0.0.0 Safari/537.36", "hey", "proxy"),
    ("FastmailUA/1.0", "fastmail", "proxy"),
    ("SeznamEmailProxy/3.0.16", "seznam", "proxy"),
    ("Mailpit/1.27", "mailpit", "prefetch"),
    (f"{CHROME}HeadlessChrome/156.0.0.0 Safari/537.36", "headless", "open"),
    (f"{CHROME}Chrome/134.0.0.0 Safari/537.36", "browser", "open"),
    ("Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Firefox/128.0", "browser", "open"),
    ("curl/8.5.0", "other", "open"),
    ("", "other", "open"),
]


@pytest.mark.parametrize(("agent", "client", "fetch"), AGENTS)
def test_the_user_agent_identifies_client_and_fetch(agent, client, fetch):
    request = HttpRequest(target=b"/", headers=(("user-agent", agent),))
    assert identify_client(request) == (client, fetch)


def test_every_client_has_a_case():
    assert {client for _, client, _ in AGENTS} == set(CLIENT_NAMES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sec-purpose", "prefetch;anonymous-client-ip"),
        ("purpose", "prefetch"),
        ("x-moz", "Prefetch"),
        ("x-purpose", "preview"),
    ],
)
def test_headers_identify_a_prefetch_of_a_browser(name, value):
    headers = (("user-agent", f"{CHROME}Chrome/134.0 Safari/537.36"), (name, value))
    assert identify_client(HttpRequest(target=b"/", headers=headers)) == ("browser", "prefetch")


def test_a_head_is_no_open():
    request = HttpRequest(target=b"/", method="HEAD", headers=(("user-agent", GMAIL),))
    assert identify_client(request) == ("gmail", "head")


def test_no_headers_identify_no_client():
    assert identify_client(HttpRequest(target=b"/")) == ("other", Fetch.OPEN)


@pytest.mark.parametrize("name", MAIL_CLIENTS)
def test_a_modelled_client_is_identified_by_its_requests(name):
    for ask in MAIL_CLIENTS[name]:
        headers = tuple((key.lower(), value) for key, value in ask.headers)
        client, fetch = identify_client(
            HttpRequest(target=b"/", method=ask.method, headers=headers)
        )
        assert fetch is ask.fetch
        assert client in name.replace("apple_privacy", "apple_mail").replace("ios", "apple")


def facts(**parts):
    target = b"/v1/pixel/page?writeKey=k&userId=u"
    return request_facts(classified_hit(1, HttpRequest(target=target, **parts)))


def test_facts_that_the_request_lacks_are_absent():
    assert facts(host="api.segment.io") == {
        "host": "api.segment.io",
        "path": "/v1/pixel/page",
        "form": "flat",
        "client": "other",
        "fetch": "open",
        "http": "HTTP/1.1",
    }


def test_headers_are_reported_as_sent():
    reported = facts(headers=(("user-agent", GMAIL), ("referer", "https://mail.example.com/")))
    assert reported["user_agent"] == GMAIL
    assert reported["referer"] == "https://mail.example.com/"
    assert (reported["client"], reported["fetch"]) == ("gmail", "proxy")


def test_the_base64_form_has_an_alphabet_and_perhaps_padding():
    reported = request_facts(hit(1, "page", {"userId": "u"}))
    assert reported["form"] == "base64"
    assert reported["alphabet"] in REQUEST_CHOICES["alphabet"]
    assert isinstance(reported["padded"], bool)


def test_a_request_that_is_no_pixel_call_has_facts():
    favicon = classified_hit(1, HttpRequest(target=b"/favicon.ico"))
    assert request_facts(favicon)["path"] == "/favicon.ico"


def test_the_vocabulary_covers_all_facts():
    headers = (("user-agent", GMAIL), ("referer", "r"))
    reported = {**facts(headers=headers), **request_facts(hit(1, "page", {"userId": "u"}))}
    assert reported.keys() == REQUEST.keys()
    assert all(reported[name] in words for name, words in REQUEST_CHOICES.items())
