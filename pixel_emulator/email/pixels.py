"""Where an HTML text names Segment pixels, found with browsers' own parsing rules."""

import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from pixel_emulator.email.html_tree import HtmlTree, is_never_shown
from pixel_emulator.email.limits import LIMITS, LimitError, Limits
from pixel_emulator.email.urls import BrowserUrl, absolute, browser_url

PIXEL_PATH = "/v1/pixel/"
_MOST_PIXELS = 10_000
_MOST_MISSED = 1_000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_OUTLOOK = re.compile(r"(?<![!])\b(?:mso|vml)\b", re.IGNORECASE)

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
      | (?:url\(|image-set\(|@import) \s*+
        (?: "(?P<double>(?:[^"\\\n]|\\.)*+)" | '(?P<single>(?:[^'\\\n]|\\.)*+)' )
      | url\( \s*+ (?P<bare>(?:[^\s"'()\\]|\\[\da-f]{1,6}[ \t\n]?|\\.)*+) \s*+ \)
      | "(?:[^"\\\n]|\\.)*+" | '(?:[^'\\\n]|\\.)*+'""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_CSS_ESCAPE = re.compile(r"\\(?:([0-9a-f]{1,6})[ \t\n]?|\n|(.))", re.IGNORECASE)
_SRCSET_URL = re.compile(r"[^\s,]\S*+")

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
    def loads(self) -> bool:
        """True if a mail client, a browser without scripts, loads what stands at this place."""
        return _loads(self.element, self.within)

    @property
    def requested(self) -> bool:
        """True if a client asks for the URL because of this place, and of none further up."""
        return not self.repeated and self.loads

    @property
    def outlook_only(self) -> bool:
        """True if only Outlook for Windows, which reads such comments, asks for the URL."""
        condition = self.within.partition("[if ")[2]
        return bool(_OUTLOOK.search(condition)) and "!" not in condition


class LineFinder:
    """Finds the lines of texts that are looked up in the order in which they stand."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._newlines = [match.start() for match in re.finditer("\n", html)]
        self._position = 0
        self._missed = 0

    def line(self, raw: str) -> int:
        """Return the line, from 1, where the value of an attribute stands; 0 means unknown."""
        if self._missed > _MOST_MISSED:  # each looks through the whole text
            return 0
        # Up to the first `&` an attribute looks the same in the source, however it is escaped.
        at = self._html.find(raw.partition("&")[0], self._position)
        if at < 0:
            self._missed += 1
            return 0
        self._position = at + 1
        return bisect(self._newlines, at) + 1


def find_pixels(
    html: str, *, hosts: Iterable[str], charset: str = "utf-8", limits: Limits = LIMITS
) -> tuple[FoundPixel, ...]:
    """Return every pixel that the HTML text names, in document order.

    A pixel is a URL at one of `hosts`, whatever its path, or at any other host with a path like
    `/v1/pixel/…` (a custom domain). Links (`<a href>`) are not pixels. Queries are encoded in
    `charset`, that of the document. Raises LimitError for a text that passes the limits.
    """
    text = browser_text(html)
    collector = PixelCollector(text, hosts, charset)
    for node, within in HtmlTree(text, limits).nodes():
        collector.add(node, loaded_urls(node), within)
    return tuple(collector.pixels)


class PixelCollector:
    """Takes the elements of an HTML text in document order, and keeps the pixels in them."""

    def __init__(self, text: str, hosts: Iterable[str], charset: str) -> None:
        self._emulated = {_folded(host) for host in hosts}
        self._charset = charset
        self._lines = LineFinder(text)
        self._loaded: set[str] = set()
        self._base: BrowserUrl | None = None
        self.pixels: list[FoundPixel] = []

    def add(self, node: LexborNode, urls: Iterable[tuple[str, str]], within: str) -> None:
        """Take the `loaded_urls` of a node. Raises LimitError for too many pixels."""
        element = (node.tag or "").lower()
        if element == "base" and self._base is None and not is_never_shown(within):
            self._base = browser_url(node.attributes.get("href") or "")
        for where, raw in urls:
            # An inner document has a charset of its own, UTF-8.
            charset = "utf-8" if "srcdoc" in within else self._charset
            url = browser_url(absolute(raw, self._base) if self._base else raw, charset)
            if url is None:
                continue
            custom = _folded(url.host.partition(":")[0]) not in self._emulated
            if custom and not url.path.lower().startswith(PIXEL_PATH):
                continue
            if len(self.pixels) == _MOST_PIXELS:
                raise LimitError(f"its HTML names more than {_MOST_PIXELS:,} pixels")
            address = str(url)
            loads = _loads(element, within)
            self.pixels.append(
                FoundPixel(
                    url=address,
                    raw=raw,
                    element=element,
                    where=where,
                    within=within,
                    line=self._lines.line(raw),
                    custom_domain=custom,
                    repeated=loads and address in self._loaded,
                )
            )
            if loads:
                self._loaded.add(address)


def browser_text(html: str) -> str:
    """Return the text as a browser reads it before it looks for tags."""
    return _LONE_SURROGATE.sub("\ufffd", html).replace("\r\n", "\n").replace("\r", "\n")


def _folded(host: str) -> str:
    return host.casefold().removesuffix(".")


def _loads(element: str, within: str) -> bool:
    return not (is_never_shown(within) or _NEVER_LOADED_BY.fullmatch(element))


def loaded_urls(node: LexborNode) -> Iterator[tuple[str, str]]:
    """Yield what a node makes a browser load: where that stands, and the URL's text."""
    if not node.is_element_node:
        return
    element = (node.tag or "").lower()
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
