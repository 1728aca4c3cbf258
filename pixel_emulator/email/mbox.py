"""Mailboxes in the mbox format (RFC 4155, and the mboxrd way of quoting)."""

import re
from collections.abc import Iterator

# A separator has the time of delivery behind the address; or it stands where one belongs (first,
# or behind an empty line) and a header follows. A line that begins a sentence has neither.
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


def begins_mbox(raw: bytes) -> bool:
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
        starts, ends = [0, *starts], [*ends, len(raw)]  # something stands before the first
    else:
        ends = [*ends[1:], len(raw)]
    return [_QUOTED.sub(b"", raw[start:end]) for start, end in zip(starts, ends, strict=True)]


def _separators(raw: bytes) -> Iterator[re.Match[bytes]]:
    """Yield the separators, but none in a body whose length is told (as mboxcl2 does)."""
    match = _SEPARATOR.search(raw)
    while match:
        yield match
        match = _SEPARATOR.search(raw, _end_of_body(raw, match.end()))


def _end_of_body(raw: bytes, start: int) -> int:
    """Return where the mail that begins at `start` ends by its Content-Length, if that is true.

    It is if the next separator, or the end of the file, stands there. Else return `start`.
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
