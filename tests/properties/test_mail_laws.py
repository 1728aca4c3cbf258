"""What holds for every mail: no shape, encoding or mailbox hides its HTML."""

import mailbox
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email.html_pixels import find_pixels
from pixel_emulator.email.mail_source import read, read_text
from tests.law_examples import examples

HOSTS = ("api.segment.io",)
PIXEL = "https://api.segment.io/v1/pixel/track?writeKey=wk_test_0000&userId=u&event=Mail%20Opened"
ENCODINGS = st.sampled_from(["7bit", "quoted-printable", "base64"])
FILLERS = st.sampled_from(
    ["", "<p>From here on</p>\n", "\nFrom here on\n", "<!-- -->", "..\n.\n", "=3D = \n", "x" * 90]
)


@st.composite
def htmls(draw: st.DrawFn) -> EmailMessage:
    message = EmailMessage()
    body = f'{draw(FILLERS)}<img src="{PIXEL.replace("&", "&amp;")}">{draw(FILLERS)}\n'
    message.set_content(body, subtype="html", cte=draw(ENCODINGS))
    return message


def texts() -> st.SearchStrategy[EmailMessage]:
    return st.builds(_text, FILLERS)


def _text(body: str) -> EmailMessage:
    message = EmailMessage()
    message.set_content(f"{body}{PIXEL}\n")
    return message


def _multipart(kind: str, children: list[EmailMessage]) -> EmailMessage:
    message = EmailMessage()
    message.add_header("Content-Type", f"multipart/{kind}")
    for child in children:
        message.attach(child)
    return message


def _attached(inner: EmailMessage) -> EmailMessage:
    inner["Subject"] = "inner"
    message = EmailMessage()
    message.set_content(inner)
    return message


TREES = st.recursive(
    htmls() | texts(),
    lambda inner: (
        st.builds(
            _multipart,
            st.sampled_from(["mixed", "alternative", "related", "report", "x-other"]),
            st.lists(inner, min_size=1, max_size=3),
        )
        | inner.map(_attached)
    ),
    max_leaves=6,
)


def count(message: EmailMessage) -> int:
    return sum(part.get_content_type() == "text/html" for part in message.walk())


def pixel_counts(mails) -> list[int]:
    """Return how often each mail makes a client ask for the pixel, for every part of it."""
    return [
        sum(
            pixel.url == PIXEL
            for part in mail.parts
            for pixel in find_pixels(part.html, hosts=HOSTS)
        )
        for mail in mails
    ]


@examples(150)
@given(
    TREES, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.sampled_from(["a.eml", "a.mbox", "new/1"])
)
def test_every_part_of_every_mail_is_found(message, newline, name):
    message["From"] = "a@example.com"
    raw = message.as_bytes().replace(b"\n", newline)
    assert pixel_counts(read(name, raw)) == [count(message)]
    if count(message):
        assert pixel_counts(read_text(raw.decode())) == [count(message)]


@examples(50)
@given(st.lists(TREES, min_size=1, max_size=4), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_every_mail_of_every_mailbox_is_found(messages, newline):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "box"
        box = mailbox.mbox(path)
        for message in messages:
            message["From"] = "a@example.com"
            box.add(message)
        box.close()
        raw = path.read_bytes().replace(b"\n", newline)
    assert pixel_counts(read("a.mbox", raw)) == [count(message) for message in messages]
    if count(messages[0]):
        assert pixel_counts(read("box", raw)) == [count(message) for message in messages]
