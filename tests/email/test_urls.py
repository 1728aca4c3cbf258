"""A URL as a browser requests it, and as somebody pastes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email.urls import browser_url, pasted

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
    found = browser_url(text)
    assert (found and str(found)) == url


PASTED = {
    "plain": ("https://a.test/?a=1&b=2", "https://a.test/?a=1&b=2", False),
    "from HTML": ("https://a.test/?a=1&amp;b=2", "https://a.test/?a=1&b=2", True),
    "numeric references": ("https://a.test/?a=1&#38;b=2&#x26;c", "https://a.test/?a=1&b=2&c", True),
    "escaped twice": ("https://a.test/?a&amp;amp;b", "https://a.test/?a&amp;b", True),
    "timestamp is no entity": ("/x?a&timestamp=1&copy=2", "/x?a&timestamp=1&copy=2", False),
    "timestamp beside an entity": ("/x?a&timestamp=1&amp;b", "/x?a&timestamp=1&b", True),
    "quotes survive": ('/x?a="b"&amp;c=<d>', '/x?a="b"&c=<d>', True),
    "bare path": ("/v1/pixel/track?a=1", "/v1/pixel/track?a=1", False),
    "blanks and line breaks": (" https://a.test\n/x \n", "https://a.test/x", False),
    "with its quotes": ('"https://a.test/x"', "https://a.test/x", False),
    "a whole attribute": ("src='https://a.test/?a&amp;b'", "https://a.test/?a&b", True),
    "empty": ("", "", False),
}


@pytest.mark.parametrize(("text", "url", "from_html"), PASTED.values(), ids=PASTED)
def test_pasted(text, url, from_html):
    found = pasted(text)
    assert (found.url, found.from_html) == (url, from_html)


@given(st.text(st.characters(codec=None)))
def test_no_text_is_too_odd(text):
    pasted(text)
    pasted(f"&amp;{text}")
    browser_url(text)
    found = browser_url(f"https://a.test/{text}")
    assert found is not None
    assert str(found).isascii()
    assert browser_url(str(found)) == found
