"""The HTML that a mail (.eml) or an HTML file holds, decoded as a mail client would."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

_HTML_TYPES = ("text/html", "application/xhtml+xml", "text/x-amp-html")
_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
# RFC 5322 field name and colon, perhaps behind the "From " line of an mbox.
_HEADER_LINE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:From [^\n]*\n)?[!-9;-~]+:(?:[ \t]|\r?\n[ \t])")

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
    nobody sees before opening it; `notes` are sentences on what had to be guessed."""

    html: str
    content_type: str = "text/html"
    charset: str
    forwarded: bool = False
    attached: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """The HTML of a mail; without any, `reason` is a sentence that says why."""

    parts: tuple[HtmlPart, ...]
    reason: str = ""

    @property
    def shown(self) -> str:
        """The HTML that opening the mail shows: its own parts, in order, without AMP."""
        return "\n".join(
            part.html
            for part in self.parts
            if not (part.forwarded or part.attached or part.content_type == "text/x-amp-html")
        )


def read(name: str, raw: bytes) -> Mail:
    """The HTML in the content of a file called `name`: a mail, or HTML itself. Never raises."""
    return read_mail(raw) if is_mail(name, raw) else Mail((_html_part(raw),))


def is_mail(name: str, raw: bytes) -> bool:
    """Whether a file is a mail: called `.eml`, or begun with header lines and not called HTML."""
    name = name.lower()
    by_content = not name.endswith(_HTML_SUFFIXES) and _HEADER_LINE.match(raw) is not None
    return name.endswith(".eml") or by_content


def html_parts(raw: bytes) -> tuple[HtmlPart, ...]:
    """The HTML parts of a mail; never raises."""
    return read_mail(raw).parts


def read_mail(raw: bytes) -> Mail:
    """The HTML parts of a mail, also of mails attached to it; never raises."""
    start = raw.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")
    try:
        # The policy compat32, as it leaves headers alone that nobody asks for.
        found = list(_walk(message_from_bytes(start)))
    except (TypeError, ValueError, RecursionError) as error:  # cpython's own, on broken headers
        return Mail((), f"The mail cannot be read: its MIME structure is broken ({error}).")
    parts = tuple(
        _html_part(_body(part), part=part, forwarded=forwarded)
        for part, forwarded in found
        if part.get_content_type() in _HTML_TYPES
    )
    if parts:
        return Mail(parts)
    types = ", ".join(sorted({part.get_content_type() for part, _ in found}))
    return Mail((), f"The mail has no HTML part (only {types}), and only HTML can hold a pixel.")


def _walk(root: Message) -> Iterator[tuple[Message, bool]]:
    """Each part that holds no others, in order, and whether it stands inside an attached mail."""
    waiting = [(root, False)]
    while waiting:
        part, forwarded = waiting.pop()
        if not part.is_multipart():
            yield part, forwarded
            continue
        forwarded = forwarded or part.get_content_maintype() == "message"
        children = [child for child in part.get_payload() if isinstance(child, Message)]
        waiting.extend((child, forwarded) for child in reversed(children))


def _body(part: Message) -> bytes:
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _html_part(raw: bytes, *, part: Message | None = None, forwarded: bool = False) -> HtmlPart:
    declared = _declared_charset(part) if part else ""
    html, charset, notes = _text(raw, declared)
    return HtmlPart(
        html=html,
        content_type=part.get_content_type() if part else "text/html",
        charset=charset,
        forwarded=forwarded,
        attached=part is not None and part.get_content_disposition() == "attachment",
        notes=notes,
    )


def _declared_charset(part: Message) -> str:
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
            notes = (f'The charset "{named}" is unknown; the text was read without it.',)
    try:
        return raw.decode(), "utf-8", notes
    except UnicodeDecodeError:
        return raw.decode("windows-1252", "replace"), "windows-1252", notes


def _meta_charset(raw: bytes) -> str:
    meta = _META_CHARSET.search(raw, 0, _META_WITHIN)
    name = meta[1].decode().lower() if meta else ""
    # Step 15 of the prescan: whoever can read the tag as ASCII does not read UTF-16.
    return "utf-8" if name.startswith("utf-16") else name
