"""What holds for every mail: no shape, encoding or mailbox hides its HTML."""

import mailbox
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from pixel_emulator.email.pixels import find_pixels
from pixel_emulator.email.source import read, read_text

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
    for each in children:
        message.attach(each)
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
    return sum(each.get_content_type() == "text/html" for each in message.walk())


def found(mails) -> list[int]:
    """Return how often each mail makes a client ask for the pixel, for every part of it."""
    return [
        sum(
            each.url == PIXEL for part in mail.parts for each in find_pixels(part.html, hosts=HOSTS)
        )
        for mail in mails
    ]


@settings(max_examples=150)
@given(
    TREES, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.sampled_from(["a.eml", "a.mbox", "new/1"])
)
def test_every_part_of_every_mail_is_found(message, newline, name):
    message["From"] = "a@example.com"
    raw = message.as_bytes().replace(b"\n", newline)
    assert found(read(name, raw)) == [count(message)]
    if count(message):
        assert found(read_text(raw.decode())) == [count(message)]


@settings(max_examples=50, deadline=None)
@given(st.lists(TREES, min_size=1, max_size=4), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_every_mail_of_every_mailbox_is_found(messages, newline):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "box"
        box = mailbox.mbox(path)
        for each in messages:
            each["From"] = "a@example.com"
            box.add(each)
        box.close()
        raw = path.read_bytes().replace(b"\n", newline)
    assert found(read("a.mbox", raw)) == [count(each) for each in messages]
    if count(messages[0]):
        assert found(read("box", raw)) == [count(each) for each in messages]
