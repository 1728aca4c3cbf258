"""Decode the HTML of one mail as a mail client would."""

import codecs
import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.headerregistry import ContentTransferEncodingHeader, HeaderRegistry
from email.message import Message
from email.parser import BytesParser
from string import ascii_letters, digits

from pixel_emulator.core.text.display import shortened
from pixel_emulator.email.limits import LIMITS, LimitError, Limits
from pixel_emulator.email.mail import HtmlPart, Mail, decoded_html, is_mail_name

_HTML_TYPES = ("text/html", "application/xhtml+xml", "text/x-amp-html")
# Types that may hold HTML that is not read here: encrypted, signed as a whole, or packed.
_OPAQUE_TYPES = frozenset(
    {
        *("application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"),
        *("application/ms-tnef", "application/vnd.ms-tnef"),
        *("message/external-body", "message/partial"),
    }
)
# RFC 2045, section 6.1, and the names of Python and older mailers for uuencode.
_ENCODINGS = frozenset(
    {
        *("7bit", "8bit", "binary", "quoted-printable", "base64"),
        *("x-uuencode", "uuencode", "uue", "x-uue"),
    }
)
_ENCODING_HEADER = "content-transfer-encoding"
_MAX_ENCODING = 200  # characters parsed of a header with comments
# cpython scans the parameters of these headers repeatedly.
_PART_HEADERS = re.compile(
    rb"(?:\A|[\r\n])content-(?:type|disposition):[^\r\n]*+(?:(?:\r\n?|\n)[ \t][^\r\n]*+)*+",
    re.IGNORECASE,
)
_CONTAINERS = re.compile(
    rb"(?:\A|[\r\n])content-type:[ \t\r\n]*+(?:multipart|message)/", re.IGNORECASE
)
_MAX_DEPTH = 100  # nested multiparts; cpython's parser gives up somewhat later
_COMMENTS = re.compile(r"\A(?:\s*+\([^()]*+\))++")
# Blanks before the colon, which readers must accept by RFC 5322 (4.5).
_BLANK_BEFORE_COLON = re.compile(
    rb"(?im)^(content-(?:type|transfer-encoding|disposition))[ \t]++(?=:)"
)
_MAX_SUBJECT = 200  # characters
_NO_NEWLINES = str.maketrans("\r\n", "  ")

_BLANKS_AT_END = re.compile(rb"(?<![ \t])[ \t]++(?=[\r\n]|\Z)")
_NOT_BASE64 = bytes(set(range(256)) - set(f"{ascii_letters}{digits}+/=".encode()))
_PADDED = re.compile(rb"(?:[^=]{4})*+(?:[^=]{2}==|[^=]{3}=)")


def from_quoted_printable(body: bytes) -> bytes:
    """Return the decoded body, without blanks at the end of lines (RFC 2045, 6.7, rule 3)."""
    return a2b_qp(_BLANKS_AT_END.sub(b"", body))


def from_base64(body: bytes) -> bytes:
    """Return the decoded body; characters outside the alphabet are skipped (RFC 2045, 6.8).

    After padding another text may begin: some mailers concatenate encoded pieces.
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
    """Return False if the first line shows that a body is markup or a mail, not base64."""
    first = body.lstrip().partition(b"\n")[0]
    return not (b"<" in first or b":" in first)


_DECODERS = {"quoted-printable": from_quoted_printable, "base64": from_base64}


def read_mail(raw: bytes, limits: Limits = LIMITS) -> Mail:
    """Return the HTML parts of a mail and of mails attached to it. Never raises."""
    start = raw.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    subject = ""
    try:
        root = _Parser(limits).parse(start)
        subject = _subject(root)
        leaves = list(_walk(root, _Parser(limits)))
    except RecursionError:
        return Mail((), "The mail cannot be read: its parts are nested too deeply.")
    except LimitError as error:
        return Mail((), f"The mail cannot be read: {error}.", subject=subject)
    except (TypeError, ValueError) as error:  # cpython's own, on broken headers
        reason = shortened(str(error))
        return Mail(
            (),
            f"The mail cannot be read: its MIME structure is broken ({reason}).",
            subject=subject,
        )
    return replace(_mail(leaves), subject=subject)


def _mail(leaves: list[tuple[Message, bool]]) -> Mail:
    html = [(part, forwarded) for part, forwarded in leaves if _type(part) in _HTML_TYPES]
    unknown = next((name for part, _ in html if (name := _unknown_encoding(part))), "")
    ambiguity = next((reason for part, _ in leaves if (reason := _ambiguity(part))), "")
    parts = tuple(
        _html_part(part, forwarded=forwarded)
        for part, forwarded in html
        if not _unknown_encoding(part)
    )
    if unknown:
        known = "7bit, 8bit, binary, quoted-printable and base64"
        name = shortened(unknown)
        return Mail(
            parts,
            f'An HTML part cannot be read: its transfer encoding "{name}" is none of {known}.',
        )
    if ambiguity:
        return Mail(parts, f"The mail cannot be read for certain: {ambiguity}.")
    types = sorted({_type(part) for part, _ in leaves})
    if opaque := _OPAQUE_TYPES.intersection(types):
        name = shortened(", ".join(sorted(opaque)))
        return Mail(parts, f"The mail cannot be read as a whole: it holds {name}.")
    if parts:
        return Mail(parts)
    if empty := next((name for name in types if name.startswith(("multipart/", "message/"))), ""):
        return Mail((), f"The mail cannot be read: its {shortened(empty)} holds no part.")
    reason = f"The mail has no HTML part (only {shortened(', '.join(types))})"
    return Mail((), f"{reason}, and only HTML can hold a pixel.", is_text=True)


class _Parser:
    """Parses a mail and the mails attached to it, within common limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts = 0

    def parse(self, raw: bytes) -> Message:
        """Parse one mail. Raises LimitError; TypeError or ValueError on broken headers."""
        limits = self._limits
        if len(raw) > limits.mail_bytes:
            raise LimitError(f"it has more than {limits.mail_bytes:,} bytes")
        for header in _PART_HEADERS.finditer(raw):
            if len(header[0]) > limits.header_bytes:
                raise LimitError(f"one of its headers has more than {limits.header_bytes:,} bytes")
        depth = min(sum(1 for _ in _CONTAINERS.finditer(raw)), _MAX_DEPTH)
        lines = raw.count(b"\n") + raw.count(b"\r")
        if lines * depth > limits.line_visits:
            raise LimitError(f"it has {lines:,} lines in {depth} or more multiparts")
        # The policy compat32 does not parse headers that are not read.
        return BytesParser(self._part, policy=policy.compat32).parsebytes(
            _BLANK_BEFORE_COLON.sub(rb"\1", raw)
        )

    def _part(self, policy: "policy.Compat32" = policy.compat32) -> Message:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise LimitError(f"it has more than {self._limits.parts:,} parts")
        return Message(policy)


def _walk(root: Message, parser: _Parser) -> Iterator[tuple[Message, bool]]:
    """Yield each part without parts of its own, in order, and True if it is in an attached mail."""
    waiting = [(root, False)]
    while waiting:
        part, forwarded = waiting.pop()
        if attached := _encoded_mail(part):
            waiting.append((parser.parse(attached), True))
            continue
        if not part.is_multipart() or _type(part) in _OPAQUE_TYPES:
            yield part, forwarded
            continue
        forwarded = forwarded or part.get_content_maintype() == "message"
        children = [child for child in part.get_payload() if isinstance(child, Message)]
        waiting.extend((child, forwarded) for child in reversed(children))


def _encoded_mail(part: Message) -> bytes:
    """Return the attached mail that cpython's parser leaves encoded, or no bytes."""
    if part.is_multipart():
        decode = _DECODERS.get(_encoding(part)) if _type(part) == "message/rfc822" else None
        inner = part.get_payload(0)
        if decode is None or not isinstance(inner, Message):
            return b""
        source = inner.as_bytes().lstrip()
        if decode is from_base64 and not is_base64(source):
            return b""  # a mail that is not encoded after all
        return decode(source)
    named = _type(part) == "application/octet-stream" and is_mail_name(_name(part))
    return _body(part) if named else b""


def _type(part: Message) -> str:
    # Without comments and without parameters after a missing semicolon: `text/html charset=utf-8`.
    return (_COMMENTS.sub("", part.get_content_type()).split() or [""])[0]


def _subject(root: Message) -> str:
    written = str(root.get("subject", ""))[:_MAX_SUBJECT].translate(_NO_NEWLINES)
    try:
        return str(make_header(decode_header(written))).strip()
    except (HeaderParseError, LookupError, ValueError):  # no encoded words after all
        return written.strip()


def _encoding(part: Message) -> str:
    """Return the transfer encoding in lower case, without comments and blanks (RFC 2045, 5 and 6).

    Return `7bit` if none is named, and the whole header if that does not begin with a name.
    """
    written = str(part.get(_ENCODING_HEADER, ""))[:_MAX_ENCODING].translate(_NO_NEWLINES)
    header = HeaderRegistry()(_ENCODING_HEADER, written)
    encoding = header.cte.lower() if isinstance(header, ContentTransferEncodingHeader) else ""
    # cpython returns 7bit if it has found no name.
    return encoding if encoding != "7bit" or "7bit" in written.lower() else written or encoding


def _unknown_encoding(part: Message) -> str:
    """Return the transfer encoding of a part if it is unknown, else an empty string."""
    encoding = _encoding(part)
    return "" if encoding in _ENCODINGS else encoding


def _ambiguity(part: Message) -> str:
    """Return why clients may read a part in different ways, or an empty string."""
    for header in ("Content-Type", "Content-Transfer-Encoding"):
        if len({str(value) for value in part.get_all(header, ())}) > 1:
            return f"one of its parts has two different {header} headers"
    if _type(part) in _HTML_TYPES and _encoding(part) == "base64":
        body = part.get_payload()
        if isinstance(body, str) and not is_base64(body.encode(errors="replace")):
            return "an HTML part that is said to be base64 is none"
    return ""


def _name(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (TypeError, ValueError):  # cpython's own, on broken parameters (RFC 2231)
        return ""


def _body(part: Message) -> bytes:
    encoding = _encoding(part)
    decode = _DECODERS.get(encoding)
    if encoding:
        del part[_ENCODING_HEADER]  # cpython decodes only the bare name
        part[_ENCODING_HEADER] = "8bit" if decode else encoding
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes):
        return b""
    return decode(body) if decode else body


def _html_part(part: Message, *, forwarded: bool) -> HtmlPart:
    html, charset, notes = decoded_html(_body(part), _declared_charset(part))
    return HtmlPart(
        html=html,
        content_type=_type(part),
        charset=charset,
        forwarded=forwarded,
        attached=part.get_content_disposition() == "attachment",
        in_mail=True,
        notes=notes,
    )


def _declared_charset(part: Message) -> str:
    try:
        return (part.get_content_charset() or "").lower()
    except (TypeError, ValueError):  # cpython's own, on broken parameters (RFC 2231)
        return ""
