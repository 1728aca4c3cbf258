"""Mailboxes in the mbox format (RFC 4155, and the mboxrd way of quoting)."""

import re

# A separator has the time of delivery behind the address; or it stands where one belongs (first,
# or behind an empty line) and a header follows. A line that begins a sentence has neither.
_SEPARATOR = re.compile(
    rb"""(?: \A | (?<=\n) )  From \ (?:
           [^\n]* \b (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ,? \ [^\n]* \d\d:\d\d [^\n]* (?: \n | \Z )
         | (?: (?<=\A From\ ) | (?<=\n\n From\ ) | (?<=\n\r\n From\ ) ) [^\n]* \n
             (?= [A-Za-z][A-Za-z0-9-]*+: )
       )""",
    re.VERBOSE,
)
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)


def begins_mbox(raw: bytes) -> bool:
    """Return True if the content begins with the separator of an mbox."""
    return _SEPARATOR.match(raw) is not None


def split_mbox(raw: bytes) -> list[bytes]:
    """Return the mails of an mbox, each without its separator; a single one if there is none.

    `>From ` at the beginning of a line, which an mbox writes for `From `, is undone.
    """
    separators = list(_SEPARATOR.finditer(raw))
    starts = [match.end() for match in separators]
    ends = [match.start() for match in separators]
    if not separators or raw[: ends[0]].strip():
        starts, ends = [0, *starts], [*ends, len(raw)]  # something stands before the first
    else:
        ends = [*ends[1:], len(raw)]
    return [_QUOTED.sub(b"", raw[start:end]) for start, end in zip(starts, ends, strict=True)]
