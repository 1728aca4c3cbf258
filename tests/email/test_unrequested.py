"""Places that name a pixel although no client requests it there."""

import base64
import json
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email import html_tree
from pixel_emulator.email.html_guard import check_html
from pixel_emulator.email.limits import LimitError, Limits
from pixel_emulator.email.unrequested import UnrequestedPlace, search_html
from tests.law_examples import examples

HOSTS = ("api.segment.io",)
TRACK = "https://api.segment.io/v1/pixel/track?userId=u&event=Opened"
IMG = f'<img src="{TRACK}" width="1">'
QP = quopri.encodestring(f"<p>x</p>{IMG}".encode()).decode()

WHY = {
    "no scheme": ("<img src='api.segment.io/v1/pixel/track'>", "no scheme", False),
    "only a path": ("<img src='/v1/pixel/track'>", "no scheme", False),
    "another scheme": (f"<img src='ftp:{TRACK[6:]}'>", "`ftp:` is neither http: nor https:", False),
    "quoted-printable": (QP, "quoted-printable", True),
    "quoted-printable cut in the path": (
        QP.replace("/v1/pixel/", "/v1/pix=\nel/"),
        "quoted-printable",
        True,
    ),
    "backslashes": (IMG.replace('"', '\\"'), "backslashes", True),
    "JSON": (json.dumps(IMG).replace("/", "\\/"), "backslashes", True),
    "base64": (base64.encodebytes(IMG.encode() * 3).decode(), "base64", True),
    "percent-encoded": (f"<img src='{TRACK.replace(':', '%3A').replace('/', '%2F')}'>", "percent",
                        True),
    "curly quotes": (f"<img src=\u201c{TRACK}\u201d>", "curly quotes", False),
    "behind a #": (f"<img src='https://ci4.example.com/proxy/x#{TRACK}'>", "Gmail's image", False),
    "within a query": (f"<img src='https://cdn.example.com/?u={TRACK}'>", "part of a URL", False),
    "a link": (f"<a href='{TRACK}'>x</a>", "a link", False),
    "a lazy image": (f"<img data-src='{TRACK}'>", "`data-src` of <img>", False),
    "an escaped tag": (IMG.replace("<", "&lt;"), "its tag is escaped", False),
    "text": (f"<p>{TRACK}</p>", "stands in the text", False),
    "a script": (f"<script>new Image().src = '{TRACK}'</script>", "stands in a script", False),
    "a comment of CSS": (f"<style>/* {TRACK} */</style>", "the text of a <style>", False),
    "a text area": (f"<textarea>{IMG}</textarea>", "the text of a <textarea>", False),
    "a template": (f"<template>{TRACK}</template>", "in a comment or template", False),
    "a quote left open": (f'<img src="{TRACK}>', "quote left open", False),
    "a tag left open": (f"<p>x<img src='{TRACK}'", "in a tag", False),
    "a second attribute": (f"<img src='x.png' src='{TRACK}'>", "written twice", False),
    "a token": ("<img src='{{ pixelUrl }}'>", "token {{ pixelUrl }}", False),
}  # fmt: skip


@pytest.mark.parametrize(("html", "why", "is_undecoded"), WHY.values(), ids=WHY)
def test_a_place_is_named_with_its_reason(html, why, is_undecoded):
    (place,) = search_html(html, hosts=HOSTS).unrequested
    assert why in place.sentence
    assert place.is_undecoded is is_undecoded
    assert place.line in (0, 1)


SOUND = {
    "nothing": "",
    "a pixel": IMG,
    "a pixel twice": IMG * 2,
    "a pixel with a fragment": f"<img src='{TRACK}#x'>",
    "a comment": f"<!-- {IMG} {TRACK} -->",
    "another URL": "<img src='https://example.com/a.gif'><a href='/v1/pixels'>",
    "a style with a pixel": f"<p style='background: url({TRACK})'>",
    "a style sheet": f"<style>p {{background: url({TRACK})}}</style>",
    "a set of sources": f"<img srcset='{TRACK} 2x'>",
    "a token beside a pixel": f"<img src='{{{{ logo }}}}'>{IMG}",
    "an equals sign": "a=3D",
}


@pytest.mark.parametrize("html", SOUND.values(), ids=SOUND)
def test_no_unrequested_place(html):
    assert search_html(html, hosts=HOSTS).unrequested == ()


def test_lines_and_sentences():
    html = "<p>\n<img src='/v1/pixel/track'>\n\n<a href='/v1/pixel/page'>"
    assert [place.line for place in search_html(html, hosts=HOSTS).unrequested] == [2, 4]
    assert UnrequestedPlace(2, "y").sentence == (
        "line 2 names /v1/pixel/, but no client requests it, because y"
    )
    assert (
        UnrequestedPlace(0, "y", is_template_token=True).sentence
        == "the text names no pixel, because y"
    )


def test_a_text_is_parsed_once(monkeypatch):
    parsed = []

    def check(html, limits):
        parsed.append(html)
        check_html(html, limits)

    monkeypatch.setattr(html_tree, "check_html", check)
    html = f"{IMG}<a href='/v1/pixel/page'>x</a><p>=3D"
    search = search_html(html, hosts=HOSTS)
    assert (len(search.pixels), len(search.unrequested)) == (1, 1)
    assert parsed == [html]


def test_few_places_are_named_of_many():
    html = "".join(f"<a href='/v1/pixel/track?{n}'>\n" for n in range(99))
    assert len(search_html(html, hosts=HOSTS).unrequested) == 20


def test_what_passes_a_limit_is_refused():
    with pytest.raises(LimitError):
        search_html("<p>" * 9, hosts=HOSTS, limits=Limits(elements=8))


FRAGMENTS = st.sampled_from(
    [*"<>\"'&;=/\\#?%, \n\ud800", "<img src=", "<a href=", "3D", "/v1/pixel/", "{{ x }}", TRACK]
)


@examples(200)
@given(st.text() | st.lists(FRAGMENTS).map("".join))
def test_no_text_is_too_odd(html):
    for place in search_html(html, hosts=HOSTS).unrequested:
        assert place.line <= html.count("\n") + 1
