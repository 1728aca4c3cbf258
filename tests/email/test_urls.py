"""A URL as a browser requests it, and as somebody pastes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email.urls import PastedUrl, browser_url, pasted_url

REQUESTED = {
    "as it is": ("https://a.test/x?y=1", "https://a.test/x?y=1"),
    "blanks around": (" \n\t https://a.test/x \x1f", "https://a.test/x"),
    "newline and tab inside": (
        "https://a.test/v1/\npixel/\ttrack",
        "https://a.test/v1/pixel/track",
    ),
    "space": ("https://a.test/a b?c d", "https://a.test/a%20b?c%20d"),
    "double quote": ('https://a.test/?{"a":"b"}', "https://a.test/?{%22a%22:%22b%22}"),
    "single quote": ("https://a.test/it's?it's", "https://a.test/it's?it%27s"),
    "non-ASCII": ("https://a.test/ü?ü=\U0001f600", "https://a.test/%C3%BC?%C3%BC=%F0%9F%98%80"),
    "zero width space": ("https://a.test/?a\u200bb", "https://a.test/?a%E2%80%8Bb"),
    "plus, slash and equals stay": ("https://a.test/?d=a+b/c==", "https://a.test/?d=a+b/c=="),
    "percent stays": ("https://a.test/?a=%zz%2B%252B", "https://a.test/?a=%zz%2B%252B"),
    "mustache token": ("https://a.test/?u={{ x }}", "https://a.test/?u={{%20x%20}}"),
    "EJS token": ("https://a.test/?u=<%= x %>", "https://a.test/?u=%3C%=%20x%20%%3E"),
    "Mailchimp token": ("https://a.test/?u=*|UNIQID|*", "https://a.test/?u=*|UNIQID|*"),
    "fragment": ("https://a.test/x?y={{#if id}}", "https://a.test/x?y={{"),
    "scheme and host in capitals": ("HTTPS://A.TEST/X", "https://a.test/X"),
    "no scheme": ("//a.test/x", "https://a.test/x"),
    "http stays http": ("http://a.test/x", "http://a.test/x"),
    "one slash": ("https:/a.test/x", "https://a.test/x"),
    "backslashes": ("https:\\\\a.test\\x\\y?z\\", "https://a.test/x/y?z\\"),
    "user name": ("https://me:you@a.test/x", "https://a.test/x"),
    "default port": ("https://a.test:443/x", "https://a.test/x"),
    "port": ("http://a.test:443/x", "http://a.test:443/x"),
    "trailing dot of the host": ("https://a.test./x", "https://a.test./x"),
    "host in full width": ("https://\uff41.test/x", "https://a.test/x"),
    "host with an ideographic stop": ("https://a\u3002test/x", "https://a.test/x"),
    "host with a soft hyphen": ("https://a.te\u00adst/x", "https://a.test/x"),
    "no path": ("https://a.test?x", "https://a.test/?x"),
    "empty query": ("https://a.test/x?", "https://a.test/x?"),
    "relative": ("pixel.gif", None),
    "absolute path": ("/v1/pixel/track", None),
    "other scheme": ("cid:part1", None),
    "no host": ("https:///?x", None),
    "curly quotes": ("“https://a.test/x”", None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("text", "url"), REQUESTED.values(), ids=REQUESTED)
def test_a_browser_requests(text, url):
    parsed = browser_url(text)
    assert (parsed and str(parsed)) == url


PASTED = {
    "plain": ("https://a.test/?a=1&b=2", "https://a.test/?a=1&b=2", False),
    "from HTML": ("https://a.test/?a=1&amp;b=2", "https://a.test/?a=1&b=2", True),
    "numeric references": ("https://a.test/?a=1&#38;b=2&#x26;c", "https://a.test/?a=1&b=2&c", True),
    "escaped twice": ("https://a.test/?a&amp;amp;b", "https://a.test/?a&amp;b", True),
    "timestamp is no entity": ("/v1/x?a&timestamp=1&copy=2", "/v1/x?a&timestamp=1&copy=2", False),
    "timestamp beside an entity": ("/v1/x?a&timestamp=1&amp;b", "/v1/x?a&timestamp=1&b", True),
    "quotes survive": ('/v1/x?a="b"&amp;c=<d>', '/v1/x?a="b"&c=<d>', True),
    "bare path": ("/v1/pixel/track?a=1", "/v1/pixel/track?a=1", False),
    "blanks and line breaks": (" https://a.test\n/x \n", "https://a.test/x", False),
    "with its quotes": ('"https://a.test/x"', "https://a.test/x", False),
    "a whole attribute": ("src='https://a.test/?a&amp;b'", "https://a.test/?a&b", True),
}


@pytest.mark.parametrize(("text", "url", "from_html"), PASTED.values(), ids=PASTED)
def test_pasted(text, url, from_html):
    assert pasted_url(text) == PastedUrl(url, from_html)


URL = 'https://api.segment.io/v1/pixel/track?data={"a":(1)}'
SHORT = "https://api.segment.io/v1/pixel/track?a=1"
COPIED = {
    "a byte order mark": (f"\ufeff {URL}\r\n", URL),
    "an attribute": (f'src="{SHORT}"', SHORT),
    "an attribute in single quotes": (f"src='{URL}' alt=\"\"", URL),
    "an attribute without quotes": (f"src={SHORT}", SHORT),
    "the middle of a tag": (f"img width=1 src={SHORT}>", SHORT),
    "a host that is a token": (
        'img src="https://{{ host }}/v1/pixel/track?a"',
        "https://{{ host }}/v1/pixel/track?a",
    ),
    "a string of a list": (f'"{SHORT}",', SHORT),
    "a string in single quotes": (f"'{URL}';", URL),
    "a member of JSON": (f'{{"pixel": "{SHORT}", "a": 1}}', SHORT),
    "a string in a string": (f'src=\\"{SHORT}\\"', SHORT),
    "a tag in a string": (f'"<img src=\\"{SHORT}\\">"', SHORT),
    "a command": (f"curl -sS '{URL}' -o /dev/null", URL),
    "a command of two lines": (f"curl -e https://a.test/ \\\n  {SHORT}\n", SHORT),
    "angle brackets": (f"<{SHORT}>", SHORT),
    "Markdown": (f"![x]({SHORT})", SHORT),
    "Markdown with a title": (f'![x]({SHORT} "title")', SHORT),
    "code in Markdown": (f"`{SHORT}`", SHORT),
    "CSS": (f"url({SHORT})", SHORT),
    "CSS in quotes": (f"url('{URL}')", URL),
    "a path before it": (
        "see https://a.test/b/v1/pixel/page?c",
        "https://a.test/b/v1/pixel/page?c",
    ),
    "no scheme": ("api.segment.io/v1/pixel/track?a", "//api.segment.io/v1/pixel/track?a"),
    "no scheme, in quotes": ("'a.test:80/v1/pixel/track?a'", "//a.test:80/v1/pixel/track?a"),
    "a host with a port": ("localhost:8080/v1/pixel/page?a", "//localhost:8080/v1/pixel/page?a"),
    "a broken path": ('"https://api.segment.io/v1/pix?a"', "https://api.segment.io/v1/pix?a"),
}


@pytest.mark.parametrize(("text", "url"), COPIED.values(), ids=COPIED)
def test_a_url_is_freed_of_what_it_was_copied_with(text, url):
    assert pasted_url(text) == PastedUrl(url, from_html=False)


@pytest.mark.parametrize(
    "text", ["", "mail.eml", "/tmp/a.html", "a\\b", "see https://a.test/x", '""']
)
def test_a_text_without_a_url(text):
    assert pasted_url(text) is None


@pytest.mark.parametrize("text", ["//" + "{{}}" * 50_000, "//" * 100_000, "a" * 200_000])
def test_a_long_text_is_searched_at_once(text):
    assert pasted_url(f"x {text}") is None


@given(st.text(st.characters(codec=None)))
def test_no_text_is_too_odd(text):
    pasted_url(text)
    pasted_url(f"&amp;{text}")
    browser_url(text)
    parsed = browser_url(f"https://a.test/{text}")
    assert parsed is not None
    assert str(parsed).isascii()
    assert browser_url(str(parsed)) == parsed
