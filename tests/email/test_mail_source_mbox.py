"""Mailboxes with several mails in one file."""

import mailbox
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email.mail_source import is_mbox, split_mbox

FROM = b"From MAILER-DAEMON Mon Nov 30 16:06:24 2026\n"
A, B = b"Subject: a\n\nx\n", b"Subject: b\n\ny\n"


def told(length: int = 0, newline: bytes = b"\n") -> bytes:
    """Return a mail that tells the length of its body; a separator stands in it, unquoted."""
    body = b"x\n\nFrom M Mon Nov 30 16:06:24 2026\n<p>\n".replace(b"\n", newline)
    head = b"Subject: a\nContent-Length: %d\nX: y\n\n" % (length or len(body))
    return head.replace(b"\n", newline) + body


SPLIT = {
    "one": (FROM + A, [A]),
    "two": (FROM + A + b"\n" + FROM + B, [A + b"\n", B]),
    "no empty line between": (FROM + A + FROM + B, [A, B]),
    "line ends of DOS": (
        (FROM + A + b"\n" + FROM + B).replace(b"\n", b"\r\n"),
        [(A + b"\n").replace(b"\n", b"\r\n"), B.replace(b"\n", b"\r\n")],
    ),
    "Thunderbird's separator": (
        b"From - Mon Nov 30 16:06:24 2026\n" + A + b"\nFrom - Tue Dec 01 09:00:00 2026\n" + B,
        [A + b"\n", B],
    ),
    "a zone in the separator": (
        b"From 17@xxx Mon Nov 30 16:06:24 +0000 2026\n" + A,
        [A],
    ),
    "no time, but a header": (b"From a@example.com\n" + A + b"\nFrom b\n" + B, [A + b"\n", B]),
    "a sentence is no separator": (
        FROM + b"Subject: a\n\n\nFrom here on: see Monday\n",
        [b"Subject: a\n\n\nFrom here on: see Monday\n"],
    ),
    "nor is one with a URL": (
        FROM + b"Subject: a\n\n\nFrom here on\nhttps://a.example.com\n",
        [b"Subject: a\n\n\nFrom here on\nhttps://a.example.com\n"],
    ),
    "quoted": (FROM + b"Subject: a\n\n>From x\n>>From y\n> From z\n", [
        b"Subject: a\n\nFrom x\n>From y\n> From z\n"
    ]),
    "a header with an underscore": (FROM + b"X_Y: 1\n" + A + b"\nFrom b\nX_Y: 2\n" + B, [
        b"X_Y: 1\n" + A + b"\n", b"X_Y: 2\n" + B
    ]),
    "a body with its length": (FROM + told() + b"\n" + FROM + B, [told() + b"\n", B]),
    "a body with its length, the last one": (FROM + told(), [told()]),
    "a body with its length and line ends of DOS": (
        FROM + told(newline=b"\r\n") + FROM + B,
        [told(newline=b"\r\n"), B],
    ),
    "a length that is wrong": (
        FROM + told(9) + FROM + B,
        [told(9).partition(b"From")[0], b"<p>\n", B],
    ),
    "a length beyond the end": (
        FROM + told(5_000) + FROM + B,
        [told(5_000).partition(b"From")[0], b"<p>\n", B],
    ),
    "no separator at all": (A, [A]),
    "something before the first": (A + b"\n" + FROM + B, [A + b"\n", B]),
    "an empty mail between": (FROM + A + FROM + FROM + B, [A, b"", B]),
    "an empty file": (b"", [b""]),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "mails"), SPLIT.values(), ids=SPLIT)
def test_an_mbox_is_split(raw, mails):
    assert split_mbox(raw) == mails


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(FROM + A, True), (b"From a\n" + A, True), (A, False), (b"From a to b\n<p>", False)],
)
def test_what_begins_an_mbox(raw, expected):
    assert is_mbox(raw) is expected


LINES = st.sampled_from(["text", "", "From me", ">From me", ">>From me", "<p>", "Note: this"])


@given(st.lists(st.lists(LINES), min_size=1, max_size=4))
def test_what_python_writes_is_read_back(tmp_path_factory, bodies):
    """Python quotes `From ` as mboxo does, so one `>` of those that were there is lost."""
    path = tmp_path_factory.mktemp("box") / "a.mbox"
    box = mailbox.mbox(path)
    for number, lines in enumerate(bodies):
        message = EmailMessage()
        message["Subject"] = str(number)
        message.set_content("\n".join(lines))
        box.add(message)
    box.close()
    raw_mails = split_mbox(path.read_bytes())
    assert [raw_mail.split(b"\n")[0] for raw_mail in raw_mails] == [
        f"Subject: {n}".encode() for n in range(len(bodies))
    ]
    for raw_mail, lines in zip(raw_mails, bodies, strict=True):
        body = raw_mail.partition(b"\n\n")[2].decode().rstrip("\n")
        quoted = [line.removeprefix(">") if ">From" in line else line for line in lines]
        assert body == "\n".join(quoted).rstrip("\n")
