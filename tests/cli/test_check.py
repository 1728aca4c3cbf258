"""`check` on the command line."""

import json

import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType

GOOD = encode(
    CallType.TRACK, {"writeKey": "wk_test_0000", "userId": "u_1", "event": "Email Opened"}
)
DAMAGED = encode(CallType.PAGE, {"writeKey": "wk_test_0000", "userId": "{{ user.id }}"})
DROPPED = encode(CallType.TRACK, {"writeKey": "wk_test_0000", "event": "Email Opened"})
FLAT = "https://api.segment.io/v1/pixel/page?writeKey=wk_test_0000&userId=u_1"
MAIL = b"""From: a@example.com
Subject: hello
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>Hi</p><img src=3D"%s">
""" % GOOD.replace("=", "=3D").encode()


@pytest.mark.parametrize(
    ("url", "code"), [(GOOD, 0), (DAMAGED, 1), (DROPPED, 1), (GOOD.replace("track", "trak"), 1)]
)
def test_a_pasted_url_is_classified(run_cli, url, code):
    assert run_cli("check", url)[0] == code


def test_a_url_from_html_source_is_read_as_html_means_it(run_cli):
    url = "https://api.segment.io/v1/pixel/page?userId=u&amp;timestamp=x&amp;writeKey=wk_test_0000"
    code, out, _ = run_cli("check", url)
    assert code == 0
    assert "copied from HTML source" in out
    assert "timestamp: x" in out


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("good.html", f'<img src="{GOOD}">'.encode(), 0),
        ("bad.html", f'<img src="{GOOD}"><IMG SRC="{DROPPED}">'.encode(), 1),
        ("mail.eml", MAIL, 0),
        ("none.html", b'<a href="https://api.segment.io/v1/pixel/track?x">', 3),
        ("text.eml", b"Subject: x\n\nhello", 3),
    ],
)
def test_a_file_is_searched_for_pixels(run_cli, tmp_path, name, content, code):
    """Nothing found is no pass: exit code 3."""
    path = tmp_path / name
    path.write_bytes(content)
    assert run_cli("check", path)[0] == code
    assert run_cli("check", "-", stdin=content)[0] == code


def test_the_worst_input_gives_the_exit_code(run_cli, tmp_path):
    empty = tmp_path / "empty.html"
    empty.write_text("")
    assert run_cli("check", GOOD, DROPPED)[0] == 1
    assert run_cli("check", DROPPED, empty, GOOD)[0] == 3


def test_a_list_of_urls_comes_from_stdin(run_cli):
    code, out, _ = run_cli("check", "--json", "-", stdin=f"{GOOD}\n\n{DROPPED}\n".encode())
    assert code == 1
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["delivered", "dropped"]


def test_what_is_neither_file_nor_url_is_a_mistake(run_cli, tmp_path):
    code, out, err = run_cli("check", tmp_path / "nope.html")
    assert (code, out) == (2, "")
    assert "nope.html: No such file or directory" in err
    assert run_cli("check", tmp_path)[0] == 2


# -- what is pasted --------------------------------------------------------------------------

COPIED = {
    "an attribute": f'src="{GOOD}"',
    "a tag": f'<img src="{GOOD}">',
    "a tag behind blanks": f'\ufeff\n <IMG src="{GOOD}" alt="">',
    "an attribute without quotes": f"src={GOOD}",
    "a string of a list": f'"{GOOD}",',
    "a string in a string": f'src=\\"{GOOD}\\"',
    "single quotes": f"'{GOOD}'",
    "a command": f"curl '{GOOD}'",
    "angle brackets": f"<{GOOD}>",
    "the end of a tag first": f'</p><img src="{GOOD}">',
    "Markdown": f"![x]({GOOD})",
    "CSS": f"url({GOOD})",
    "blanks and a mark": f"\ufeff  {GOOD}\r\n",
}


@pytest.mark.parametrize("text", COPIED.values(), ids=COPIED)
def test_a_url_is_found_in_what_it_was_copied_with(run_cli, text):
    for arguments, stdin in ([text], b""), (["-"], text.encode()):
        code, out, err = run_cli("check", "--json", "--keep-write-keys", *arguments, stdin=stdin)
        assert (code, err) == (0, "")
        assert [json.loads(line)["url"] for line in out.splitlines()] == [GOOD]


def test_a_host_needs_no_scheme(run_cli):
    url = GOOD.replace("https://api.segment.io", "localhost:8080")
    assert run_cli("check", url, f"<{url}>")[0] == 0


def test_a_file_comes_before_a_url(run_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "a.html").write_text(f"<img src='{DROPPED}'>")
    assert "line 1, img src" in run_cli("check", "v1/a.html")[1]


def test_what_cannot_be_found_is_named_as_it_was_written(run_cli):
    _, _, err = run_cli("check", "ftp://a.test//x.html")
    assert "ftp://a.test//x.html: No such file or directory" in err


def test_a_text_too_long_for_a_file_name_is_a_mistake(run_cli):
    code, _, err = run_cli("check", "a" * 100_000)
    assert code == 2
    assert len(err) < 1_000


def test_a_long_url_is_no_file_name(run_cli):
    assert run_cli("check", f"{GOOD}&a={'a' * 100_000}")[0] == 0


@pytest.mark.parametrize("character", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_only_a_newline_ends_a_line_of_stdin(run_cli, character):
    url = f"https://api.segment.io/v1/pixel/page?writeKey=wk_test_0000&userId=a{character}b"
    _, out, _ = run_cli("check", "--json", "-", stdin=f"{url}\r\n{url}\n".encode())
    users = [json.loads(line)["payload"]["userId"] for line in out.splitlines()]
    assert users == [f"a{character}b"] * 2


def test_lines_of_stdin_without_a_url_are_counted(run_cli):
    code, out, err = run_cli("check", "--json", "-", stdin=f'[\n  "{GOOD}",\n]\n'.encode())
    assert (code, len(out.splitlines())) == (0, 1)
    assert "no pixel URL in 2 of 3 lines" in err


# -- what is searched ------------------------------------------------------------------------

TEXTS = {
    "a colon in HTML": f'<p>Hi: <img src="{GOOD}"></p>',
    "a colon in CSS": f'<style>p{{color: red}}</style><img src="{GOOD}">',
    "a note": f'Note: see this.\n\n<img src="{GOOD}">',
    "a subject that heads no mail": f'Subject: a template\n\n<img src="{GOOD}">',
    "JSON": f'{{"pixel": "{GOOD}"}}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_with_a_colon_is_no_mail(run_cli, text):
    code, out, err = run_cli("check", "-", stdin=text.encode())
    assert (code, err) == (0, "")
    assert "delivered" in out


@pytest.mark.parametrize(("options", "stream"), [([], 1), (["--json"], 2)])
def test_a_file_without_a_pixel_is_reported(run_cli, tmp_path, options, stream):
    """No word of a mail, which it is not."""
    path = tmp_path / "A.yaml"
    path.write_text("Subject: x\nname: y\n")
    code, *streams = run_cli("check", *options, path)
    assert code == 3
    assert streams[stream - 1] == f"no pixel found in {path}\n"
    assert streams[2 - stream] == ""


def test_html_without_a_pixel_is_not_repeated(run_cli):
    assert run_cli("check", "<p>hello")[:2] == (3, "no pixel found in this HTML\n")


def test_a_text_mail_with_a_url_has_no_pixel(run_cli):
    stdin = f"From: a@example.com\nSubject: x\n\n{GOOD}\n".encode()
    assert run_cli("check", "-", stdin=stdin)[0] == 3


def test_a_mail_file_may_hold_bare_html(run_cli, tmp_path):
    path = tmp_path / "a.eml"
    path.write_text(f"<img src='{GOOD}'>")
    assert run_cli("check", path)[0] == 0


def test_lines_of_a_mail_count_in_its_html(run_cli, tmp_path):
    path = tmp_path / "a.eml"
    path.write_bytes(MAIL)
    assert "line 1 of its HTML, img src" in run_cli("check", path)[1]


@pytest.mark.parametrize(
    ("kind", "remark"),
    [
        ("text/x-amp-html", "only mail clients with AMP load it"),
        ("text/html", "no browser loads it here"),
    ],
)
def test_an_image_of_amp_is_loaded_by_clients_with_amp(run_cli, tmp_path, kind, remark):
    path = tmp_path / "a.eml"
    path.write_text(f"Content-Type: {kind}\n\n<amp-img src='{GOOD}'></amp-img>")
    _, out, _ = run_cli("check", "--json", path)
    assert json.loads(out)["remarks"] == [remark]


COMMANDS = {
    "a charset": 'Content-Type: text/html; charset="\x1b[2J"\n\n<img src="%s">',
    "a content type": "Subject: x\nContent-Type: text/\x1b[2J\n\nx",
    "a condition": '<!--[if \x1b[2J]><img src="%s"><![endif]-->',
    "an element": '<x\x1b[2J src="%s">',
}


@pytest.mark.parametrize("content", COMMANDS.values(), ids=COMMANDS)
def test_content_is_escaped_for_the_terminal(run_cli, tmp_path, content):
    path = tmp_path / "a\x1b[2J.eml"
    path.write_text(content.replace("%s", GOOD))
    _, out, err = run_cli("check", path)
    assert out + err
    assert "\x1b" not in out + err


def test_a_file_name_is_escaped_for_the_terminal(run_cli):
    assert "\x1b" not in run_cli("check", "a\x1b[2J")[2]


# -- mailboxes, and what no client requests ----------------------------------------------------

FROM = b"From a@example.com Mon Nov 30 16:06:24 2026\n"
TEXT = b"From: a@example.com\nSubject: plain\nContent-Type: text/plain\n\nhello\n"


@pytest.mark.parametrize(
    ("mails", "code", "message"),
    [
        ([MAIL, MAIL], 0, 'mail 2 "hello": 1 pixel'),
        ([MAIL, MAIL.replace(b"api.segment", b"api.segmnet")], 1, "misspelt_host"),
        ([MAIL, TEXT], 3, 'mail 2 "plain": The mail has no HTML part'),
        ([MAIL, b"<p>\n", MAIL], 3, "mail 2: The mail cannot be read"),
    ],
)
def test_an_mbox_is_checked_mail_by_mail(run_cli, tmp_path, mails, code, message):
    path = tmp_path / "a.mbox"
    path.write_bytes(b"\n".join(FROM + mail for mail in mails))
    for arguments, stdin in ([path], b""), (["-"], path.read_bytes()):
        actual, out, err = run_cli("check", *arguments, stdin=stdin)
        assert actual == code
        assert message in out + err
    _, out, _ = run_cli("check", "--json", path)
    places = [json.loads(line)["place"] for line in out.splitlines()]
    assert places[0] == 'mail 1 "hello", line 1 of its HTML, img src'


NOT_REQUESTED = {
    "a comment": (f"<!-- <img src='{GOOD}'> -->", "no client requests a pixel"),
    "a template": (f"<template><img src='{GOOD}'></template>", "no client requests a pixel"),
    "a script": (f"<script src='{GOOD}'></script>", "no client requests a pixel"),
    "VML": (f"<v:fill src='{GOOD}' />", "no client requests a pixel"),
    "an AMP element in HTML": (f"<amp-img src='{GOOD}'></amp-img>", "no client requests a pixel"),
    "Outlook": (
        f"<!--[if mso]><img src='{GOOD}'><![endif]-->",
        "only Outlook for Windows requests a pixel",
    ),
    "a wrong call, too": (f"<!-- <img src='{DROPPED}'> -->", "no client requests a pixel"),
}


@pytest.mark.parametrize(("html", "message"), NOT_REQUESTED.values(), ids=NOT_REQUESTED)
def test_a_pixel_that_no_client_requests_is_no_pass(run_cli, tmp_path, html, message):
    path = tmp_path / "a.html"
    path.write_text(html)
    code, out, _ = run_cli("check", path)
    assert code == 3
    assert message in out
    code, out, err = run_cli("check", "--json", path)
    assert code == 3
    assert message in err
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    "html",
    [
        f"<noscript><img src='{GOOD}'></noscript>",
        f"<!-- <img src='{GOOD}'> --><img src='{GOOD}'>",
        f"<img src='{GOOD}'><!--[if mso]><img src='{GOOD}'><![endif]-->",
        f"<table background='{GOOD}'></table><img src='{GOOD}'>",
    ],
)
def test_a_pixel_that_one_client_requests_is_one(run_cli, html):
    assert run_cli("check", html)[0] == 0


def test_an_amp_part_is_requested_by_clients_with_amp(run_cli, tmp_path):
    path = tmp_path / "a.eml"
    path.write_text(f"Content-Type: text/x-amp-html\n\n<amp-img src='{GOOD}'></amp-img>")
    assert run_cli("check", path)[0] == 0


def test_a_place_from_which_no_client_requests_a_pixel_is_reported(run_cli, tmp_path):
    path = tmp_path / "a.html"
    path.write_text("<p>\n<img src='api.segment.io/v1/pixel/track?x'>")
    code, out, _ = run_cli("check", path)
    assert code == 3
    assert "line 2 names /v1/pixel/, but no client requests it, because its URL has no sch" in out
    path.write_text(f"<img src='{GOOD}'><img src='api.segment.io/v1/pixel/track?x'>")
    code, out, _ = run_cli("check", path)
    assert code == 0
    assert "line 1 names /v1/pixel/" in out
    assert "line 1 names /v1/pixel/" in run_cli("check", "--json", path)[2]


@pytest.mark.parametrize(
    ("html", "note"),
    [
        (f"<img src='{FLAT}&properties.n=#1'>", "fragment"),
        (f"<img src='{FLAT}&properties.n=#{{n}}'>", "template_token"),
        (f"<img src='{FLAT}&properties.n=News\n  letter'>", "folded_url"),
        (f"<img src='{FLAT.replace('api.segment.io', 'apisegment.io')}'>", "misspelt_host"),
        (f"<img src='{FLAT.replace('api.segment.io', 'a..example.com')}'>", "invalid_host"),
        (f"<style>p {{background: url({FLAT}#1)}}</style>", "fragment"),
    ],
)
def test_an_attribute_is_classified_as_the_same_text_pasted(run_cli, html, note):
    code, out, _ = run_cli("check", "--json", html)
    assert note in [problem["code"] for problem in json.loads(out)["problems"]]
    assert code == (0 if note == "fragment" else 1)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/mail.html", "https://example.com", "http://example.com:8080/v1/x?a=1"],
)
def test_a_page_at_another_host_is_not_fetched(run_cli, url):
    code, out, err = run_cli("check", url)
    assert (code, out) == (2, "")
    assert err.startswith(f"pixel-emulator: {url}: example.com")
    assert "is no host of Segment's, and no page is fetched" in err
    _, out, err = run_cli("check", "-", stdin=f"{GOOD}\n{url}\n".encode())
    assert out.startswith("delivered ")
    assert "stdin: no pixel URL in 1 of 2 lines" in err


def test_a_pasted_url_at_a_custom_domain_is_told(run_cli):
    custom = GOOD.replace("api.segment.io", "pixels.example.com")
    code, out, _ = run_cli("check", custom)
    assert code == 0
    assert "at a custom domain" in out
    assert "at a custom domain" not in run_cli("check", GOOD)[1]
    assert "at a custom domain" not in run_cli("check", custom, "--hosts", "pixels.example.com")[1]


def test_a_misspelt_host_is_no_custom_domain(run_cli):
    html = f"<img src='{GOOD.replace('segment', 'segmnet')}'>"
    assert "custom domain" not in run_cli("check", html)[1]
    code, _, _ = run_cli("check", html, "--hosts", "api.segmnet.io")
    assert code == 0


def test_the_query_of_an_html_file_is_in_its_charset(run_cli, tmp_path):
    path = tmp_path / "a.html"
    path.write_bytes(f"<meta charset=latin1><img src='{FLAT}&name=ü'>".encode("latin-1"))
    code, out, _ = run_cli("check", "--json", path)
    assert [problem["code"] for problem in json.loads(out)["problems"]] == ["invalid_utf8"]
    assert code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps([{"html": f"<img src='{GOOD}'>"}]).encode(), "This is JSON"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "Outlook message"),
        (b"<x>" * 2_001, "nests more than 2,000 elements"),
        (b"From: a\nContent-Type: text/html; x=" + b"a" * 9_000 + b"\n\n<p>", "headers has more"),
    ],
)
def test_what_cannot_be_read_is_reported_and_no_pass(run_cli, tmp_path, content, message):
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    for arguments, stdin in ([path], b""), (["-"], content):
        code, out, err = run_cli("check", *arguments, stdin=stdin)
        assert code == 3
        assert message in err
        assert "no pixel found" in out
