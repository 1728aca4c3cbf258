"""Parse an HTML text as browsers do, with the documents nested in it."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pixel_emulator.email.html_guard import check_html
from pixel_emulator.email.limits import LimitError, Limits

_MAX_DEPTH = 4
"""Nesting levels of inner documents that are parsed: comments, templates, `srcdoc`."""

_CONDITION = re.compile(r"\s*(\[if [^\]]*\])>", re.IGNORECASE)
_NEVER_SHOWN = ("comment", "conditional comment", "template")


class HtmlTree:
    """The nodes of an HTML text. Raises LimitError if the text exceeds the limits."""

    def __init__(self, html: str, limits: Limits) -> None:
        self._html = html
        self._limits = limits
        self._documents = 0

    def nodes(self) -> Iterator[tuple[LexborNode, str]]:
        """Yield each node in document order, and its enclosure.

        An enclosure is empty, `noscript`, `comment`, `conditional comment [if mso]`, `template`, or
        `iframe srcdoc`.
        """
        yield from self._nodes(self._html, "", 0)

    def _nodes(self, html: str, enclosure: str, depth: int) -> Iterator[tuple[LexborNode, str]]:
        check_html(html, self._limits)
        for node, in_noscript in _walk(LexborHTMLParser(html)):
            inner, inner_enclosure = _document_inside(node)
            if "<" in inner and depth < _MAX_DEPTH:
                self._documents += 1
                if self._documents > self._limits.documents:
                    most = f"{self._limits.documents:,}"
                    raise LimitError(f"its HTML has more than {most} comments and inner documents")
                around = enclosure if is_never_shown(enclosure) else inner_enclosure
                yield from self._nodes(inner, around, depth + 1)
            yield node, enclosure or ("noscript" if in_noscript else "")


def is_never_shown(enclosure: str) -> bool:
    """Return True if no browser shows the content of `enclosure`."""
    return enclosure.startswith(_NEVER_SHOWN)


def _walk(tree: LexborHTMLParser) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node in document order, and True if it is inside a <noscript>."""
    # Not `traverse` and `noscript *`: both take time quadratic in the nesting, and the former
    # leaves out the comments before <html>.
    node = tree.root and tree.root.parent
    noscript = None
    while node is not None:
        if noscript is None and node.tag == "noscript":
            noscript = node.mem_id
        yield node, noscript is not None
        following = node.first_child
        while following is None and node is not None:
            if node.mem_id == noscript:
                noscript = None
            following = node.next
            node = node.parent
        node = following


def _document_inside(node: LexborNode) -> tuple[str, str]:
    """Return the HTML text that a node holds outside the tree, and its enclosure."""
    if node.is_comment_node:
        text = node.comment_content or ""
        condition = _CONDITION.match(text)
        return text, f"conditional comment {condition[1]}" if condition else "comment"
    if node.tag == "template":
        return "".join(part.html or "" for part in node.template_fragments()), "template"
    if node.tag == "iframe":
        return node.attributes.get("srcdoc") or "", "iframe srcdoc"
    return "", ""
