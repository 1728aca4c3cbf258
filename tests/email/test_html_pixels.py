"""Which pixels an HTML text names; what a browser does with each was tried in Chromium."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email.html_pixels import find_pixels
from pixel_emulator.email.limits import LimitError, Limits
from tests.law_examples import examples

HOSTS = ("api.segment.io", "Events.EU1.segmentapis.com")
TRACK = "https://api.segment.io/v1/pixel/track"
PAGE = "https://api.segment.io/v1/pixel/page"

URLS = {
    "img": (f'<img src="{TRACK}?a=1">', [f"{TRACK}?a=1"]),
    "capitals, no quotes": (f"<IMG SRC={TRACK}?data=a== ALT>", [f"{TRACK}?data=a=="]),
    "capitals in the host": (
        '<img src="HTTPS://API.SEGMENT.IO/V1/Pixel/Track">',
        ["https://api.segment.io/V1/Pixel/Track"],
    ),
    "escaped ampersand": (f'<img src="{TRACK}?a&amp;b&#38;c">', [f"{TRACK}?a&b&c"]),
    "escaped twice": (f'<img src="{TRACK}?a&amp;amp;b">', [f"{TRACK}?a&amp;b"]),
    "timestamp is no entity": (
        f'<img src="{TRACK}?a&timestamp=1&copy=2&notify=3">',
        [f"{TRACK}?a&timestamp=1&copy=2&notify=3"],
    ),
    "an entity at the end": (f'<img src="{TRACK}?a&reg">', [f"{TRACK}?a%C2%AE"]),
    "newline inside": (f'<img src="{TRACK}?a=\r\n1\n&b">', [f"{TRACK}?a=1&b"]),
    "newline and indent inside": (f'<img src="{TRACK}?a\n  b">', [f"{TRACK}?a%20%20b"]),
    "hard-wrapped tag": (f'<img\n width="1"\n src\n=\n"{TRACK}"\n>', [TRACK]),
    "raw JSON": (f"<img src='{TRACK}?data={{\"a\":1}}'>", [f"{TRACK}?data={{%22a%22:1}}"]),
    "no scheme": ('<img src="//api.segment.io/v1/pixel/track">', [TRACK]),
    "trailing dot": ('<img src="https://api.segment.io./x">', ["https://api.segment.io./x"]),
    "a host given in capitals": (
        '<img src="https://events.eu1.segmentapis.com/v1/pixel/page">',
        ["https://events.eu1.segmentapis.com/v1/pixel/page"],
    ),
    "any path": ('<img src="https://api.segment.io/v1/p">', ["https://api.segment.io/v1/p"]),
    "srcset": (
        f'<img srcset="{TRACK}?1 1x,{TRACK}?2,3 2x, {TRACK}?4, {TRACK}?5 , ,">',
        [f"{TRACK}?1", f"{TRACK}?2,3", f"{TRACK}?4", f"{TRACK}?5"],
    ),
    "picture": (f'<picture><source srcset="{TRACK}"></picture>', [TRACK]),
    "image button": (f'<input TYPE="Image" src="{TRACK}">', [TRACK]),
    "background": (f'<table background="{TRACK}"><td background="{PAGE}">', [TRACK, PAGE]),
    "style attribute": (
        (
            f'<p style="background:url({TRACK}?a)">'
            f'<p style="list-style:URL( &quot;{TRACK}?b\' )&quot; )">'
        ),
        [f"{TRACK}?a", f"{TRACK}?b%27%20)"],
    ),
    "style element": (
        (
            f"<style>@import '{TRACK}?a'; @import url({TRACK}?b);"
            f"p {{background: url('{TRACK}?c')}}</style>"
        ),
        [f"{TRACK}?a", f"{TRACK}?b", f"{TRACK}?c"],
    ),
    "CSS escapes": (
        f"<p style='background:url({TRACK}?a\\26 b\\=c)'>",
        [f"{TRACK}?a&b=c"],
    ),
    "stylesheet": (f'<link rel="alternate STYLESHEET" href="{TRACK}">', [TRACK]),
    "video": (f'<video poster="{TRACK}" src="{PAGE}"></video>', [TRACK, PAGE]),
    "svg": (
        f'<svg><image href="{TRACK}?a"/><image xlink:href="{TRACK}?b"/></svg>',
        [f"{TRACK}?a", f"{TRACK}?b"],
    ),
    "object and embed": (f'<object data="{TRACK}"></object><embed src="{PAGE}">', [TRACK, PAGE]),
    "srcdoc": (
        f"<iframe srcdoc=\"<img src='{TRACK}?a&amp;amp;b'>\"></iframe>",
        [f"{TRACK}?a&b"],
    ),
    "before and behind the document": (
        f'<!--[if mso]><img src="{TRACK}"><![endif]--><html></html><img src="{PAGE}">',
        [TRACK, PAGE],
    ),
    "document order": (
        f'<img src="{TRACK}?1"><!-- <img src="{TRACK}?2"> --><img src="{TRACK}?3">',
        [f"{TRACK}?1", f"{TRACK}?2", f"{TRACK}?3"],
    ),
    "custom domain": (
        '<img src="https://api.mail.example.com/V1/pixel/track?a">',
        ["https://api.mail.example.com/V1/pixel/track?a"],
    ),
    "token for a host": (
        '<img src="https://{{ host }}/v1/pixel/track">',
        ["https://{{ host }}/v1/pixel/track"],
    ),
    "other image": ('<img src="https://example.com/v1/track.gif">', []),
    "host in the query": (f'<img src="https://example.com/?u={TRACK}">', []),
    "a longer host": ('<img src="https://api.segment.io.example.com/x">', []),
    "relative": ('<img src="/v1/pixel/track"><img src="api.segment.io/v1/pixel/track">', []),
    "relative to a base": (
        '<base href="https://api.segment.io/v1/x?y"><img src="/v1/pixel/page"><img src=" pixel/a">',
        [PAGE, "https://api.segment.io/v1/pixel/a"],
    ),
    "the first base counts, for what has no scheme": (
        (
            f'<base><base href="https://api.segment.io"><base href="https://x.example">'
            f'<img src="cid:a">'
            f'<img src="v1/pixel/page"><img src="//x.example/v1"><img src="{TRACK}">'
        ),
        [PAGE, TRACK],
    ),
    "a base that nobody sees": (
        '<!-- <base href="https://api.segment.io"> --><img src="/v1/pixel/page">',
        [],
    ),
    "image-set": (
        (
            f"<style>p {{background: -webkit-image-set('{TRACK}' 1x)}}</style>"
            f"<p style='background: image-set(url({PAGE}) 2x)'>"
        ),
        [TRACK, PAGE],
    ),
    "picture in capitals": (
        f'<PICTURE><SOURCE SRCSET="{TRACK} 2x"><IMG SRC="{PAGE}"></PICTURE>',
        [TRACK, PAGE],
    ),
    "quoted-printable that nobody decoded": (f'<img src=3D"{TRACK}">', []),
    "link": (f'<a href="{TRACK}">{TRACK}</a>', []),
    "form, base, area": (f'<base href="{TRACK}"><form action="{TRACK}"><area href="{TRACK}">', []),
    "preconnect": ('<link rel="preconnect" href="https://api.segment.io">', []),
    "text input": (f'<input type="text" src="{TRACK}">', []),
    "lazy attribute": (f'<img data-src="{TRACK}">', []),
    "text elements": (
        f'<textarea><img src="{TRACK}"></textarea><xmp><img src="{TRACK}"></xmp>',
        [],
    ),
    "script text": (f'<script>new Image().src = "{TRACK}"</script>', []),
    "CSS comment and string": (
        f'<style>/* url({TRACK}) */ p::after {{content: "url({TRACK})"}}</style>',
        [],
    ),
    "empty attributes": ("<img src><img src=''><p style><input src><iframe srcdoc>", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("html", "urls"), URLS.values(), ids=URLS)
def test_urls(html, urls):
    assert [pixel.url for pixel in find_pixels(html, hosts=HOSTS)] == urls


PLACES = {
    "img src": (f"<img src={TRACK}>", "img", "", True),
    "img srcset": (f"<img srcset={TRACK}>", "img", "", True),
    "td background": (f"<table><td background={TRACK}>", "td", "", True),
    "css url()": (f"<p style=background:url({TRACK})>", "p", "", True),
    "noscript": (f"<body><noscript><p><img src={TRACK}></noscript>", "img", "noscript", True),
    "behind noscript": (f"<p><noscript><i></i></noscript><img src={TRACK}>", "img", "", True),
    "behind an empty noscript": (f"<p><noscript></noscript><img src={TRACK}>", "img", "", True),
    "srcdoc": (f"<iframe srcdoc='<img src={TRACK}>'>", "img", "iframe srcdoc", True),
    "comment": (f"<!-- <img src={TRACK}> -->", "img", "comment", False),
    "conditional": (
        f"<!--[if mso]><img src={TRACK}><![endif]-->",
        "img",
        "conditional comment [if mso]",
        False,
    ),
    "conditional style": (
        f"<!--[if (gte mso 9)|(IE)]><style>p {{background: url({TRACK})}}</style><![endif]-->",
        "style",
        "conditional comment [if (gte mso 9)|(IE)]",
        False,
    ),
    "downlevel-revealed": (
        f"<!--[if !mso]><!--><img src={TRACK}><!--<![endif]-->",
        "img",
        "",
        True,
    ),
    "template": (f"<template><b><img src={TRACK}></template>", "img", "template", False),
    "template in template": (
        f"<template><template><img src={TRACK}></template></template>",
        "img",
        "template",
        False,
    ),
    "comment in noscript": (
        f"<noscript><!-- <img src={TRACK}> --></noscript>",
        "img",
        "comment",
        False,
    ),
    "comment in srcdoc": (
        f"<iframe srcdoc='<!-- <img src={TRACK}> -->'></iframe>",
        "img",
        "comment",
        False,
    ),
    "srcdoc in comment": (f"<!-- <iframe srcdoc='<img src={TRACK}>'> -->", "img", "comment", False),
    "script": (f"<script src={TRACK}></script>", "script", "", False),
    "AMP": (f"<amp-img src={TRACK}></amp-img>", "amp-img", "", False),
    "VML": (f"<v:fill src={TRACK} />", "v:fill", "", False),
}


@pytest.mark.parametrize(
    ("html", "element", "enclosure", "is_requested"), PLACES.values(), ids=PLACES
)
def test_places(html, element, enclosure, is_requested):
    (pixel,) = find_pixels(html, hosts=HOSTS)
    assert (pixel.element, pixel.enclosure, pixel.is_requested) == (
        element,
        enclosure,
        is_requested,
    )


@pytest.mark.parametrize("where", ["img src", "img srcset", "td background", "css url()"])
def test_where(where):
    assert find_pixels(PLACES[where][0], hosts=HOSTS)[0].place == where


def test_the_raw_text_is_kept_beside_the_url():
    (pixel,) = find_pixels(f'<img src=" {TRACK}?a=ü&amp;b#c ">', hosts=HOSTS)
    assert (pixel.raw, pixel.url) == (f" {TRACK}?a=ü&b#c ", f"{TRACK}?a=%C3%BC&b")


@pytest.mark.parametrize(
    ("url", "custom"), [(TRACK, False), ("https://api.mail.example.com/v1/pixel/track", True)]
)
def test_a_custom_domain_is_recognized(url, custom):
    (pixel,) = find_pixels(f"<img src={url}>", hosts=HOSTS)
    assert pixel.has_custom_domain is custom


CHARSETS = {
    "UTF-8": ("utf-8", "Gr%C3%BC%C3%9Fe"),
    "windows-1252": ("windows-1252", "Gr%FC%DFe"),
    "UTF-16 is UTF-8 in a URL": ("utf-16", "Gr%C3%BC%C3%9Fe"),
    "what the charset lacks": ("iso8859-5", "Gr%26%23252%3B%26%23223%3Be"),
    "Shift JIS": ("shift_jis", "Gr%26%23252%3B%26%23223%3Be"),
    "no charset to write in": ("x-none", "Gr%C3%BC%C3%9Fe"),
}


@pytest.mark.parametrize(("charset", "written"), CHARSETS.values(), ids=CHARSETS)
def test_a_query_is_encoded_in_the_charset_of_its_document(charset, written):
    """As Chromium does; a path is UTF-8, and so is an inner document."""
    img = "<img src='https://api.segment.io/ü?x=Grüße&y=%FC'>"
    html = f'{img}<iframe srcdoc="{img}"></iframe>'
    first, second = find_pixels(html, hosts=HOSTS, charset=charset)
    assert first.url == f"https://api.segment.io/%C3%BC?x={written}&y=%FC"
    assert second.url == "https://api.segment.io/%C3%BC?x=Gr%C3%BC%C3%9Fe&y=%FC"


@pytest.mark.parametrize(
    ("condition", "outlook"),
    [
        ("if mso", True),
        ("if gte mso 9", True),
        ("if (gte mso 9)|(IE)", True),
        ("if vml", True),
        ("if IE", False),
        ("if !mso", False),
        ("if !(mso)", False),
    ],
)
def test_what_only_outlook_loads(condition, outlook):
    (pixel,) = find_pixels(f"<!--[{condition}]><img src={TRACK}><![endif]-->", hosts=HOSTS)
    assert (pixel.is_outlook_only, pixel.is_loaded) == (outlook, False)


def test_the_second_place_of_a_url_loads_too_but_requests_nothing():
    html = f"<table background={TRACK}></table><img src={TRACK}>"
    _, image = find_pixels(html, hosts=HOSTS)
    assert (image.is_loaded, image.is_repeated, image.is_requested) == (True, True, False)


def test_a_port_does_not_hide_the_host():
    (pixel,) = find_pixels("<img src=https://api.segment.io:8443/v1/pixel/track>", hosts=HOSTS)
    assert not pixel.has_custom_domain


def test_the_second_copy_of_a_url_is_repeated():
    pixels = find_pixels(f"<img src={TRACK}#1><img src={TRACK}#2><img src={TRACK}?>", hosts=HOSTS)
    assert [(pixel.is_repeated, pixel.is_requested) for pixel in pixels] == [
        (False, True),
        (True, False),
        (False, True),
    ]


def test_a_copy_that_is_never_loaded_makes_no_repetition():
    comment = f"<!-- <img src={TRACK}> -->"
    pixels = find_pixels(f"{comment}<img src={TRACK}>{comment}", hosts=HOSTS)
    assert [pixel.is_repeated for pixel in pixels] == [False, False, False]


def test_line_numbers():
    html = (
        f'<p>\r\n<img src="{TRACK}?a=1&amp;b">\r\n\r\n<img src="{TRACK}?a=1&b">'
        f'\n<!--\n<img\nsrc="{PAGE}">-->\n<img src="https://api&#46;segment.io/">'
    )
    assert [pixel.line for pixel in find_pixels(html, hosts=HOSTS)] == [2, 4, 7, 0]


def test_srcdoc_is_followed_to_a_bounded_depth():
    html = f"<img src={TRACK}>"
    for _ in range(10):
        html = '<iframe srcdoc="{}"></iframe>'.format(
            html.replace("&", "&amp;").replace('"', "&quot;")
        )
        html = f"<img src={TRACK}>{html}"
    assert len(find_pixels(html, hosts=HOSTS)) == 5


def test_deep_nesting_is_walked():
    html = "<div>" * 1_000 + f"<noscript><img src={TRACK}>"
    assert [pixel.enclosure for pixel in find_pixels(html, hosts=HOSTS)] == ["noscript"]


@pytest.mark.parametrize(
    ("html", "limits", "message"),
    [
        (f"<img src={TRACK}>" * 11, Limits(elements=10), "tags"),
        ("<!-- <p> -->" * 11, Limits(documents=10), "comments"),
        ("<iframe srcdoc='<b><b><b>'></iframe>", Limits(depth=2), "nests"),
        ("<!-- <b><b><b> -->", Limits(depth=2), "nests"),
        ("<template><b><b><b></template>", Limits(depth=2), "nests"),
    ],
)
def test_what_passes_a_limit_is_refused_at_any_depth(html, limits, message):
    with pytest.raises(LimitError, match=message):
        find_pixels(html, hosts=HOSTS, limits=limits)


def test_a_large_file_keeps_its_elements():
    row = "<div><ul><li><div>text</div><br></ul><hr></div>"
    html = f"{row * 50_000}<button background={TRACK}>"
    assert [pixel.place for pixel in find_pixels(html, hosts=HOSTS)] == ["button background"]


FRAGMENTS = st.sampled_from(
    [
        *"<>\"'&;=/\\#?%(), \n\r\t\0\ud800",
        *("<!--", "-->", "[if mso]>", "<noscript>", "<template>", "<iframe srcdoc=", "</", "<svg>"),
        *(
            "<img src=",
            " srcset=",
            " style=",
            "<image xlink:href=",
            "<style>",
            "url(",
            "/*",
            "\\26",
        ),
        *("https:", "//", TRACK),
    ]
)


@examples(200)
@given(st.text(st.characters(codec=None)) | st.lists(FRAGMENTS).map("".join))
def test_no_text_is_too_odd(html):
    for pixel in find_pixels(html, hosts=HOSTS):
        assert pixel.url.startswith("https:") or pixel.url.startswith("http:")
        assert pixel.line <= html.count("\n") + html.count("\r") + 1
