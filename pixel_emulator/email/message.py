"""Decode the HTML of one mail as a mail client would."""

import codecs
import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.headerregistry import ContentTransferEncodingHeader, HeaderRegistry
from email.message import Message
from email.parser import BytesParser
from string import ascii_letters, digits

from pixel_emulator.core.text.display import quoted, shortened
from pixel_emulator.email.limits import LIMITS, LimitError, Limits

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

_META_CHARSET = re.compile(rb"<meta[^>]*?\bcharset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_META_WITHIN = 1024  # https://html.spec.whatwg.org/#concept-encoding-confidence: bytes looked at
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# https://encoding.spec.whatwg.org/#names-and-labels: what these labels mean to browsers.
_WINDOWS_1252 = frozenset({"ascii", "us-ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1"})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPart:
    """One HTML text of a mail or a file.

    `forwarded` is True inside an attached mail, `attached` for an attached file, which is shown
    only when opened, `in_mail` if the text was decoded from a mail, so that the source looks
    different. `notes` are sentences on what had to be guessed.
    """

    html: str
    content_type: str = "text/html"
    charset: str
    forwarded: bool = False
    attached: bool = False
    in_mail: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_amp(self) -> bool:
        """True if only mail clients that support AMP show this part."""
        return self.content_type == "text/x-amp-html"

    @property
    def url_charset(self) -> str:
        """The charset that a browser encodes the queries of URLs in.

        For an HTML file it is the file's own (https://url.spec.whatwg.org/#query-state). The HTML
        of a mail is shown inside a page of the mail client, in UTF-8.
        """
        return "utf-8" if self.in_mail else self.charset


@dataclass(frozen=True, slots=True)
class Mail:
    """The HTML of a mail, or of an HTML file.

    `reason` is a sentence on why there is no HTML, or on which part could not be read; it is empty
    if all was read. `is_text` is True if there is no HTML because the mail is plain text. `number`
    counts the mails of an mbox from 1; it is 0 for any other file.
    """

    parts: tuple[HtmlPart, ...]
    reason: str = ""
    is_text: bool = False
    number: int = 0
    subject: str = ""

    @property
    def shown(self) -> str:
        """The HTML shown when the mail is opened: `shown_parts`, in order."""
        return "\n".join(part.html for part in self.shown_parts)

    @property
    def shown_parts(self) -> tuple[HtmlPart, ...]:
        """The parts shown when the mail is opened: neither attached, nor forwarded, nor AMP."""
        hidden = (part.forwarded or part.attached or part.is_amp for part in self.parts)
        return tuple(part for part, hide in zip(self.parts, hidden, strict=True) if not hide)

    @property
    def url_charset(self) -> str:
        """The charset of `shown`, in which a browser encodes the queries of URLs."""
        return next((part.url_charset for part in self.shown_parts), "utf-8")

    @property
    def title(self) -> str:
        """Number and subject: `mail 2 "Hello"`; empty if the mail is not from an mbox."""
        subject = f" {quoted(self.subject)}" if self.subject else ""
        return f"mail {self.number}{subject}" if self.number else ""


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
        _html_part(_body(part), part=part, forwarded=forwarded)
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


def is_mail_name(name: str) -> bool:
    """Return True for the name of a file that holds one mail: `*.eml`."""
    return name.lower().endswith(".eml")


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


def html_part(raw: bytes) -> HtmlPart:
    """Return the HTML of a file, decoded as a browser decodes it."""
    return _html_part(raw)


def _html_part(raw: bytes, *, part: Message | None = None, forwarded: bool = False) -> HtmlPart:
    declared = _declared_charset(part) if part else ""
    html, charset, notes = _text(raw, declared)
    return HtmlPart(
        html=html,
        content_type=_type(part) if part else "text/html",
        charset=charset,
        forwarded=forwarded,
        attached=part is not None and part.get_content_disposition() == "attachment",
        in_mail=part is not None,
        notes=notes,
    )


def _declared_charset(part: Message) -> str:
    try:
        return (part.get_content_charset() or "").lower()
    except (TypeError, ValueError):  # cpython's own, on broken parameters (RFC 2231)
        return ""


def _text(raw: bytes, declared: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the text, its charset, and notes. The charset is sought in browsers' order: byte order
    mark, header, <meta>, then UTF-8 or windows-1252."""
    for bom, charset in _BOMS.items():
        if raw.startswith(bom):
            return raw.decode(charset, "replace"), charset, ()
    named = declared or _meta_charset(raw)
    notes: tuple[str, ...] = ()
    if named:
        charset = "windows-1252" if named in _WINDOWS_1252 else named
        try:
            return raw.decode(charset, "replace"), charset, ()
        except (LookupError, ValueError):
            notes = (f'The charset "{shortened(named)}" is unknown; the text was read without it.',)
    try:
        return raw.decode(), "utf-8", notes
    except UnicodeDecodeError:
        return raw.decode("windows-1252", "replace"), "windows-1252", notes


def _meta_charset(raw: bytes) -> str:
    meta = _META_CHARSET.search(raw, 0, _META_WITHIN)
    name = meta[1].decode().lower() if meta else ""
    # Step 15 of the prescan: a tag that can be read as ASCII is not in UTF-16.
    return "utf-8" if name.startswith("utf-16") else name
