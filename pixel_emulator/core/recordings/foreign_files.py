"""Files that people take for a recording: what each is, and the command that makes use of it."""

import re
import shlex
from collections.abc import Callable

_BEGIN = 4096
"""Bytes of a file that are looked at."""

_MARK = b"\xef\xbb\xbf"  # of UTF-8
_MAKES = "makes one of it"
_JUDGES = "judges its pixels"

_ADDRESS = re.compile(r"(?:https?:)?//|/", re.IGNORECASE)
_NO_ADDRESS = re.compile(r"[\s\"'<>{}#]")  # before a query, where no address has one of these
_HAR = re.compile(rb'\s*\{\s*"log"\s*:\s*\{')
_FLOWS = re.compile(rb"\d{1,12}:\d{1,3}:[a-z_]{1,40};")
_VERDICT = re.compile(rb'\s*\{\s*"status"\s*:\s*"(?:met|unmet|undecided|incomplete)"')
_REQUEST = re.compile(
    rb'^(?![\s#{-]|\w+:\s)[^\n]*"[A-Z]{3,10} [^"\n]* HTTP/\d(?:\.\d)?"', re.MULTILINE
)
_JSON_LOG = re.compile(
    rb'\{.*"(?:request_uri|uri|path|RequestPath|requestUrl)"\s*:.*\}\s*$', re.MULTILINE
)
_JSON_LINES = re.compile(rb"\{.*\}[ \t]*\r?\n\{")
_FIELDS = re.compile(rb"^#Fields:[ \t]*(.*)$", re.MULTILINE)
_MAIL = re.compile(
    rb"(?:From |(?:Return-Path|Received|Delivered-To|MIME-Version|Message-ID|Subject|From|To|Date"
    rb"|DKIM-Signature|X-[\w-]+):[ \t])",
    re.IGNORECASE,
)
_HEADER = re.compile(rb"(?im)^(?:Content-Type|MIME-Version|Received|Message-ID):[ \t]")
_MARKUP = re.compile(rb"\s*<(?:!doctype|!--|\?xml|[a-z][\w:-]*[\s/>])", re.IGNORECASE)
_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "compressed with gzip",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\xd4\xc3\xb2\xa1": "a packet capture",
    b"\xa1\xb2\xc3\xd4": "a packet capture",
    b"\x0a\x0d\x0d\x0a": "a packet capture",
    b"SQLite format 3": "a SQLite database",
    b"\xd0\xcf\x11\xe0": "a mail of Outlook (.msg) or an old Office file",
}


def describe_file(data: bytes, file: str) -> str:
    """Return what a file is that is neither a recording nor a scenario, as the end of a sentence.

    `data` is what it holds, or its begin, and `file` its name for the command that the sentence
    gives. Empty where it may be a recording or a scenario.
    """
    begin = data[:_BEGIN].removeprefix(_MARK)
    for magic, kind in _MAGIC.items():
        if begin.startswith(magic):
            return f"is {kind}, and no recording: nothing here reads it"
    name = shlex.quote(file)
    if _is_mail(begin):
        return f"is a mail, and no recording: `pixel-emulator check {name}` {_JUDGES}"
    if _MARKUP.match(begin):
        return f"is HTML or XML, and no recording: `pixel-emulator check {name}` {_JUDGES}"
    return describe_traffic(data, file)


def describe_traffic(data: bytes, file: str) -> str:
    """Return what a file is that holds requests in a form of other tools (see `describe_file`)."""
    begin, name = data[:_BEGIN].removeprefix(_MARK), shlex.quote(file)
    for found, told in _KINDS:
        if found(begin):
            return told.replace("FILE", name)
    if fields := _FIELDS.search(begin):
        return _with_fields(fields[1].decode(errors="replace").split(), name)
    return ""


def explain_non_url(lines: str) -> str:
    """Return what is wrong with lines that are read as a pixel URL; empty where they may be one.

    `lines` are one line, or the comments at the head of a log. It is the end of a sentence, and
    says how to take the URLs out of the file.
    """
    text = lines.removeprefix("\ufeff").strip()
    head = text.partition("?")[0]
    if not text or _ADDRESS.match(text) or not _NO_ADDRESS.search(head):
        return ""
    if known := describe_traffic(f"{text}\n".encode(errors="replace"), "FILE"):
        return f"is no URL; the input {known}"
    return f"is no URL: give a URL a line, such as those of `{_GREP} FILE | {_DECODE}`"


def _is_mail(begin: bytes) -> bool:
    return bool(_MAIL.match(begin)) and bool(_HEADER.search(begin))


def _with_fields(fields: list[str], name: str) -> str:
    """A W3C extended log, as those of CloudFront and IIS: its columns stand in its head."""
    path, query = (
        next((number for number, each in enumerate(fields, 1) if each == wanted), 0)
        for wanted in ("cs-uri-stem", "cs-uri-query")
    )
    if not path or not query:
        return "is an access log, and no recording: its head has no `cs-uri-query`"
    columns = f"awk '!/^#/ {{print ${path} \"?\" ${query}}}' {name}"
    return f"is an access log, and no recording: `{columns} | {_DECODE}` {_JUDGES}"


_DECODE = "pixel-emulator decode --check -"
_GREP = "grep -o '/v1/pixel/[^\" ]*'"
_JQ = "jq -r '.. | strings | select(contains(\"/v1/pixel/\"))'"
_DUMP = "`pixel-emulator dump -nr FILE --set pixel_record=calls.yaml`"

_KINDS: tuple[tuple[Callable[[bytes], object], str], ...] = (
    (_HAR.match, f"is a HAR, and no recording: {_DUMP} {_MAKES}"),
    (_FLOWS.match, f"is a flow file of mitmproxy, and no recording: {_DUMP} {_MAKES}"),
    (
        _VERDICT.match,
        "is a report of a verdict, and no recording: give the recording that it was made of",
    ),
    (
        _REQUEST.search,
        f"is an access log, and no recording: `{_GREP} FILE | {_DECODE}` {_JUDGES}",
    ),
    (
        _JSON_LOG.match,
        f"is a log in JSON, and no recording: `{_JQ} FILE | {_DECODE}` {_JUDGES}",
    ),
    (_JSON_LINES.match, "is JSON, an object a line, and no recording: a recording is YAML"),
)
