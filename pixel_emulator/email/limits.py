"""Limits on the size and depth of mails and HTML texts, so that reading them ends."""

from dataclasses import dataclass


class LimitError(ValueError):
    """The input exceeds the limits; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Maximum sizes of one file, one mail and one HTML text.

    `file_bytes` applies to a whole file, an mbox included; `mail_bytes` and `parts` to one mail
    with all mails attached to it; `line_visits` to the lines of a mail times the multiparts around
    them, since the MIME parser visits a line once for each; `header_bytes` to one header that
    describes a part.

    `html_bytes` (characters), `elements`, `depth` and `attributes` (of one element) apply to one
    HTML text; `work` to the steps of an HTML parser that grow with the square of the text:
    searching the open elements, and reopening formatting elements. `documents` is the number of
    documents nested in the text: comments, templates, `srcdoc`.
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
"""The default limits, far beyond real mails."""
