"""The HTML in mails and HTML files."""

import base64
import quopri
from email.message import EmailMessage
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email import mail_source
from pixel_emulator.email.mail import Mail
from pixel_emulator.email.mail_source import is_mail
from pixel_emulator.email.message import from_base64, from_quoted_printable, is_base64, read_mail
from tests.law_examples import examples

HTML = '<p>Grüße — <img src="https://api.segment.io/v1/pixel/track?a=1&amp;b=2"></p>\n'


def read(name: str, raw: bytes) -> Mail:
    (result,) = mail_source.read(name, raw)
    return result


def mail(html: str = HTML, *, cte: str = "quoted-printable") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("text")
    message.add_alternative(html, subtype="html", cte=cte)
    return message


@pytest.mark.parametrize("cte", ["quoted-printable", "base64", "8bit"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_transfer_encodings(cte, newline):
    raw = mail(cte=cte).as_bytes(policy=EmailMessage().policy.clone(linesep=newline))
    (part,) = read_mail(raw).parts
    assert part.html.replace("\r\n", "\n") == HTML
    assert (part.content_type, part.charset, part.notes) == ("text/html", "utf-8", ())


def test_a_url_that_quoted_printable_folded_is_whole_again():
    url = "https://api.segment.io/v1/pixel/track?data=" + "eyJ3" * 100
    raw = mail(f"<img src={url}>").as_bytes()
    assert url.encode() not in raw
    assert url in read_mail(raw).parts[0].html


CHARSETS = {
    "utf-8": ("utf-8", "ü€".encode(), "ü€"),
    "windows-1252": ("windows-1252", b"\xfc\x80", "ü€"),
    "latin-1 is windows-1252 to browsers": ("ISO-8859-1", b"\xfc\x80", "ü€"),
    "shift-jis": ("shift_jis", "日本".encode("shift_jis"), "日本"),
    "wrong bytes are replaced": ("utf-8", b"a\xfcb", "a\ufffdb"),
    "byte order mark wins": ("windows-1252", "\ufeffü".encode(), "ü"),
    "utf-16 with a mark": ("", "\ufeffü".encode("utf-16-le"), "ü"),
    "none, UTF-8": ("", "ü".encode(), "ü"),
    "none, something else": ("", b"\xfc", "ü"),
}


@pytest.mark.parametrize(("charset", "body", "text"), CHARSETS.values(), ids=CHARSETS)
def test_charsets(charset, body, text):
    parameter = f"; charset={charset}".encode() if charset else b""
    raw = b"Content-Type: text/html%s\nContent-Transfer-Encoding: 8bit\n\n%s" % (parameter, body)
    (part,) = read_mail(raw).parts
    assert (part.html, part.notes) == (text, ())


@pytest.mark.parametrize("charset", ["x-unknown", "hex", "idna", '"a\0b"'])
def test_an_unknown_charset_is_noted(charset):
    raw = f"Content-Type: text/html; charset={charset}\n\n<p>ü".encode()
    (part,) = read_mail(raw).parts
    assert (part.html, len(part.notes)) == ("<p>ü", 1)
    assert "unknown" in part.notes[0]


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ('<meta charset="windows-1252">', "ü"),
        ('<META http-equiv=Content-Type content="text/html; charset=ISO-8859-1">', "ü"),
        ("<meta charset=utf-16>", "\ufffd"),
        ("<title>charset=utf-8</title>", "ü"),
    ],
)
def test_an_html_file_names_its_charset_in_meta(head, text):
    (part,) = read("a.html", head.encode() + b"\xfc").parts
    assert part.html == head + text


def test_attached_mails_are_marked_forwarded():
    outer = mail("<p>outer</p>")
    outer.make_mixed()
    outer.add_attachment(mail("<p>inner</p>"))
    result = [(part.html.strip(), part.forwarded) for part in read_mail(outer.as_bytes()).parts]
    assert result == [("<p>outer</p>", False), ("<p>inner</p>", True)]


def test_html_attachments_are_marked():
    outer = mail("<p>outer</p>")
    outer.add_attachment("<p>file</p>", subtype="html", filename="a.html")
    result = [(part.html.strip(), part.attached) for part in read_mail(outer.as_bytes()).parts]
    assert result == [("<p>outer</p>", False), ("<p>file</p>", True)]


def test_only_what_opening_shows_is_shown():
    outer = mail("<p>outer</p>")
    outer.add_alternative("<p>amp</p>", subtype="x-amp-html")
    outer.make_mixed()
    outer.add_attachment("<p>file</p>", subtype="html", filename="a.html")
    outer.add_attachment(mail("<p>inner</p>"))
    result = read_mail(outer.as_bytes())
    assert len(result.parts) == 4
    assert result.shown.strip() == "<p>outer</p>"


def test_multiparts_are_followed_into_each_other():
    deep = mail("<p>deep</p>")
    for _ in range(5):
        outer = EmailMessage()
        outer.make_mixed()
        outer.attach(deep)
        deep = outer
    assert [part.html.strip() for part in read_mail(deep.as_bytes()).parts] == ["<p>deep</p>"]


def test_a_mail_without_html_says_so():
    message = EmailMessage()
    message.set_content("https://api.segment.io/v1/pixel/track")
    result = read_mail(message.as_bytes())
    assert result.parts == ()
    assert "no HTML part (only text/plain)" in result.reason


def attached(inner: bytes, kind: str, encoding: str = "base64", name: str = "a.eml") -> bytes:
    body = base64.encodebytes(inner) if encoding == "base64" else inner
    return b"""\
From: a@example.com
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: %s
Content-Disposition: attachment; filename="%s"
Content-Transfer-Encoding: %s

%s
--b--
""" % (kind.encode(), name.encode(), encoding.encode(), body)


@pytest.mark.parametrize(
    ("kind", "encoding", "name"),
    [
        ("message/rfc822", "7bit", "a"),
        ("message/rfc822", "base64", "a"),
        ("message/rfc822", "BASE64", "a"),
        ("application/octet-stream", "base64", "A.EML"),
        ("application/octet-stream", "8bit", "a.eml"),
    ],
)
def test_an_attached_mail_is_opened_however_it_is_encoded(kind, encoding, name):
    inner = mail("<p>inner</p>").as_bytes()
    (part,) = read_mail(attached(inner, kind, encoding, name)).parts
    assert (part.html.strip(), part.forwarded) == ("<p>inner</p>", True)


def test_mails_attached_to_attached_mails_are_opened():
    raw = attached(mail("<p>inner</p>").as_bytes(), "application/octet-stream")
    (part,) = read_mail(attached(raw, "message/rfc822")).parts
    assert (part.html.strip(), part.forwarded) == ("<p>inner</p>", True)


def test_other_attachments_stay_closed():
    inner = mail("<p>inner</p>").as_bytes()
    assert read_mail(attached(inner, "application/octet-stream", name="a.bin")).parts == ()


@pytest.mark.parametrize("body", [b"", b"&&&", b"abc", b"\xff"])
def test_a_broken_attachment_harms_nothing(body):
    raw = attached(body, "message/rfc822", "7bit").replace(b": 7bit", b": base64")
    assert "no HTML part" in read_mail(raw).reason


def nested(depth: int) -> bytes:
    head = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    levels = b"".join(head % (level, level) for level in range(depth))
    return b"MIME-Version: 1.0\n%sContent-Type: text/html\n\n<p>" % levels


def test_endless_multiparts_are_named():
    assert read("a.eml", nested(3_000)).reason == (
        "The mail cannot be read: its parts are nested too deeply."
    )


ESCAPES = {
    "a charset": b'From: a\nContent-Type: text/html; charset="\x1b[31m"\n\n<p>\xff',
    "a content type": b"From: a\nContent-Type: text/\x1b[31m\n\nx",
}


@pytest.mark.parametrize("raw", ESCAPES.values(), ids=ESCAPES)
def test_what_a_mail_says_of_itself_never_commands_the_terminal(raw):
    result = read("a.eml", raw)
    said = result.reason + "".join(note for part in result.parts for note in part.notes)
    assert "\\u001b[31m" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: message/rfc822\n\n" * 5_000,
        b"Content-Type: multipart/mixed; boundary*=a; boundary*0=b\n\n--a\n\n",
    ],
    ids=["endless nesting", "broken parameters"],
)
def test_a_mail_that_cannot_be_read_says_so(raw):
    result = read_mail(raw)
    assert result.parts == ()
    assert "cannot be read" in result.reason


def test_broken_parameters_leave_the_html_readable():
    raw = b"Content-Type: text/html; charset*=a; charset*0=b\n\n<p>x"
    assert [part.html for part in read_mail(raw).parts] == ["<p>x"]


def test_a_mark_or_blank_lines_before_the_headers_do_no_harm():
    assert read_mail(b"\xef\xbb\xbf\r\n\nContent-Type: text/html\n\n<p>").parts[0].html == "<p>"


KINDS = {
    "named .eml": ("a.EML", b"<p>", True),
    "begins with a header": ("mail", b"Return-Path: <a@example.com>\nX: y\n\n", True),
    "folded header": ("mail", b"Subject:\r\n long\r\n", True),
    "mbox": ("mail", b"From a@example.com Mon\nSubject: x\n", True),
    "byte order mark": ("mail", b"\xef\xbb\xbfSubject: x\n", True),
    "an unknown header first": ("mail", b"Foo-Bar: x\n y\nSUBJECT: x\n", True),
    "a header of an extension": ("mail", b"X-Mailer: x\n", True),
    "text with a colon": ("-", b"Note: this\n\nSubject: x\n", False),
    "HTML with a colon": ("-", b"<p>Hi: <img>\nSubject: x\n", False),
    "CSS": ("-", b"<style>p{color: red}</style>", False),
    "JSON": ("-", b'{"Subject": "x"}', False),
    "YAML": ("-", b"name: x\nsteps:\n  - From: x\n", False),
    "html": ("mail", b"<!doctype html>", False),
    "html named so": ("a.html", b"Subject: a template\n<p>", False),
    "a URL": ("-", b"https://api.segment.io/", False),
    "empty": ("-", b"", False),
}


@pytest.mark.parametrize(("name", "raw", "expected"), KINDS.values(), ids=KINDS)
def test_what_is_a_mail(name, raw, expected):
    assert is_mail(name, raw) is expected


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.eml", b"<p>Hi</p>"),
        ("a.eml", b" <img\nalt=a: b>"),
        ("README", b"Subject: a template\n\n<img>"),
        ("-", b"To: do\n<img>"),
    ],
)
def test_what_is_no_mail_after_all_is_read_as_html(name, raw):
    assert [part.html for part in read(name, raw).parts] == [raw.decode()]


def test_only_a_file_named_as_mail_is_reported_to_lack_html():
    assert "no HTML part" in read("a.eml", b"Subject: x\n\ntext").reason
    assert read("a.txt", b"Subject: x\n\ntext").reason == ""


def test_html_of_a_mail_is_distinguished_from_html_of_a_file():
    raw = b"Content-Type: text/html\n\n<p>"
    assert [read(name, raw).parts[0].in_mail for name in ("a.eml", "a.html")] == [True, False]


def test_a_file_is_read_as_what_it_is():
    raw = dedent("""\
        Content-Type: text/html

        <p>
        """).encode()
    assert read("a.eml", raw).shown == "<p>\n"
    assert read("a.html", raw).shown == raw.decode()


PIECES = st.sampled_from(
    [
        *(b"Content-Type: ", b"text/html", b"multipart/mixed", b"message/rfc822", b"; boundary=b"),
        *(b"; charset=", b"; charset*=", b"; charset*0=", b"; boundary*1*=", b"utf-8''", b"\n--b"),
        *(b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"x-uuencode", b"\n\n"),
        *(b"Content-Disposition: ", b"attachment", b"begin 644 a\n", b"--", b"\n", b"\r\n", b" "),
        *(b'"', b"=", b";", b"\x00", b"\xff", b"<meta charset=", b"=?utf-8?q?=ff?=", b"%zz"),
    ]
)


@examples(200)
@given(st.binary() | st.lists(PIECES).map(b"".join))
def test_no_bytes_are_too_odd(raw):
    result = read_mail(raw)
    assert bool(result.parts) != bool(result.reason)
    assert all(result.parts or result.reason for result in mail_source.read("a.html", raw))
    assert all(result.parts or result.reason for result in mail_source.read("a.mbox", raw))
    assert all(
        result.parts or result.reason for result in mail_source.read_text(raw.decode("latin-1"))
    )
    is_mail("", raw)


# -- transfer encodings ------------------------------------------------------------------

MARKUP = b'<img src="https://api.segment.io/v1/pixel/track?a=1&amp;b=2">'
ENCODED = base64.b64encode(MARKUP)


@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"\r\n", b" \n", b"\n\n", b"!\r\n", b"=\n"])
def test_the_lines_of_base64_may_end_in_any_way(end):
    body = end.join(ENCODED[at : at + 57] for at in range(0, len(ENCODED), 57))
    assert from_base64(body) == MARKUP


@pytest.mark.parametrize(
    "pieces", [[b"<p>a"], [b"<p>a", MARKUP], [b"a", b"ab", b"abc", MARKUP, b"x"]]
)
@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n\r\n"])
def test_base64_goes_on_behind_padding(pieces, between):
    body = between.join(map(base64.b64encode, pieces))
    assert from_base64(body) == b"".join(pieces)


@pytest.mark.parametrize("lost", [1, 2])
def test_padding_may_be_missing(lost):
    html = b"<p>" + b"x" * lost
    assert from_base64(base64.b64encode(html).rstrip(b"=")) == html


@given(st.binary())
def test_no_base64_is_too_odd(body):
    from_base64(body)
    from_base64(body.translate(bytes.maketrans(b"\0\1\2\3", b"=Aa=")))


@given(st.binary())
def test_base64_is_what_python_reads(data):
    assert from_base64(base64.encodebytes(data)) == data


@pytest.mark.parametrize("blanks", [b"", b" ", b"\t", b" \t "])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_blanks_at_the_end_of_quoted_printable_are_none(blanks, end):
    body = quopri.encodestring(MARKUP * 3).replace(b"\n", blanks + end) + blanks
    assert b"=" + blanks + end in body
    assert from_quoted_printable(body) == MARKUP * 3


def test_other_blanks_stay():
    assert from_quoted_printable(b"a  b =20\n\tc =\nd") == b"a  b  \n\tc d"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ENCODED, True),
        (b"\r\n " + ENCODED, True),
        (ENCODED + b"\n-- \n<https://list.example.com>", True),
        (b"", True),
        (MARKUP, False),
        (b"\n\n  " + MARKUP, False),
        (b"Hello <b>you</b>", False),
        (b"From: a@example.com\n\n", False),
    ],
)
def test_what_is_base64(body, expected):
    assert is_base64(body) is expected
