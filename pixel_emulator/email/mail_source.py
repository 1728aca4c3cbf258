"""Read the HTML in a file or a text, which may be HTML, a mail, or a mailbox with several.

`check`, the action `open` and `pixels.receive` read mails and HTML through this module.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import replace

from pixel_emulator.email.limits import LIMITS, Limits
from pixel_emulator.email.mail import HtmlPart, Mail, html_part, is_mail_name

# A separator has the time of delivery after the address, or it is where separators must be (first,
# or after an empty line) and is followed by a header. "From " in a sentence has neither.
_SEPARATOR = re.compile(
    rb"""(?: \A | (?<=\n) )  From \ (?:
           [^\n]* \b (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ,? \ [^\n]* \d\d:\d\d [^\n]* (?: \n | \Z )
         | (?: (?<=\A From\ ) | (?<=\n\n From\ ) | (?<=\n\r\n From\ ) ) [^\n]* \n
             (?= [A-Za-z][\w.-]*+: (?!//) )
       )""",
    re.VERBOSE,
)
_HEADER = rb"(?!Content-Length:)[A-Za-z][\w.-]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+"
_HEADERS_WITH_LENGTH = re.compile(
    rb"(?:%b)*+Content-Length:[ \t]*+(\d{1,12})[ \t]*+\r?\n(?:%b)*+\r?\n" % (_HEADER, _HEADER),
    re.IGNORECASE,
)
_NEWLINES = re.compile(rb"[\r\n]*+")
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)


def is_mbox(raw: bytes) -> bool:
    """Return True if the content begins with the separator of an mbox."""
    return _SEPARATOR.match(raw) is not None


def split_mbox(raw: bytes) -> list[bytes]:
    """Return the mails of an mbox, each without its separator; a single one if there is none.

    `>From ` at the beginning of a line, which an mbox writes for `From `, is undone.
    """
    separators = list(_separators(raw))
    starts = [match.end() for match in separators]
    ends = [match.start() for match in separators]
    if not separators or raw[: ends[0]].strip():
        starts, ends = [0, *starts], [*ends, len(raw)]  # there is content before the first
    else:
        ends = [*ends[1:], len(raw)]
    return [_QUOTED.sub(b"", raw[start:end]) for start, end in zip(starts, ends, strict=True)]


def _separators(raw: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the separators, except those inside a body of a known Content-Length (mboxcl2)."""
    match = _SEPARATOR.search(raw)
    while match:
        yield match
        match = _SEPARATOR.search(raw, _end_of_body(raw, match.end()))


def _end_of_body(raw: bytes, start: int) -> int:
    """Return the end of the mail that begins at `start` by its Content-Length, or `start`.

    The Content-Length counts only if the next separator, or the end of the file, is at that end.
    """
    headers = _HEADERS_WITH_LENGTH.match(raw, start)
    if headers is None:
        return start
    end = headers.end() + int(headers[1])
    newlines = _NEWLINES.match(raw, end)
    if end > len(raw) or newlines is None:
        return start
    is_end = newlines.end() == len(raw) or _SEPARATOR.match(raw, newlines.end()) is not None
    return newlines.end() if is_end else start


_HTML_SUFFIXES = (".html", ".htm", ".xhtml")
_MBOX_SUFFIXES = (".mbox", ".mbx")
# Header lines with their continuation lines, perhaps after the "From " line of an mbox.
_HEADERS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:From [^\n]*+\n)?"
    rb"((?:[A-Za-z][\w.-]*+[ \t]*+:[^\n]*+\n?(?:[ \t][^\n]*+\n?)*+)++)"
)
# A text that is no mail may begin with `Note: …`, but hardly with one of these.
_KNOWN_HEADER = re.compile(
    rb"^(?:From|To|Subject|Date|Received|Return-Path|MIME-Version|Content-Type|Message-ID"
    rb"|Delivered-To|Reply-To|X-[A-Za-z0-9-]+)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER_FORMATS = {
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Outlook message (.msg); save the mail as .eml",
    b"PK\x03\x04": "a ZIP archive; give the mail or the HTML in it",
    b"\x1f\x8b": "a gzip file; give what it holds, unpacked",
    b"%PDF-": "a PDF, which holds no HTML; give the mail or the HTML that it was made from",
    b'x\x9f>"': "winmail.dat of Outlook (TNEF); save the mail as .eml in another client",
    b"{\\rtf": "RTF; give the HTML, or the source of the mail",
    b"\1\1\1\1\n": "a mailbox of the kind MMDF; convert it to mbox",
    b"BABYL OPTIONS:": "a mailbox of the kind Babyl; convert it to mbox",
    b"!BDN": "an Outlook data file (.pst); save the mail as .eml",
}
# Apple Mail: the length of the mail precedes it, and an XML property list follows it.
_EMLX = re.compile(rb"(\d{1,12})[ \t]*\r?\n(?=[A-Za-z][A-Za-z0-9-]*+:)")
_START = 1024  # bytes examined to distinguish binary from text


def read(name: str, raw: bytes, limits: Limits = LIMITS) -> tuple[Mail, ...]:
    """Return the HTML in the content of a file called `name`. Never raises.

    There is one Mail for each mail of an mbox, and exactly one for every other file.
    """
    if len(raw) > limits.file_bytes:
        return (Mail((), f"It cannot be read: it has more than {limits.file_bytes:,} bytes."),)
    if reason := other_format(raw):
        return (Mail((), reason),)
    source = _with_newlines(raw)
    if not is_mail(name, source):
        return (Mail((html_part(raw),)),)
    start = source.removeprefix(codecs.BOM_UTF8).lstrip()
    if _is_mbox_name(name) or is_mbox(start):
        return _mbox(start, limits)
    if emlx := _EMLX.match(start):
        start = start[emlx.end() : emlx.end() + int(emlx[1])]
    mail = _decoded(start, limits)
    if mail.parts or (_is_named_mail(name) and _HEADERS.match(start)) or not mail.is_text:
        return (mail,)
    return (Mail((html_part(raw),)),)


def _decoded(raw: bytes, limits: Limits) -> Mail:
    from pixel_emulator.email.message import read_mail

    return read_mail(raw, limits)


def read_text(text: str, limits: Limits = LIMITS) -> tuple[Mail, ...]:
    """Return the HTML in a text: the source of a mail or an mbox, or HTML. Never raises."""
    try:
        raw = text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode(errors="replace")
    if is_mail("", _with_newlines(raw)) or other_format(raw):
        mails = read("", raw, limits)
        if any(mail.reason or any(part.in_mail for part in mail.parts) for mail in mails):
            return mails
    return (Mail((HtmlPart(html=text, charset="utf-8"),)),)


def _with_newlines(raw: bytes) -> bytes:
    """Return the source of a mail with line feeds if its lines end with carriage returns only."""
    return raw if b"\n" in raw else raw.replace(b"\r", b"\n")


def is_mail(name: str, raw: bytes) -> bool:
    """Return True if a file is a mail or an mbox.

    It is if its name says so, or if it begins with headers of a mail and is not named HTML.
    """
    if _is_named_mail(name) or name.lower().endswith(_HTML_SUFFIXES):
        return _is_named_mail(name)
    emlx = _EMLX.match(raw)
    headers = _HEADERS.match(raw, emlx.end() if emlx else 0)
    return headers is not None and _KNOWN_HEADER.search(headers[1]) is not None


def other_format(raw: bytes) -> str:
    """Return a sentence that names a format that is not read, or an empty string."""
    for magic, what in _OTHER_FORMATS.items():
        if raw.startswith(magic):
            return f"This is {what}."
    start = raw[:_START]
    if b"\0" in start and not start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "This is a binary file, neither HTML nor a mail."
    if _is_json(raw):
        return (
            "This is JSON, neither HTML nor a mail; give the HTML, or the source of the mail, that "
            "stands in it (`jq -r .html`)."
        )
    return ""


def _is_json(raw: bytes) -> bool:
    text = raw.removeprefix(codecs.BOM_UTF8).strip()
    if not text.startswith((b"{", b"[")) or not text.endswith((b"}", b"]")):
        return False
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        first = text.partition(b"\n")[0].strip()
        return first != text and _is_json(first)  # one object a line
    return True


def _mbox(raw: bytes, limits: Limits) -> tuple[Mail, ...]:
    raw_mails = split_mbox(raw)
    if len(raw_mails) > limits.mails:
        return (Mail((), f"It cannot be read: it holds more than {limits.mails:,} mails."),)
    mails = (_mail_of_mbox(mail, limits) for mail in raw_mails)
    if len(raw_mails) == 1:
        return tuple(mails)
    return tuple(replace(mail, number=number) for number, mail in enumerate(mails, 1))


def _mail_of_mbox(raw: bytes, limits: Limits) -> Mail:
    if _HEADERS.match(raw) is None:
        return Mail((), "The mail cannot be read: it does not begin with headers.")
    return _decoded(raw, limits)


def _is_mbox_name(name: str) -> bool:
    return name.lower().endswith(_MBOX_SUFFIXES)


def _is_named_mail(name: str) -> bool:
    return is_mail_name(name) or _is_mbox_name(name)
