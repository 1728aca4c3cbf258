"""`pixels.receive` with URLs, HTML and mails of all accepted types."""

import base64
import email
import email.policy
import json
import mailbox
import quopri
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path
from unittest.mock import MagicMock

import django.conf
import flask
import flask_mail
import pytest
from django.core.mail import EmailMessage as DjangoMessage
from django.core.mail import EmailMultiAlternatives
from markupsafe import Markup

from pixel_emulator.pytest_plugin.pixel_calls import requests_for
from pixel_emulator.pytest_plugin.source_lines import MisuseError

pytest_plugins = ["pytester"]

HOSTS = ("api.segment.io",)
TARGET = "/v1/pixel/track?writeKey=wk_test_0000&userId=u&event=Email%20Opened"
URL = f"https://api.segment.io{TARGET}"
IMG = f'<img src="{URL.replace("&", "&amp;")}" width="1" alt="">'
HTML = f"<html><body><p>Grüße</p>{IMG}</body></html>"

if not django.conf.settings.configured:
    django.conf.settings.configure(DEFAULT_CHARSET="utf-8", DEFAULT_FROM_EMAIL="a@example.com")


def message(cte: str = "quoted-printable", html: str = HTML) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.com", "b@example.com", "Hi"
    made.set_content("text")
    made.add_alternative(html, subtype="html", cte=cte)
    return made


def legacy() -> MIMEMultipart:
    made = MIMEMultipart("alternative")
    made["Subject"] = "Hi"
    made.attach(MIMEText("text"))
    made.attach(MIMEText(HTML, "html", "utf-8"))
    return made


def of_django() -> EmailMultiAlternatives:
    made = EmailMultiAlternatives("Hi", "text", "a@example.com", ["b@example.com"])
    made.attach_alternative(HTML, "text/html")
    return made


def of_django_as_html() -> DjangoMessage:
    made = DjangoMessage("Hi", HTML, "a@example.com", ["b@example.com"])
    made.content_subtype = "html"
    return made


APP = flask.Flask("app")
flask_mail.Mail(APP)


def of_flask() -> flask_mail.Message:
    with APP.app_context():
        return flask_mail.Message(
            "Hi", ["b@example.com"], body="text", html=HTML, sender="a@example.com"
        )


def of_mailbox() -> mailbox.mboxMessage:
    return mailbox.mboxMessage(message())


FORMS = {
    "a URL": URL,
    "a URL in bytes": URL.encode(),
    "a path of the API": TARGET,
    "HTML": HTML,
    "HTML in bytes": HTML.encode(),
    "HTML in a bytearray": bytearray(HTML.encode()),
    "HTML in a memoryview": memoryview(HTML.encode()),
    "safe text of a template": Markup(HTML),
    "quoted-printable": message().as_string(),
    "base64": message("base64").as_string(),
    "8bit": message("8bit").as_string(),
    "the bytes of a mail": message().as_bytes(),
    "bytes with line ends of SMTP": message().as_bytes(policy=email.policy.SMTP),
    "a message": message(),
    "a message in base64": message("base64"),
    "a message that was parsed": email.message_from_bytes(
        message().as_bytes(), policy=email.policy.default
    ),
    "a legacy message": legacy(),
    "a legacy message that was parsed": email.message_from_string(message("base64").as_string()),
    "a message of a mailbox": of_mailbox(),
    "Django": of_django(),
    "Django's HTML alone": of_django_as_html(),
    "Django's message": of_django().message(),
    "Flask-Mail": of_flask(),
}


@pytest.mark.parametrize("given", FORMS.values(), ids=FORMS)
def test_a_pixel_is_found_in_every_form(given):
    with APP.app_context():  # Flask-Mail asks its app how to write attachments
        assert [request.target.decode() for request in requests_for(given, HOSTS)] == [TARGET]


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.eml", message().as_bytes()),
        ("a.mbox", message().as_bytes()),
        ("a.html", HTML.encode()),
        ("inbox", message().as_bytes(unixfrom=True)),
        ("my mail.html", HTML.encode()),
    ],
    ids=["a.eml", "a.mbox", "a.html", "inbox", "my mail.html"],
)
def test_a_path_is_read_as_check_reads_it(tmp_path, monkeypatch, name, raw):
    (tmp_path / name).write_bytes(raw)
    monkeypatch.chdir(tmp_path)
    for given in (tmp_path / name, Path(name), name, str(tmp_path / name)):
        assert len(requests_for(given, HOSTS)) == 1


def test_each_mail_of_an_mbox_is_opened():
    box = b"From a@example.com Mon Nov 30 16:06:24 2026\n" + message().as_bytes()
    assert len(requests_for(box * 3, HOSTS)) == 3
    assert len(requests_for((box * 3).decode(), HOSTS)) == 3


NO_PIXEL = {
    "plain text": "Hi you,\nnice.",
    "HTML": "<p>Hi</p>",
    "a text mail": "From: a@example.com\nSubject: x\n\nhello\n",
    "a message without HTML": MIMEText("hello"),
    "a link": f"<a href='{URL}'>x</a>",
    "a comment": f"<!-- {IMG} -->",
    "a lazy image": f"<img data-src='{URL}'>",
    "a custom domain": IMG.replace("api.segment.io", "api.example.com"),
    "a token of another image": "<img src='*|LOGO|*'>",
}


@pytest.mark.parametrize("given", NO_PIXEL.values(), ids=NO_PIXEL)
def test_without_a_pixel_nothing_is_requested(given):
    assert requests_for(given, HOSTS) == []


MAIL = message().as_bytes()
BODY = quopri.encodestring(HTML.encode())
UNREADABLE = {
    "nothing": ("", "the text is empty"),
    "no bytes": (b" \n", "the text is empty"),
    "an empty message": (EmailMessage(), "the text is empty"),
    "None": (None, "but got None"),
    "a list": ([HTML], "but got \\["),
    "a class": (EmailMessage, "but got <class"),
    "a mock": (MagicMock(), "but got <MagicMock"),
    "a file object": (open, "but got <built-in"),
    "two URLs": (f"{URL}\n{URL}", "one URL at a time"),
    "a path of nothing": (Path("no/such.eml"), "No such file"),
    "a folder": (Path(), "directory"),
    "a quoted-printable body": (BODY.decode(), "quoted-printable that nobody decoded"),
    "the same in bytes": (BODY, "quoted-printable that nobody decoded"),
    "a base64 body": (base64.encodebytes(HTML.encode()).decode(), "base64 that nobody decoded"),
    "JSON": (json.dumps({"html": HTML}), "This is JSON"),
    "a string of JSON": (json.dumps(HTML), "backslashes"),
    "an unknown transfer encoding": (
        MAIL.replace(b"quoted-printable", b"x-quoted"),
        "transfer encoding",
    ),
    "a sealed mail": (
        b"From: a\nContent-Type: application/pkcs7-mime\n\nx",
        "holds application/pkcs7-mime",
    ),
    "a broken mail of an mbox": (
        b"From a Mon Nov 30 16:06:24 2026\n%b\nFrom a Mon Nov 30 16:06:24 2026\n\n" % MAIL,
        "mail 2: The mail cannot be read",
    ),
    "endless nesting": ("<x>" * 2_001, "nests more than 2,000 elements"),
    "a message that makes none": (of_flask(), "outside of application context.$"),
}


@pytest.mark.parametrize(("given", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused(given, said):
    with pytest.raises(MisuseError, match=said):
        requests_for(given, HOSTS)


def test_a_mail_with_a_pixel_breaks_the_silence(inner):
    result = inner(
        test_it=f"""
            from email.message import EmailMessage
            def message(cte):
                made = EmailMessage()
                made.set_content("text")
                made.add_alternative({HTML!r}, subtype="html", cte=cte)
                return made
            def test_text(pixels):
                pixels.receive(message("quoted-printable").as_string())
                pixels.expect_none()
            def test_object(pixels):
                pixels.receive(message("base64"))
                pixels.expect_none()
            def test_bytes(pixels):
                (call,) = pixels.receive(message("base64").as_bytes())
                pixels.expect(track="Email Opened", userId="u")
        """
    )
    result.assert_outcomes(failed=2, passed=1)
