"""Where an HTML text names Segment pixels, found with browsers' own parsing rules."""

import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from pixel_emulator.email.urls import browser_url

_MAX_DEPTH = 4
"""How deep documents are followed into each other: comments, templates, `srcdoc`."""

_MAX_NESTING = 20_000
"""How deep block elements nest before they are read as plain spans."""

_PIXEL_PATH = "/v1/pixel/"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_CONDITION = re.compile(r"\s*(\[if [^\]]*\])>", re.IGNORECASE)

# At each of these lexbor looks for an open <p> or its like through all that is open around it,
# which takes the square of the nesting. The first ones nest nothing without an end tag.
_BLOCK = re.compile(
    r"""(?P<mark></?) (?: hr|p|li|d[dt]
          | (?P<name> address|article|aside|blockquote|button|center|details|dialog|dir|div|dl
              |fieldset|figcaption|figure|footer|form|h[1-6]|header|hgroup|listing|main|menu|nav|ol
              |pre|search|section|summary|ul) ) (?=[\s/>])""",
    re.IGNORECASE | re.VERBOSE,
)

_LOADED_ANYWHERE = frozenset({"src", "background"})
_LOADED_BY = frozenset(
    {
        ("video", "poster"),
        ("object", "data"),
        ("image", "href"),
        ("image", "xlink:href"),
        ("feimage", "href"),
        ("feimage", "xlink:href"),
    }
)
_LOADED_RELS = frozenset({"stylesheet", "preload", "prefetch", "icon"})

# A comment and a string come first, so that nothing inside them counts.
_CSS = re.compile(
    r"""/\*.*?(?:\*/|\Z)
      | (?:url\(|@import) \s*+
        (?: "(?P<double>(?:[^"\\\n]|\\.)*+)" | '(?P<single>(?:[^'\\\n]|\\.)*+)' )
      | url\( \s*+ (?P<bare>(?:[^\s"'()\\]|\\[\da-f]{1,6}[ \t\n]?|\\.)*+) \s*+ \)
      | "(?:[^"\\\n]|\\.)*+" | '(?:[^'\\\n]|\\.)*+'""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})[ \t\n]?|\n|(.))", re.IGNORECASE)
_SRCSET_URL = re.compile(r"[^\s,]\S*+")

_NEVER_LOADED_IN = ("comment", "conditional comment", "template")
_NEVER_LOADED_BY = re.compile(r"script|bgsound|.*[:-].*")  # scripts, custom elements, VML


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPixel:
    """One place in an HTML text that names a pixel.

    `url` is what a browser would request, `raw` the text it was made from (entities decoded).
    `where` names the place (`img src`, `css url()`), `within` what encloses it: empty, or
    `comment`, `conditional comment [if mso]`, `noscript`, `template`, `iframe srcdoc`.
    `line` counts from 1; 0 means unknown. `custom_domain` says that the path shows it to be a
    pixel, not the host. `repeated` says that the URL stands further up: browsers load it once.
    """

    url: str
    raw: str
    element: str
    where: str
    within: str = ""
    line: int = 0
    custom_domain: bool = False
    repeated: bool = False

    @property
    def requested(self) -> bool:
        """Whether a mail client, a browser without scripts, would ask for it."""
        return not self.repeated and _loads(self.element, self.within)


@dataclass(frozen=True, slots=True)
class _Mention:
    element: str
    where: str
    within: str
    raw: str


def find_pixels(html: str, *, hosts: Iterable[str]) -> tuple[FoundPixel, ...]:
    """Every pixel that the HTML text names, in document order; never raises.

    A pixel is a URL at one of `hosts`, whatever its path, or at any other host with a path like
    `/v1/pixel/…` (a custom domain). Links (`<a href>`) are not pixels.
    """
    text = _LONE_SURROGATE.sub("\ufffd", html).replace("\r\n", "\n").replace("\r", "\n")
    emulated = {_folded(host) for host in hosts}
    loaded: set[str] = set()
    pixels = []
    position = 0
    newlines = [match.start() for match in re.finditer("\n", text)]
    for mention in _mentions(text):
        url = browser_url(mention.raw)
        if url is None:
            continue
        custom = _folded(url.host.partition(":")[0]) not in emulated
        if custom and not url.path.lower().startswith(_PIXEL_PATH):
            continue
        # Up to the first `&` an attribute looks the same in the source, however it is escaped.
        at = text.find(mention.raw.partition("&")[0], position)
        position = max(at + 1, position)
        address = str(url)
        loads = _loads(mention.element, mention.within)
        pixels.append(
            FoundPixel(
                url=address,
                raw=mention.raw,
                element=mention.element,
                where=mention.where,
                within=mention.within,
                line=bisect(newlines, at) + 1 if at >= 0 else 0,
                custom_domain=custom,
                repeated=loads and address in loaded,
            )
        )
        if loads:
            loaded.add(address)
    return tuple(pixels)


def _folded(host: str) -> str:
    return host.casefold().removesuffix(".")


def _loads(element: str, within: str) -> bool:
    return not (within.startswith(_NEVER_LOADED_IN) or _NEVER_LOADED_BY.fullmatch(element))


def _mentions(html: str, within: str = "", depth: int = 0) -> Iterator[_Mention]:
    for node, in_noscript in _walk(LexborHTMLParser(_flattened(html))):
        inner, enclosure = _document_inside(node)
        if inner and depth < _MAX_DEPTH:
            never = within.startswith(_NEVER_LOADED_IN)
            yield from _mentions(inner, within if never else enclosure, depth + 1)
        if node.is_element_node:
            place = within or ("noscript" if in_noscript else "")
            element = (node.tag or "").lower()
            for where, raw in _urls(node, element):
                yield _Mention(element, where, place, raw)


def _flattened(html: str) -> str:
    """The text, with spans for block elements if these nest beyond all measure."""
    nesting = 0
    opened: Counter[str] = Counter()
    for match in _BLOCK.finditer(html):
        name = (match["name"] or "").lower()
        step = 1 if match["mark"] == "<" else -1
        if name and opened[name] + step >= 0:
            opened[name] += step
            nesting += step
        if nesting > _MAX_NESTING:
            return _BLOCK.sub(r"\g<mark>span", html)
    return html


def _walk(tree: LexborHTMLParser) -> Iterator[tuple[LexborNode, bool]]:
    """Each node in document order, and whether it stands in a <noscript>."""
    # Not `traverse` and `noscript *`: their time grows with the square of the nesting, and the
    # first leaves out the comments before <html>.
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
    """The HTML text that a node holds out of the tree, and what encloses it there."""
    if node.is_comment_node:
        text = node.comment_content or ""
        condition = _CONDITION.match(text)
        return text, f"conditional comment {condition[1]}" if condition else "comment"
    if node.tag == "template":
        return "".join(part.html or "" for part in node.template_fragments()), "template"
    if node.tag == "iframe":
        return node.attributes.get("srcdoc") or "", "iframe srcdoc"
    return "", ""


def _urls(node: LexborNode, element: str) -> Iterator[tuple[str, str]]:
    """What an element makes a browser load: where that stands, and the URL's text."""
    attributes = node.attributes
    for name, value in attributes.items():
        if not value:
            continue
        if name == "style":
            yield from (("css url()", url) for url in _css_urls(value))
        elif name in {"srcset", "imagesrcset"}:
            yield from ((f"{element} {name}", url) for url in _srcset_urls(value))
        elif _is_loaded(element, name, attributes):
            yield f"{element} {name}", value
    if element == "style":
        yield from (("css url()", url) for url in _css_urls(node.text() or ""))


def _is_loaded(element: str, name: str, attributes: dict[str, str | None]) -> bool:
    if (element, name) == ("link", "href"):
        return not _LOADED_RELS.isdisjoint((attributes.get("rel") or "").lower().split())
    if (element, name) == ("input", "src"):
        return (attributes.get("type") or "").lower() == "image"
    return name in _LOADED_ANYWHERE or (element, name) in _LOADED_BY


def _css_urls(css: str) -> Iterator[str]:
    for match in _CSS.finditer(css):
        if escaped := match["double"] or match["single"] or match["bare"]:
            yield _CSS_ESCAPE.sub(_css_character, escaped)


def _css_character(escape: re.Match[str]) -> str:
    if not escape[1]:
        return escape[2] or ""
    code = int(escape[1], 16)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"


def _srcset_urls(srcset: str) -> Iterator[str]:
    # https://html.spec.whatwg.org/#parse-a-srcset-attribute: a comma ends a candidate only
    # at the end of its URL or behind its descriptors.
    position = 0
    while match := _SRCSET_URL.search(srcset, position):
        yield match[0].rstrip(",")
        position = match.end() if match[0].endswith(",") else srcset.find(",", match.end())
        if position < 0:
            return
