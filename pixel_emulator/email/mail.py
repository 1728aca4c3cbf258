"""The HTML of a mail or of a file, with its charset; `email.message` decodes mails to it."""

import codecs
import re
from dataclasses import dataclass

from pixel_emulator.core.text.display import quoted, shortened

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


def is_mail_name(name: str) -> bool:
    """Return True for the name of a file that holds one mail: `*.eml`."""
    return name.lower().endswith(".eml")


def html_part(raw: bytes) -> HtmlPart:
    """Return the HTML of a file, decoded as a browser decodes it."""
    html, charset, notes = decoded_html(raw)
    return HtmlPart(html=html, charset=charset, notes=notes)


def decoded_html(raw: bytes, declared: str = "") -> tuple[str, str, tuple[str, ...]]:
    """Return the text, its charset, and notes on what had to be guessed.

    The charset is sought in browsers' order: byte order mark, `declared` in a header, <meta>, then
    UTF-8 or windows-1252.
    """
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
