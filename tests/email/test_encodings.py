"""Transfer encodings, as mail clients decode them."""

import base64
import quopri
from itertools import batched

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.email.encodings import from_base64, from_quoted_printable, is_base64

HTML = b'<img src="https://api.segment.io/v1/pixel/track?a=1&amp;b=2">'
ENCODED = base64.b64encode(HTML)


@pytest.mark.parametrize("end", [b"", b"\r", b"\n", b"\r\n", b" \n", b"\n\n", b"!\r\n", b"=\n"])
def test_the_lines_of_base64_may_end_in_any_way(end):
    body = end.join(map(bytes, batched(ENCODED, 57, strict=False)))
    assert from_base64(body) == HTML


@pytest.mark.parametrize("pieces", [[b"<p>a"], [b"<p>a", HTML], [b"a", b"ab", b"abc", HTML, b"x"]])
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
    body = quopri.encodestring(HTML * 3).replace(b"\n", blanks + end) + blanks
    assert b"=" + blanks + end in body
    assert from_quoted_printable(body) == HTML * 3


def test_other_blanks_stay():
    assert from_quoted_printable(b"a  b =20\n\tc =\nd") == b"a  b  \n\tc d"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ENCODED, True),
        (b"\r\n " + ENCODED, True),
        (ENCODED + b"\n-- \n<https://list.example.com>", True),
        (b"", True),
        (HTML, False),
        (b"\n\n  " + HTML, False),
        (b"Hello <b>you</b>", False),
        (b"From: a@example.com\n\n", False),
    ],
)
def test_what_is_base64(body, expected):
    assert is_base64(body) is expected
