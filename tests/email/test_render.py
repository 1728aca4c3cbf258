"""Mails opened in a real Chromium, or by the built-in fetch, through a real emulator."""

import os
import select
import stat
import tempfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.email.render import RenderResult, fetch_images, find_browser, render
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

TRACK = "https://api.segment.io/v1/pixel/track?writeKey=wk_test_0000&userId=u&event="


@pytest.fixture(scope="module")
def browser():
    browser = find_browser(os.environ)
    if browser is None:
        pytest.skip("no browser here: install the Debian package chromium-headless-shell")
    return browser


@pytest.fixture
def emulator():
    from pixel_emulator.proxy.emulator import Emulator

    settings = Settings(port=0, offline=True)
    with Emulator(settings, Journal(settings)) as running:
        yield running


def events(emulator):
    return [hit.call.payload["event"] for hit in emulator.journal.hits]


def mail(html: str) -> bytes:
    message = EmailMessage()
    message.set_content("text")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def rendered(file, emulator, browser):
    return render(
        file, browser=browser, proxy=emulator.proxy, spki=emulator.authority.spki, timeout=60
    )


def fetched(file, emulator, _browser=None):
    return fetch_images(
        file,
        hosts=emulator.settings.hosts,
        proxy=emulator.proxy,
        ca=emulator.authority.ca,
        timeout=30,
    )


MARKUP = f"""<!doctype html><meta charset="utf-8">
<body><img src="{TRACK}top">
<noscript><img src="{TRACK}noscript"></noscript>
<script>new Image().src = "{TRACK}script"</script>
<!--[if mso]><img src="{TRACK}outlook"><![endif]-->
<p style="background: url('{TRACK}css')">Grüße</p>
<div style="height: 20000px"></div>
<img loading="lazy" src="{TRACK}end&amp;properties.a=ü"><img src="{TRACK}top">
<a href="{TRACK}link">link</a>
"""


@pytest.mark.parametrize("name", ["a mail &amp; more.html", "a.eml"])
def test_chromium_opens_a_mail_as_a_mail_client_does(name, tmp_path, emulator, browser):
    file = tmp_path / name
    file.write_bytes(mail(MARKUP) if name.endswith(".eml") else MARKUP.encode())
    assert rendered(file, emulator, browser) == RenderResult()
    assert sorted(events(emulator)) == ["css", "end", "noscript", "top"]


def test_chromium_opens_a_mail_file_that_holds_bare_html(tmp_path, emulator, browser):
    file = tmp_path / "a.eml"
    file.write_text(f"<img src='{TRACK}bare'>")
    assert rendered(file, emulator, browser) == RenderResult()
    assert events(emulator) == ["bare"]


def test_the_charset_of_the_mail_beats_that_of_the_html(tmp_path, emulator, browser):
    file = tmp_path / "a.eml"
    file.write_bytes(mail(f'<meta charset="windows-1252"><img src="{TRACK}&uuml;">'))
    rendered(file, emulator, browser)
    assert events(emulator) == ["ü"]


def test_nothing_is_left_behind(tmp_path, emulator, browser, monkeypatch):
    file = tmp_path / "a.html"
    file.write_text(MARKUP)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    rendered(file, emulator, browser)
    assert list(temporary.iterdir()) == []
    assert sorted(tmp_path.iterdir()) == [file, temporary]


def test_a_wrong_key_leaves_no_call(tmp_path, emulator, browser):
    file = tmp_path / "a.html"
    file.write_text(MARKUP)
    render(file, browser=browser, proxy=emulator.proxy, spki="A" * 43 + "=", timeout=60)
    assert emulator.journal.hits == ()


@pytest.mark.parametrize("how", [rendered, fetched])
@pytest.mark.parametrize(
    ("name", "said"), [("missing.html", "No such file"), ("text.eml", "no HTML part")]
)
def test_a_file_without_html_is_an_error_in_words(how, name, said, tmp_path, emulator):
    (tmp_path / "text.eml").write_text("Subject: x\n\ntext")
    result = how(tmp_path / name, emulator, Path("chromium"))
    assert said in result.error


SCRIPTS = {
    "a failure": ("echo broken wheel >&2; exit 7", "exit code 7 (broken wheel)"),
    "no screenshot": ("exit 0", "ended without showing the mail (it says nothing)"),
    "no end": ("sleep 600 & wait", "did not end within 0.2 seconds"),
}


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(("script", "said"), SCRIPTS.values(), ids=SCRIPTS)
def test_a_browser_that_fails_is_an_error_in_words(script, said, tmp_path):
    file = tmp_path / "a.html"
    file.write_text("<p>")
    result = render(
        file,
        browser=program(tmp_path / "chromium", script),
        proxy="http://127.0.0.1:9",
        spki="",
        timeout=0.2 if "sleep" in script else 60,
    )
    assert said in result.error


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_a_browser_that_does_not_end_is_killed_with_all_that_it_started(tmp_path):
    (tmp_path / "a.html").write_text("<p>")
    os.mkfifo(tmp_path / "life")
    life = os.open(tmp_path / "life", os.O_RDONLY | os.O_NONBLOCK)
    browser = program(tmp_path / "chromium", f"sleep 600 > '{tmp_path}/life' & wait")
    render(tmp_path / "a.html", browser=browser, proxy="http://127.0.0.1:9", spki="", timeout=2)
    death = select.poll()
    death.register(life, select.POLLHUP)
    assert death.poll(5_000)
    os.close(life)


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    "argument",
    [
        "--headless ",
        "--disable-background-networking ",
        "--proxy-server=http://127.0.0.1:9 ",
        "--ignore-certificate-errors-spki-list=abc= ",
        f"--user-data-dir={tempfile.gettempdir()}/pixel-emulator-",
    ],
)
def test_a_browser_gets_the_argument(argument, tmp_path):
    file = tmp_path / "a.html"
    file.write_text("<p>")
    browser = program(tmp_path / "chromium", 'echo "$@" >&2; exit 1')
    result = render(file, browser=browser, proxy="http://127.0.0.1:9", spki="abc=")
    assert argument in result.error


def test_a_browser_that_is_no_program_is_an_error_in_words(tmp_path):
    file = tmp_path / "a.html"
    file.write_text("<p>")
    assert render(file, browser=tmp_path, proxy="http://127.0.0.1:9", spki="").error


def test_the_built_in_fetch_asks_for_images_at_emulated_hosts(tmp_path, emulator, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    file = tmp_path / "a.eml"
    file.write_bytes(
        mail(f"{MARKUP}<img src='https://api.mail.example.com/v1/pixel/track?event=other'>")
    )
    assert fetched(file, emulator) == RenderResult()
    assert events(emulator) == ["top", "noscript", "end"]
    assert "built-in fetch" in emulator.journal.hits[0].request.header("user-agent")


def test_the_built_in_fetch_knows_http(tmp_path, emulator):
    file = tmp_path / "a.html"
    file.write_text(f"<img src={TRACK.replace('https', 'http')}plain>")
    assert fetched(file, emulator) == RenderResult()
    assert [(hit.request.scheme, hit.request.host) for hit in emulator.journal.hits] == [
        ("http", "api.segment.io")
    ]


def test_the_built_in_fetch_reports_what_cannot_be_fetched(tmp_path, emulator):
    file = tmp_path / "a.html"
    file.write_text(f"<img src={TRACK}a>")
    wrong = emulator.proxy.replace(str(emulator.port), "9")
    result = fetch_images(
        file, hosts=emulator.settings.hosts, proxy=wrong, ca=emulator.authority.ca
    )
    assert "could not be fetched" in result.error


def program(path: Path, script: str = "exit 0") -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_a_headless_shell_comes_before_a_full_browser(tmp_path):
    path = {"PATH": str(tmp_path)}
    assert find_browser(path) is None
    chrome = program(tmp_path / "google-chrome")
    assert find_browser(path) == chrome
    shell = program(tmp_path / "chromium-headless-shell")
    assert find_browser(path) == shell
    assert find_browser({**path, "PIXEL_EMULATOR_BROWSER": "google-chrome"}) == chrome
    assert find_browser({**path, "PIXEL_EMULATOR_BROWSER": str(chrome)}) == chrome


def test_a_browser_that_the_user_names_must_exist(tmp_path):
    with pytest.raises(InputError, match=r'PIXEL_EMULATOR_BROWSER: "nothing"'):
        find_browser({"PATH": str(tmp_path), "PIXEL_EMULATOR_BROWSER": "nothing"})


# -- several mails in one file -----------------------------------------------------------------

FROM = b"From a@example.com Mon Nov 30 16:06:24 2026\n"
HOW = pytest.mark.parametrize("how", [rendered, fetched])


@HOW
def test_every_mail_of_an_mbox_is_opened(how, tmp_path, emulator, browser):
    file = tmp_path / "a.mbox"
    file.write_bytes(
        b"\n".join(FROM + mail(f"<p>Hi</p><img src='{TRACK}{name}'>") for name in ("one", "two"))
    )
    assert how(file, emulator, browser) == RenderResult()
    assert sorted(events(emulator)) == ["one", "two"]


@HOW
def test_a_mail_of_an_mbox_that_cannot_be_read_is_named(how, tmp_path, emulator, browser):
    file = tmp_path / "a.mbox"
    file.write_bytes(FROM + mail(f"<img src='{TRACK}one'>") + b"\n" + FROM + b"<p>two\n")
    assert f"{file}, mail 2" in how(file, emulator, browser).error


@HOW
def test_the_charset_of_an_html_file_is_that_of_its_queries(how, tmp_path, emulator, browser):
    file = tmp_path / "a.html"
    file.write_bytes(f"<meta charset=latin1><img src='{TRACK}Gr\xfc\xdfe'>".encode("latin-1"))
    assert how(file, emulator, browser) == RenderResult()
    (hit,) = emulator.journal.hits
    assert hit.request.target.endswith(b"event=Gr%FC%DFe")


@HOW
@pytest.mark.parametrize("content", [b'{"html": "<p>"}', b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"])
def test_another_format_is_refused(how, content, tmp_path, emulator, browser):
    file = tmp_path / "a.html"
    file.write_bytes(content)
    assert "This is " in how(file, emulator, browser).error


def test_an_image_counts_also_if_a_background_further_up_has_its_url(tmp_path, emulator):
    """A background is not fetched here, so it does not make the image a repetition."""
    file = tmp_path / "a.html"
    file.write_text(f"<table background='{TRACK}one'></table>{f"<img src='{TRACK}one'>" * 2}")
    assert fetched(file, emulator) == RenderResult()
    assert events(emulator) == ["one"]


def test_what_passes_a_limit_is_not_fetched(tmp_path, emulator):
    file = tmp_path / "a.html"
    file.write_text("<x>" * 2_001)
    assert "nests more than 2,000" in fetched(file, emulator).error
