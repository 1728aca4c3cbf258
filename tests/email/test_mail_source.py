"""What a file or a text holds: one reader for `check`, `open` and `pixels.receive`."""

import base64
import gzip
import json
import quopri

import pytest

from pixel_emulator.email.limits import LIMITS, Limits
from pixel_emulator.email.mail_source import other_format, read, read_text

HTML = '<img src="https://api.segment.io/v1/pixel/track?a=1&amp;b=2">'
FROM = b"From a@example.com Mon Nov 30 16:06:24 2026\n"


def mail(html: str = HTML, *, subject: str = "Hi", encoding: str = "", kind: str = "text/html"):
    head = f"From: a@example.com\nSubject: {subject}\nContent-Type: {kind}\n"
    if encoding:
        head += f"Content-Transfer-Encoding: {encoding}\n"
    name = encoding.lower()
    if "base64" in name:
        body = base64.encodebytes(html.encode())
    elif "quoted" in name:
        body = quopri.encodestring(html.encode())
    else:
        body = html.encode()
    return head.encode() + b"\n" + body + b"\n"


def htmls(mails):
    return [[part.html.strip() for part in mail.parts] for mail in mails]


# -- transfer encodings ------------------------------------------------------------------------

LEGAL = [
    "quoted-printable",
    "quoted-printable (QP)",
    "quoted-printable;",
    "Quoted-Printable ; x=y",
    "QUOTED-PRINTABLE",
    "(a (nested) comment) quoted-printable",
    "quoted-printable(QP)",
    "\n quoted-printable",
    "quoted-printable\n (folded)",
    "base64 (MIME)",
    "(x)base64",
    "BASE64;",
    "7bit (plain)",
    "8BIT",
    "binary;",
    "",
]
UNKNOWN = ["x-foo", '"base64"', "base-64", "quotedprintable", "(", "quoted printable", "gzip"]


@pytest.mark.parametrize("encoding", LEGAL)
def test_legal_transfer_encodings_are_read(encoding):
    (result,) = read("a.eml", mail(encoding=encoding))
    assert (htmls([result]), result.reason) == ([[HTML]], "")


@pytest.mark.parametrize("encoding", UNKNOWN)
def test_an_unknown_transfer_encoding_is_refused(encoding):
    (result,) = read("a.eml", mail(encoding=encoding).replace(b"=\n", b""))
    assert "transfer encoding" in result.reason
    assert not result.is_text


def test_an_attached_mail_in_base64_with_a_comment_is_opened():
    outer = (
        b"From: a\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64 (x)\n\n"
        + base64.encodebytes(mail())
    )
    (result,) = read("a.eml", outer)
    assert [(part.html.strip(), part.forwarded) for part in result.parts] == [(HTML, True)]


NAMED_AGAIN = {
    "a blank before the colon": (b"Content-Type:", b"Content-Type :", ""),
    "the encoding, too": (b"Content-Transfer-Encoding:", b"Content-Transfer-Encoding\t:", ""),
    "no semicolon": (b"text/html", b"text/html charset=utf-8", ""),
    "a comment first": (b"text/html", b"(HTML) (x) text/html", ""),
    "a comment behind": (b"text/html", b"text/html (HTML)", ""),
    "two kinds": (b"Content-Type:", b"Content-Type: text/plain\nContent-Type:", "two different"),
    "the same twice": (b"Content-Type:", b"Content-Type: text/html\nContent-Type:", ""),
    "bytes that are no text": (
        b"Content-Type:",
        b"Content-Type:\x80\nContent-Type:",
        "two different",
    ),
    "two encodings": (
        b"Content-Transfer",
        b"Content-Transfer-Encoding: 8bit\nContent-Transfer",
        "two different Content-Transfer-Encoding headers",
    ),
}


@pytest.mark.parametrize(("old", "new", "reason"), NAMED_AGAIN.values(), ids=NAMED_AGAIN)
def test_odd_headers_are_read_as_clients_read_them_or_refused(old, new, reason):
    raw = mail(encoding="quoted-printable")
    assert old in raw
    (result,) = read("a.eml", raw.replace(old, new))
    assert reason in result.reason
    assert bool(result.reason) is bool(reason)
    assert not result.is_text
    if not reason:
        assert htmls([result]) == [[HTML]]


def test_html_declared_as_base64_that_is_none_is_refused():
    (result,) = read(
        "a.eml", mail().replace(b"\n\n", b"\nContent-Transfer-Encoding: base64\n\n", 1)
    )
    assert "said to be base64" in result.reason


NO_PART = [
    b"From: a\nContent-Type: multipart/alternative\n\n--b\nContent-Type: text/html\n\n<p>",
    b"From: a\nContent-Type: multipart/mixed; boundary=c\n\n--b\nContent-Type: text/html\n\n<p>",
    b"From: a\nContent-Type: (x) multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n",
    b"From: a\nContent-Type: message/partial; id=a; number=1; total=2\n\n" + mail(),
    b"From: a\nContent-Type: message/external-body; access-type=URL\n\nContent-Type: text/html\n\n",
]


@pytest.mark.parametrize("raw", NO_PART)
def test_parts_that_nobody_can_find_are_not_plain_text(raw):
    (result,) = read("a.eml", raw)
    assert "cannot be read" in result.reason
    assert not result.is_text


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "7bit"])
def test_an_attached_mail_may_be_encoded_as_a_whole(encoding):
    inner = mail("<p>ü" + HTML, encoding="8bit")
    encode = {"quoted-printable": quopri.encodestring, "base64": base64.encodebytes}
    body = encode.get(encoding, bytes)(inner)
    outer = f"From: a\nContent-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}\n\n"
    (result,) = read("a.eml", outer.encode() + body)
    assert [(part.html.strip(), part.forwarded) for part in result.parts] == [("<p>ü" + HTML, True)]


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "7bit"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("name", ["a.eml", "a.mbox", "1701.M1P2.host:2,S", "-"])
def test_lines_may_end_in_any_way(name, newline, encoding):
    raw = mail(encoding=encoding).replace(b"\n", newline)
    assert htmls(read(name, raw)) == [[HTML]]
    assert htmls(read_text(raw.decode())) == [[HTML]]
    box = FROM + mail(encoding=encoding) + b"\n" + FROM + mail(encoding=encoding)
    box = box.replace(b"\n", newline)
    assert htmls(read_text(box.decode())) == [[HTML]] * 2
    assert htmls(read(name, box)) == [[HTML]] * 2


# -- mailboxes -----------------------------------------------------------------------------------

NAMES = pytest.mark.parametrize("name", ["a.mbox", "a.MBX", "a.eml", "inbox", "-"])


@NAMES
def test_every_mail_of_an_mbox_is_read(name):
    raw = FROM + mail("<p>1") + b"\n" + FROM + mail("<p>2", subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
    mails = read(name, raw)
    assert htmls(mails) == [["<p>1"], ["<p>2"]]
    assert [mail.title for mail in mails] == ['mail 1 "Hi"', 'mail 2 "Grüße"']


@NAMES
def test_one_mail_behind_a_separator_is_a_mail(name):
    (result,) = read(name, FROM + mail(encoding="quoted-printable"))
    assert (htmls([result]), result.title) == ([[HTML]], "")


def test_an_mbox_with_one_mail_and_no_separator_is_a_mail():
    (result,) = read("a.mbox", mail(encoding="quoted-printable"))
    assert (htmls([result]), result.parts[0].in_mail) == ([[HTML]], True)


def test_a_quoted_from_in_a_url_is_undone():
    raw = FROM + mail("<img src='https://api.segment.io/?e=Mail\n>From Shop'>")
    assert htmls(read("a.mbox", raw)) == [["<img src='https://api.segment.io/?e=Mail\nFrom Shop'>"]]
    assert ">From" in htmls(read("a.eml", raw.removeprefix(FROM)))[0][0]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (b"<p>no header\n", "does not begin with headers"),
        (b"\n", "does not begin with headers"),
        (mail(encoding="x-foo"), "transfer encoding"),
        (mail(kind="text/plain"), "no HTML part"),
        (b"Content-Type: multipart/mixed; boundary*=a; boundary*0=b\n\n--a\n\n", "MIME structure"),
    ],
)
def test_a_mail_of_an_mbox_that_cannot_be_read_is_refused_by_its_number(broken, message):
    mails = read("a.mbox", FROM + mail() + FROM + broken + FROM + mail())
    assert [bool(mail.reason) for mail in mails] == [False, True, False]
    assert message in mails[1].reason
    assert mails[1].title.startswith("mail 2")


def test_a_mailbox_file_without_a_mail_says_so():
    (result,) = read("a.mbox", b"<img src=a>")
    assert "does not begin with headers" in result.reason


def test_a_mail_of_apple_mail_is_read():
    raw = mail("<p>1")
    emlx = b"%d  \n%s<?xml version='1.0'?><plist><img src=b></plist>" % (len(raw), raw)
    assert htmls(read("1.emlx", emlx)) == [["<p>1"]]


# -- other formats -------------------------------------------------------------------------------

OTHERS = {
    "Outlook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, ".msg"),
    "an archive": (b"PK\x03\x04abc", "ZIP"),
    "gzip": (gzip.compress(mail()), "gzip"),
    "a PDF": (b"%PDF-1.7\n", "PDF"),
    "winmail.dat": (b'x\x9f>"\1\1\1', "TNEF"),
    "RTF": (b"{\\rtf1 <img>}", "RTF"),
    "a mailbox of MMDF": (b"\1\1\1\1\n" + mail() + b"\1\1\1\1\n", "MMDF"),
    "a mailbox of Emacs": (b"BABYL OPTIONS:\nVersion: 5\n\x1f\n" + mail(), "Babyl"),
    "something binary": (b"ab\0\1\2" * 9, "binary"),
    "JSON": (json.dumps([{"html": HTML}]).encode(), "JSON"),
    "JSON with a mark and blanks": (b"\xef\xbb\xbf\n {} \n", "JSON"),
    "one object a line": (b'{"html": 1}\n{"html": 2}\n', "JSON"),
    "endless JSON": (b"[" * 100_000 + b"]" * 100_000, "JSON"),
}


@pytest.mark.parametrize(("raw", "message"), OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("name", ["a", "a.eml", "a.mbox", "a.html"])
def test_other_formats_are_named(name, raw, message):
    (result,) = read(name, raw)
    assert message in result.reason
    assert result.parts == ()


@pytest.mark.parametrize(
    "raw",
    [b"", b"<p>", b"{{ user.name }}", b"{% if x %}{% endif %}", b"[Hi]", b"{", mail(),
     "\ufeff<p>".encode("utf-16-le"), b"text"],
)  # fmt: skip
def test_html_and_mails_are_no_other_format(raw):
    assert other_format(raw) == ""


SEALED = ["application/pkcs7-mime", "application/pgp-encrypted", "application/ms-tnef"]


@pytest.mark.parametrize("kind", SEALED)
def test_a_mail_that_hides_its_html_is_refused(kind):
    """S/MIME, PGP, winmail.dat: opening it would show HTML that is not read here."""
    (result,) = read("a.eml", mail("x", kind=kind))
    assert kind in result.reason
    assert not result.is_text


def test_a_detached_signature_hides_nothing():
    raw = b"Content-Type: multipart/signed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>\n"
    raw += b"--b\nContent-Type: application/pkcs7-signature\n\nx\n--b--\n"
    assert read("a.eml", raw)[0].reason == ""


def test_plain_text_is_distinguished_from_what_cannot_be_read():
    assert read("a.eml", mail(kind="text/plain"))[0].is_text
    assert not read("a.eml", mail(encoding="x-foo"))[0].is_text


# -- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "7bit", ""])
def test_the_source_of_a_mail_is_read_as_text(encoding):
    assert htmls(read_text(mail(encoding=encoding).decode())) == [[HTML]]


def test_a_text_may_be_an_mbox_or_html():
    assert htmls(read_text((FROM + mail("<p>1") + FROM + mail("<p>2")).decode())) == [
        ["<p>1"],
        ["<p>2"],
    ]
    (result,) = read_text("<meta charset=iso-8859-1><p>ü\ud800")
    assert htmls([result]) == [["<meta charset=iso-8859-1><p>ü\ud800"]]
    assert result.url_charset == "utf-8"


def test_a_text_that_only_begins_like_a_mail_is_html():
    assert htmls(read_text(f"Subject: a template\n\n{HTML}")) == [
        [f"Subject: a template\n\n{HTML}"]
    ]


# -- charsets ------------------------------------------------------------------------------------


def test_the_queries_of_a_mail_are_written_in_utf_8_and_those_of_a_file_in_its_charset():
    """A mail client shows a mail within a page of its own; a browser opens the file itself."""
    html = '<meta charset="iso-8859-1"><img src="ü">'.encode("latin-1")
    assert read("a.html", html)[0].url_charset == "windows-1252"
    raw = b"From: a\nContent-Type: text/html; charset=iso-8859-1\n\n" + html
    assert read("a.eml", raw)[0].url_charset == "utf-8"


# -- limits --------------------------------------------------------------------------------------

PART = b"--b\nContent-Type: text/html\n\n<p>\n"
MULTIPART = b"Content-Type: multipart/mixed; boundary=b\n\n" + PART * 11
NESTED = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 3 + PART
LONG = b"Content-Type: text/html; x=" + b"a" * 99 + b"\n\n<p>"
FOLDED = b"Content-Type: text/html;" + b"\n x=aaaaaaaaa" * 9 + b"\n\n<p>"
BOUNDS = {
    "file": (b"<p>" * 4, Limits(file_bytes=10), "more than 10 bytes"),
    "mails": (FROM + mail() + FROM + mail(), Limits(mails=1), "more than 1 mails"),
    "mail": (mail("x" * 99), Limits(mail_bytes=99), "more than 99 bytes"),
    "parts": (MULTIPART, Limits(parts=10), "more than 10 parts"),
    "lines": (NESTED, Limits(line_visits=20), "lines in 3 or more multiparts"),
    "a long header": (LONG, Limits(header_bytes=99), "headers has more than 99 bytes"),
    "a folded header": (FOLDED, Limits(header_bytes=99), "headers has more than 99 bytes"),
}


@pytest.mark.parametrize(("raw", "limits", "message"), BOUNDS.values(), ids=BOUNDS)
def test_what_passes_a_limit_is_refused(raw, limits, message):
    assert all(result.reason == "" for result in read("a.eml", raw))
    assert message in read("a.eml", raw, limits)[0].reason


def test_mails_attached_to_a_mail_count_with_it():
    inner = MULTIPART
    outer = (
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(inner)
    )
    assert len(read("a.eml", outer)[0].parts) == 11
    assert "more than 10 parts" in read("a.eml", outer, Limits(parts=10))[0].reason
    assert "more than" in read("a.eml", outer, Limits(mail_bytes=len(inner) - 1))[0].reason


def test_the_limits_are_far_beyond_a_large_newsletter():
    html = "<table>" + "<tr><td><p>text</p></td></tr>" * 5_000 + "</table>"
    assert read("a.eml", mail(html * 2, encoding="base64"), LIMITS)[0].reason == ""
