"""Problems of a URL that its request does not show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.model import Dialect, Outcome
from pixel_emulator.core.problems.classify import classify_url

HOSTS = ("api.segment.io", "events.eu1.segmentapis.com", "eu1.api.segmentapis.com")
SOUND = "/v1/pixel/track?writeKey=wk_test_0000&userId=u_1&event=Opened"


def codes(url: str, *, text: str = "", hosts=HOSTS) -> list[str]:
    classification = classify_url(url, Dialect.DOCUMENTED, hosts=hosts, text=text)
    return [problem.code for problem in classification.problems]


# -- hosts -----------------------------------------------------------------------------------

MISSPELT = {
    "a dot is missing": "apisegment.io",
    "a dot too much": "api..segment.io",
    "two letters are swapped": "api.segmnet.io",
    "a letter is missing": "api.segmet.io",
    "a letter too much": "api.segmentt.io",
    "another letter": "api.segnent.io",
    "the first letter": "pi.segment.io",
    "the last letter": "api.segment.i",
    "one more at the end": "api.segment.iom",
    "a digit for a letter": "api.s3gment.io",
    "a blank inside": "api.seg ment.io",
    "an escaped blank inside": "api.seg%20ment.io",
    "capitals, port and a trailing dot": "API.SEGMNET.IO.:443",
    "a user name": "me:secret@api.segmnet.io",
    "another emulated host": "events.eu1.segmentapi.com",
    "a dot of it is missing": "events.eu1segmentapis.com",
    "a dot of it too much": "eu1..api.segmentapis.com",
    "two letters of it are swapped": "events.ue1.segmentapis.com",
    "two dots at the end": "api.segment.io..",
    "a dot first": ".api.segment.io",
    "a comma for a dot": "api.segment,io",
    "a Cyrillic letter": "api.segm\u0435nt.io",
    "three Cyrillic letters": "\u0430pi.s\u0435gm\u0435nt.io",
    "two accents": "\u00e0pi.segm\u00e9nt.io",
    "Punycode": f"api.xn--{'s\u0435gm\u0435nt'.encode('punycode').decode()}.io",
}
OTHER = {
    "the host itself": "api.segment.io",
    "the host in full width": "\uff41\uff50\uff49.segment.io",
    "the host with an ideographic stop": "api\u3002segment.io",
    "the host with a soft hyphen": "api.seg\u00adment.io",
    "the host, escaped": "%61pi%2Esegment.io",
    "the host behind a user name": "me:secret@api.segment.io",
    "Europe in capitals, with a dot": "EVENTS.EU1.SEGMENTAPIS.COM.",
    "a custom domain in another script": "\u043f\u043e\u0447\u0442\u0430.example",
    "an accent in a longer name": "api.segm\u00e9nts.io",
    "Punycode of another name": "api.xn--mnchen-3ya.io",
    "broken Punycode": "api.xn--\u00e9.io",
    "the API's host of another region": "us1.api.segmentapis.com",
    "in capitals, with a port and a dot": "Api.Segment.IO.:8443",
    "another host of Segment": "cdn.segment.com",
    "Segment's API of another domain": "api.segment.com",
    "two edits": "api.sgemnet.io",
    "a custom domain": "api.mail.example.com",
    "a longer name": "api.segment.io.example.com",
    "another region": "events.eu2.segmentapis.com",
    "a number more": "api2.segment.io",
    "this machine": "localhost:8080",
    "an address": "127.0.0.1",
    "an IPv6 address": "[::1]:8080",
}


@pytest.mark.parametrize("host", MISSPELT.values(), ids=MISSPELT)
def test_a_host_one_edit_away_is_misspelt(host):
    assert codes(f"https://{host}{SOUND}") == ["misspelt_host"]


@pytest.mark.parametrize("host", OTHER.values(), ids=OTHER)
def test_any_other_host_is_not_misspelt(host):
    assert codes(f"https://{host}{SOUND}") == []


def test_a_host_that_the_user_emulates_is_not_misspelt():
    url = f"https://api.segmnet.io{SOUND}"
    assert codes(url, hosts=(*HOSTS, "api.SEGMNET.io")) == []
    assert codes(f"https://pixel.example.com{SOUND}", hosts=("pixels.example.com",)) == [
        "misspelt_host"
    ]
    assert codes(url, hosts=()) == []


@given(st.sampled_from(HOSTS), st.data())
def test_every_letter_that_is_lost_is_found(host, data):
    at = data.draw(st.integers(0, len(host) - 1).filter(lambda n: not host[n].isdecimal()))
    assert codes(f"https://{host[:at]}{host[at + 1 :]}{SOUND}") == ["misspelt_host"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("my shop.example.com", ["invalid_host"]),
        ("my%20shop.example.com", ["invalid_host"]),
        ("a..example.com", ["invalid_host"]),
        (".example.com", ["invalid_host"]),
        ("a^b.example.com", ["invalid_host"]),
        ("a%25b.example.com", ["invalid_host"]),
        (f"{'a' * 64}.example.com", ["invalid_host"]),
        (f"{'a' * 63}.example.com", []),
        (".".join(["a" * 50] * 6), ["invalid_host"]),
        ("münchen.example.com", []),
        ("{{ host }}", ["template_token"]),
        ("api.%%domain%%", ["template_token"]),
    ],
)
def test_a_host_that_no_client_can_look_up_is_invalid(host, expected):
    assert codes(f"https://{host}{SOUND}") == expected


def test_such_a_call_is_damaged_and_names_the_host_that_is_meant():
    classification = classify_url(f"https://api.segmnet.io{SOUND}", Dialect.DOCUMENTED, hosts=HOSTS)
    assert classification.outcome is Outcome.DAMAGED
    assert classification.problems[0].message.startswith(
        'The host "api.segmnet.io" is probably meant to be api.segment.io. '
    )


def test_what_is_dropped_stays_dropped_and_what_is_no_call_stays_none():
    for path, outcome in ((SOUND.replace("event", "x"), "dropped"), ("/v1/p", "unhandled")):
        classification = classify_url(
            f"https://api.segmnet.io{path}", Dialect.DOCUMENTED, hosts=HOSTS
        )
        assert classification.outcome == outcome
        assert "misspelt_host" in {problem.code for problem in classification.problems}


def test_the_worst_comes_first():
    url = f"https://api.segmnet.io{SOUND}&messageId=m#x"
    assert codes(url) == ["misspelt_host", "baked_message_id", "fragment"]


# -- line breaks and fragments ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"https://api.segment.io{SOUND}\n x", ["folded_url"]),
        (f"https://api.segment.io{SOUND}!\r\n\tx", ["folded_url"]),
        (f"https://api.segment.io{SOUND}\nx", []),
        (f"\n https://api.segment.io{SOUND}\n ", []),
        (f"https://api.segment.io{SOUND} x", []),
        (f"https://api.segment.io{SOUND}#1", ["fragment"]),
        (f"https://api.segment.io{SOUND}#", ["fragment"]),
        (f"https://api.segment.io{SOUND}&x=#{{user.id}}", ["template_token", "fragment"]),
        (f"https://api.segment.io{SOUND}&x=#{{ @user }}&y", ["template_token", "fragment"]),
        (f"https://api.segment.io{SOUND}&x=#{{0}}", ["fragment"]),
    ],
)
def test_the_text_of_a_url_has_problems_that_its_request_does_not_show(text, expected):
    assert codes(f"https://api.segment.io{SOUND}", text=text) == expected
    if "\n" not in text:
        assert codes(text) == expected


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ("eyJ3cml0ZUtle%20SI6IjEifQ", "holds a space where base64 has none. Segment"),
        ("eyJ3cml0ZUtle%0A%20SI6IjEifQ", "holds a space where base64 has none. Segment"),
        ("eyJ3cml0ZUtle+SI6IjEifQ", "a raw `+` in a query means a space"),
    ],
)
def test_a_plus_is_blamed_only_for_spaces_that_it_makes(data, cause):
    url = f"https://api.segment.io/v1/pixel/track?data={data}"
    (invalid,) = classify_url(url, Dialect.DOCUMENTED).problems
    assert cause in invalid.message
