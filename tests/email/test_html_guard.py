"""What is refused before an HTML parser sees it, and that nothing slips past as harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from pixel_emulator.email.html_guard import check_html, open_elements
from pixel_emulator.email.limits import LIMITS, LimitError, Limits
from tests.law_examples import examples

ROW = "<tr><td align=left><p>text<br><font color=red><b>bold</b></font></td></tr>"

WELL_FORMED = {
    "nothing": "",
    "text": "a < b > c",
    "a newsletter": f"<table>{ROW * 20_000}</table>",
    "tables in tables": "<table><tr><td>" * 100 + "</td></tr></table>" * 100,
    "rows without end tags": "<table>" + "<tr><td>a<td>b" * 10_000 + "</table>",
    "paragraphs without end tags": "<p>text <b>bold</b>" * 10_000,
    "items without end tags": "<ul>" + "<li>text" * 10_000 + "</ul>",
    "void elements": "<br><img src=a><hr>" * 10_000,
    "comments": "<!-- <div> -->" * 10_000,
    "a style sheet": f"<style>{'a>b{{}} <div>' * 10_000}</style>",
    "misnested": "<b><i>x</b></i>" * 10_000,
    "cells with something open": "<table>" + "<tr><td><font><div>x</td></tr>" * 20 + "</table>",
    "icons": "<svg><path d='M0 0'/><g><use href=a /></g></svg>" * 10_000,
    "choices": "<select><option>a<option>b</select>" * 10_000,
    "attributes": f"<p {'a=1 ' * 900}>",
}


@pytest.mark.parametrize("html", WELL_FORMED.values(), ids=WELL_FORMED)
def test_what_is_sent_is_admitted(html):
    check_html(html, LIMITS)


DEPTH = Limits(depth=10)
TAGS = Limits(elements=20)
ATTRIBUTES = Limits(attributes=5)
TOO_MUCH = {
    "characters": ("x" * 1_001, Limits(html_bytes=1_000), "more than 1,000 characters"),
    "elements": ("<br>" * 21, TAGS, "more than 20 tags"),
    "end tags": ("</p>" * 21, TAGS, "more than 20 tags"),
    "depth": ("<div>" * 11, DEPTH, "nests more than 10 elements"),
    "depth of inline elements": ("<x>" * 11, DEPTH, "nests more than 10 elements"),
    "end tags in a comment": ("<div><!-- </div> -->" * 11, DEPTH, "nests"),
    "end tags in an attribute": ("<div a='</div>'>" * 11, DEPTH, "nests"),
    "end tags in a style sheet": ("<div><style></div></style>" * 11, DEPTH, "nests"),
    "end tags that count for nothing": ("<div><object></div></object>" * 11, DEPTH, "nests"),
    "end tags in what may be text": ("<svg><g><![CDATA[</g>]]>" * 6, DEPTH, "nests"),
    "quotes in names": ('<div a"><!--"></div>-->' * 11, DEPTH, "nests"),
    "templates": ("<template>" * 11, DEPTH, "nests"),
    "attributes": ("<p a b c d e f>", ATTRIBUTES, "more than 5 attributes"),
    "written ones": ("<p a=1 b='2' c=\"3\" d e = 5 f/>", ATTRIBUTES, "more than 5 attributes"),
    "those of an end tag": ("</p a b c d e f>", ATTRIBUTES, "more than 5 attributes"),
    "looking through what is open": ("<x>" * 9 + "<i></i>" * 10, Limits(work=100), "too many"),
}


@pytest.mark.parametrize(("html", "limits", "message"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_passes_a_limit_is_refused(html, limits, message):
    with pytest.raises(LimitError, match=message):
        check_html(html, limits)


def test_as_much_as_a_limit_allows_is_admitted():
    check_html("<div>" * 10, Limits(depth=10))
    check_html("<br>" * 20, Limits(elements=20))
    check_html("<p a b c d e>", Limits(attributes=5))
    check_html("x" * 1_000, Limits(html_bytes=1_000))


def test_formatting_elements_that_would_be_opened_again_and_again_are_refused():
    with pytest.raises(LimitError, match="never closed"):
        check_html("".join(f"<font size={n}>" for n in range(800)) + "<p></p>" * 2_000, LIMITS)


def depth(html: str) -> int:
    """How deep elements nest in the parser's tree."""
    tree = LexborHTMLParser(html)
    node, level, deepest = tree.root, 0, 0
    while node is not None:
        deepest = max(deepest, level)
        if node.first_child is not None:
            node, level = node.first_child, level + 1
            continue
        while node is not None and node.next is None:
            node, level = node.parent, level - 1
        node = node.next if node is not None and level > 0 else None
    return deepest


NAMES = (
    *("div", "p", "span", "b", "i", "a", "font", "nobr", "table", "tr", "td", "th", "tbody"),
    *("caption", "ul", "li", "dd", "dt", "h1", "h2", "button", "form", "select", "option"),
    *("optgroup", "template", "svg", "math", "g", "title", "style", "script", "textarea"),
    *("object", "foreignObject", "mi", "ruby", "rt", "x", "input", "br", "noscript", "iframe"),
    *("pre", "center", "colgroup", "body", "html", "head", "frameset", "plaintext"),
)
PIECES = st.one_of(
    st.sampled_from(NAMES).map("<{}>".format),
    st.sampled_from(NAMES).map("</{}>".format),
    st.sampled_from(NAMES).map("<{}/>".format),
    st.sampled_from(["<!--", "-->", "<![CDATA[", "]]>", '<p a="', "'", '"', ">", "x", "<a b='"]),
)


@examples(400)
@given(st.lists(PIECES, max_size=12), st.integers(1, 12))
def test_the_parser_never_nests_deeper_than_estimated(pieces, times):
    """A table has a body and a row that nobody wrote; the document has three elements more."""
    html = "".join(pieces) * times
    assert depth(html) <= 4 * open_elements(html, LIMITS) + 8
