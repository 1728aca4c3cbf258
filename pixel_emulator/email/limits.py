"""Bounds on what is read of a mail or an HTML text, so that reading it ends."""

from dataclasses import dataclass


class LimitError(ValueError):
    """The input is larger or deeper than the limits allow; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one file, one mail and one HTML text may have at most.

    `file_bytes` is for a whole file, an mbox included; `mail_bytes` and `parts` for one mail with
    all mails attached to it; `line_visits` for the lines of a mail times the multiparts around
    them, which the MIME parser looks at again and again; `header_bytes` for one header that
    describes a part.

    `html_bytes` (characters), `elements`, `depth` and `attributes` (of one element) are for one
    HTML text; `work` is for the steps of an HTML parser that grow with the square of the text:
    looking through open elements, and opening formatting elements again. `documents` counts the
    texts inside it: comments, templates, `srcdoc`.
    """

    file_bytes: int = 256 * 1024 * 1024
    mails: int = 100_000
    mail_bytes: int = 64 * 1024 * 1024
    parts: int = 1_000
    line_visits: int = 50_000_000
    header_bytes: int = 8 * 1024
    html_bytes: int = 16 * 1024 * 1024
    elements: int = 1_000_000
    depth: int = 2_000
    attributes: int = 1_000
    work: int = 50_000_000
    documents: int = 10_000


LIMITS = Limits()
"""The limits that apply unless a caller names others: far beyond every mail that is sent."""
