"""Files that are mistaken for a recording: what they are, and the command that reads them."""

import re
import shlex
from collections.abc import Callable

_HEAD_SIZE = 4096
"""Bytes at the start of a file that are examined."""

_BOM = b"\xef\xbb\xbf"  # UTF-8
_CONVERTS = "makes one of it"
_CHECKS = "checks its pixels"

_ADDRESS = re.compile(r"(?:https?:)?//|/", re.IGNORECASE)
_NOT_IN_ADDRESS = re.compile(r"[\s\"'<>{}#]")  # characters that no URL has before its query
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
    """Return the end of a sentence on a file that is neither a recording nor a scenario.

    `data` is its content, or the start of it, and `file` its name for the command that the
    sentence suggests. The text is empty if the file may be a recording or a scenario.
    """
    head = data[:_HEAD_SIZE].removeprefix(_BOM)
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return f"is {kind}, and no recording: nothing here reads it"
    name = shlex.quote(file)
    if _is_mail(head):
        return f"is a mail, and no recording: `pixel-emulator check {name}` {_CHECKS}"
    if _MARKUP.match(head):
        return f"is HTML or XML, and no recording: `pixel-emulator check {name}` {_CHECKS}"
    return describe_traffic(data, file)


def describe_traffic(data: bytes, file: str) -> str:
    """Return the same for a file with requests in a format of other tools (see `describe_file`)."""
    head, name = data[:_HEAD_SIZE].removeprefix(_BOM), shlex.quote(file)
    for matches, description in _FORMATS:
        if matches(head):
            return description.replace("FILE", name)
    if fields := _FIELDS.search(head):
        return _with_fields(fields[1].decode(errors="replace").split(), name)
    return ""


def explain_non_url(lines: str) -> str:
    """Return why lines are no pixel URL, as the end of a sentence; empty if they may be one.

    `lines` are one line, or the comments at the head of a log. The sentence says how to extract
    the URLs of the file.
    """
    text = lines.removeprefix("\ufeff").strip()
    address = text.partition("?")[0]
    if not text or _ADDRESS.match(text) or not _NOT_IN_ADDRESS.search(address):
        return ""
    if description := describe_traffic(f"{text}\n".encode(errors="replace"), "FILE"):
        return f"is no URL; the input {description}"
    return f"is no URL: give a URL a line, such as those of `{_GREP} FILE | {_DECODE}`"


def _is_mail(head: bytes) -> bool:
    return bool(_MAIL.match(head)) and bool(_HEADER.search(head))


def _with_fields(fields: list[str], name: str) -> str:
    """Describe a W3C extended log, as of CloudFront and IIS, whose head lists the columns."""
    path, query = (
        next((number for number, field in enumerate(fields, 1) if field == column), 0)
        for column in ("cs-uri-stem", "cs-uri-query")
    )
    if not path or not query:
        return "is an access log, and no recording: its head has no `cs-uri-query`"
    columns = f"awk '!/^#/ {{print ${path} \"?\" ${query}}}' {name}"
    return f"is an access log, and no recording: `{columns} | {_DECODE}` {_CHECKS}"


_DECODE = "pixel-emulator decode --check -"
_GREP = "grep -o '/v1/pixel/[^\" ]*'"
_JQ = "jq -r '.. | strings | select(contains(\"/v1/pixel/\"))'"
_DUMP = "`pixel-emulator dump -nr FILE --set pixel_record=calls.yaml`"

_FORMATS: tuple[tuple[Callable[[bytes], object], str], ...] = (
    (_HAR.match, f"is a HAR, and no recording: {_DUMP} {_CONVERTS}"),
    (_FLOWS.match, f"is a flow file of mitmproxy, and no recording: {_DUMP} {_CONVERTS}"),
    (
        _VERDICT.match,
        "is a report of a verdict, and no recording: give the recording that it was made of",
    ),
    (
        _REQUEST.search,
        f"is an access log, and no recording: `{_GREP} FILE | {_DECODE}` {_CHECKS}",
    ),
    (
        _JSON_LOG.match,
        f"is a log in JSON, and no recording: `{_JQ} FILE | {_DECODE}` {_CHECKS}",
    ),
    (_JSON_LINES.match, "is JSON, an object a line, and no recording: a recording is YAML"),
)
