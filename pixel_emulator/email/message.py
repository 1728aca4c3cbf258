"""The HTML that a mail (.eml) or an HTML file holds, decoded as a mail client would."""

import base64
import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from typing import TYPE_CHECKING

from pixel_emulator.core.quoting import shortened

if TYPE_CHECKING:
    from email.message import Message

_HTML_TYPES = ("text/html", "application/xhtml+xml", "text/x-amp-html")
_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
# Header lines with their folded rest, perhaps behind the "From " line of an mbox.
_HEADERS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:From [^\n]*+\n)?"
    rb"((?:[A-Za-z][A-Za-z0-9-]*+:[^\n]*+\n?(?:[ \t][^\n]*+\n?)*+)++)"
)
# A text may well begin with `Note: …`, but hardly with one of these.
_KNOWN_HEADER = re.compile(
    rb"^(?:From|To|Subject|Date|Received|Return-Path|MIME-Version|Content-Type|Message-ID"
    rb"|Delivered-To|Reply-To|X-[A-Za-z0-9-]+):",
    re.IGNORECASE | re.MULTILINE,
)

_META_CHARSET = re.compile(rb"<meta[^>]*?\bcharset\s*=\s*[\"']?\s*([\w:.-]+)", re.IGNORECASE)
_META_WITHIN = 1024  # https://html.spec.whatwg.org/#concept-encoding-confidence: bytes looked at
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# https://encoding.spec.whatwg.org/#names-and-labels: what these labels mean to browsers.
_WINDOWS_1252 = frozenset({"ascii", "us-ascii", "iso-8859-1", "iso8859-1", "latin1", "latin-1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPart:
    """One HTML text. `forwarded` stands inside an attached mail, `attached` is a file that
    nobody sees before opening it; `in_mail` means that the file itself looks different, being
    encoded; `notes` are sentences on what had to be guessed."""

    html: str
    content_type: str = "text/html"
    charset: str
    forwarded: bool = False
    attached: bool = False
    in_mail: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_amp(self) -> bool:
        """Whether only mail clients with AMP show it."""
        return self.content_type == "text/x-amp-html"


@dataclass(frozen=True, slots=True)
class Mail:
    """The HTML of a mail; without any, `reason` is a sentence that says why."""

    parts: tuple[HtmlPart, ...]
    reason: str = ""

    @property
    def shown(self) -> str:
        """The HTML that opening the mail shows: its own parts, in order, without AMP."""
        return "\n".join(
            part.html for part in self.parts if not (part.forwarded or part.attached or part.is_amp)
        )


def read(name: str, raw: bytes) -> Mail:
    """The HTML in the content of a file called `name`: a mail, or HTML itself. Never raises."""
    if is_mail(name, raw):
        mail = read_mail(raw)
        if mail.parts or (_is_named_mail(name) and _HEADERS.match(raw)):
            return mail
    return Mail((_html_part(raw),))


def is_mail(name: str, raw: bytes) -> bool:
    """Whether a file is a mail: called `.eml`, or begun with headers of one and not called HTML."""
    if _is_named_mail(name) or name.lower().endswith(_HTML_SUFFIXES):
        return _is_named_mail(name)
    headers = _HEADERS.match(raw)
    return headers is not None and _KNOWN_HEADER.search(headers[1]) is not None


def _is_named_mail(name: str) -> bool:
    return name.lower().endswith(".eml")


def read_mail(raw: bytes) -> Mail:
    """The HTML parts of a mail, also of mails attached to it; never raises."""
    start = raw.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    try:
        # The policy compat32, as it leaves headers alone that nobody asks for.
        found = list(_walk(message_from_bytes(start)))
    except RecursionError:
        return Mail((), "The mail cannot be read: its parts are nested too deeply.")
    except (TypeError, ValueError) as error:  # cpython's own, on broken headers
        why = shortened(str(error))
        return Mail((), f"The mail cannot be read: its MIME structure is broken ({why}).")
    parts = tuple(
        _html_part(_body(part), part=part, forwarded=forwarded)
        for part, forwarded in found
        if part.get_content_type() in _HTML_TYPES
    )
    if parts:
        return Mail(parts)
    types = shortened(", ".join(sorted({part.get_content_type() for part, _ in found})))
    return Mail((), f"The mail has no HTML part (only {types}), and only HTML can hold a pixel.")


def _walk(root: "Message") -> "Iterator[tuple[Message, bool]]":
    """Each part that holds no others, in order, and whether it stands inside an attached mail."""
    waiting = [(root, False)]
    while waiting:
        part, forwarded = waiting.pop()
        if attached := _encoded_mail(part):
            waiting.append((message_from_bytes(attached), True))
            continue
        if not part.is_multipart():
            yield part, forwarded
            continue
        forwarded = forwarded or part.get_content_maintype() == "message"
        children = [child for child in part.get_payload() if not isinstance(child, str)]
        waiting.extend((child, forwarded) for child in reversed(children))


def _encoded_mail(part: "Message") -> bytes:
    """The attached mail that cpython's parser leaves in its encoding; empty if this is none."""
    if part.is_multipart():
        encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
        if part.get_content_type() != "message/rfc822" or encoding != "base64":
            return b""
        text = part.get_payload(0)
        body = "" if isinstance(text, str) else text.get_payload()
        try:
            return base64.b64decode(body) if isinstance(body, str) else b""
        except ValueError:  # not base64 after all: a mail that stands there as it is
            return b""
    named = part.get_content_type() == "application/octet-stream" and _is_named_mail(_name(part))
    return _body(part) if named else b""


def _name(part: "Message") -> str:
    try:
        return part.get_filename() or ""
    except (TypeError, ValueError):  # cpython's own, on broken parameters (RFC 2231)
        return ""


def _body(part: "Message") -> bytes:
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _html_part(raw: bytes, *, part: "Message | None" = None, forwarded: bool = False) -> HtmlPart:
    declared = _declared_charset(part) if part else ""
    html, charset, notes = _text(raw, declared)
    return HtmlPart(
        html=html,
        content_type=part.get_content_type() if part else "text/html",
        charset=charset,
        forwarded=forwarded,
        attached=part is not None and part.get_content_disposition() == "attachment",
        in_mail=part is not None,
        notes=notes,
    )


def _declared_charset(part: "Message") -> str:
    try:
        return (part.get_content_charset() or "").lower()
    except (TypeError, ValueError):  # cpython's own, on broken parameters (RFC 2231)
        return ""


def _text(raw: bytes, declared: str) -> tuple[str, str, tuple[str, ...]]:
    """The text, the charset it was read in, and notes; in browsers' order of trust."""
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
    # Step 15 of the prescan: whoever can read the tag as ASCII does not read UTF-16.
    return "utf-8" if name.startswith("utf-16") else name
