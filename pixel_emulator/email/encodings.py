"""Transfer encodings of MIME (RFC 2045), decoded as mail clients decode them."""

import re
from binascii import a2b_base64, a2b_qp

_BLANKS_AT_END = re.compile(rb"(?<![ \t])[ \t]++(?=[\r\n]|\Z)")
_NOT_BASE64 = bytes(
    byte
    for byte in range(256)
    if byte not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)
_PADDED = re.compile(rb"(?:[^=]{4})*+(?:[^=]{2}==|[^=]{3}=)")


def from_quoted_printable(body: bytes) -> bytes:
    """Return the decoded body, without the blanks at the end of lines (6.7, rule 3)."""
    return a2b_qp(_BLANKS_AT_END.sub(b"", body))


def from_base64(body: bytes) -> bytes:
    """Return the decoded body; what is not of the alphabet is passed over (6.8).

    Where padding ends a text, another may begin: mailers put encoded pieces one behind the other.
    """
    text = body.translate(None, _NOT_BASE64)
    decoded, position = [], 0
    while piece := _PADDED.match(text, position):
        decoded.append(a2b_base64(piece[0]))
        position = piece.end()
    rest = text[position:].replace(b"=", b"")
    rest = rest[: len(rest) - (len(rest) % 4 == 1)]
    return b"".join([*decoded, a2b_base64(rest + b"=" * (-len(rest) % 4))])


def is_base64(body: bytes) -> bool:
    """Return False if the first line shows that a body is no base64 but markup, or a mail."""
    first = body.lstrip().partition(b"\n")[0]
    return not (b"<" in first or b":" in first)
