"""Find the Segment pixels in an HTML text by browsers' own parsing rules."""

import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from pixel_emulator.email.html_tree import HtmlTree, is_never_shown
from pixel_emulator.email.limits import LIMITS, LimitError, Limits
from pixel_emulator.email.urls import BrowserUrl, absolute, browser_url

PIXEL_PATH = "/v1/pixel/"
_MAX_PIXELS = 10_000
_MAX_MISSES = 1_000
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

# Comments and strings are matched as a whole, so that no `url()` inside them counts.
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

    `url` is what a browser would request, `raw` the attribute's text (entities decoded). `place`
    names the attribute (`img src`, `css url()`), `enclosure` what encloses it: empty, or `comment`,
    `conditional comment [if mso]`, `noscript`, `template`, `iframe srcdoc`. `line` counts from 1;
    0 means unknown. `has_custom_domain` is True if only the path shows that it is a pixel.
    `is_repeated` is True if the same URL occurs before: browsers load it once.
    """

    url: str
    raw: str
    element: str
    place: str
    enclosure: str = ""
    line: int = 0
    has_custom_domain: bool = False
    is_repeated: bool = False

    @property
    def is_loaded(self) -> bool:
        """True if a mail client (a browser without scripts) loads the URL in this place."""
        return _is_loaded_in(self.element, self.enclosure)

    @property
    def is_requested(self) -> bool:
        """True if a client requests the URL because of this place, not of one before it."""
        return not self.is_repeated and self.is_loaded

    @property
    def is_outlook_only(self) -> bool:
        """True if only Outlook for Windows, which reads conditional comments, loads the URL."""
        condition = self.enclosure.partition("[if ")[2]
        return bool(_OUTLOOK.search(condition)) and "!" not in condition


class LineFinder:
    """Finds the line numbers of texts, looked up in the order in which they occur."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._newlines = [match.start() for match in re.finditer("\n", html)]
        self._position = 0
        self._misses = 0

    def line(self, raw: str) -> int:
        """Return the line, from 1, of the value of an attribute; 0 means unknown."""
        if self._misses > _MAX_MISSES:  # each miss searches the whole rest of the text
            return 0
        # Up to the first `&` the source is the same, however the attribute is escaped.
        at = self._html.find(raw.partition("&")[0], self._position)
        if at < 0:
            self._misses += 1
            return 0
        self._position = at + 1
        return bisect(self._newlines, at) + 1


def find_pixels(
    html: str, *, hosts: Iterable[str], charset: str = "utf-8", limits: Limits = LIMITS
) -> tuple[FoundPixel, ...]:
    """Return every pixel that the HTML text names, in document order.

    A pixel is a URL at one of `hosts`, whatever its path, or at any other host with a path like
    `/v1/pixel/…` (a custom domain). Links (`<a href>`) are not pixels. Queries are encoded in
    `charset`, that of the document. Raises LimitError if the text exceeds the limits.
    """
    text = browser_text(html)
    collector = PixelCollector(text, hosts, charset)
    for node, enclosure in HtmlTree(text, limits).nodes():
        collector.add(node, loaded_urls(node), enclosure)
    return tuple(collector.pixels)


class PixelCollector:
    """Collects the pixels of an HTML text from its elements, added in document order."""

    def __init__(self, text: str, hosts: Iterable[str], charset: str) -> None:
        self._emulated = {_normalized_host(host) for host in hosts}
        self._charset = charset
        self._lines = LineFinder(text)
        self._loaded: set[str] = set()
        self._base: BrowserUrl | None = None
        self.pixels: list[FoundPixel] = []

    def add(self, node: LexborNode, urls: Iterable[tuple[str, str]], enclosure: str) -> None:
        """Add the `loaded_urls` of a node. Raises LimitError if there are too many pixels."""
        element = (node.tag or "").lower()
        if element == "base" and self._base is None and not is_never_shown(enclosure):
            self._base = browser_url(node.attributes.get("href") or "")
        for place, raw in urls:
            # An inner document has a charset of its own, UTF-8.
            charset = "utf-8" if "srcdoc" in enclosure else self._charset
            url = browser_url(absolute(raw, self._base) if self._base else raw, charset)
            if url is None:
                continue
            custom = _normalized_host(url.host.partition(":")[0]) not in self._emulated
            if custom and not url.path.lower().startswith(PIXEL_PATH):
                continue
            if len(self.pixels) == _MAX_PIXELS:
                raise LimitError(f"its HTML names more than {_MAX_PIXELS:,} pixels")
            address = str(url)
            is_loaded = _is_loaded_in(element, enclosure)
            self.pixels.append(
                FoundPixel(
                    url=address,
                    raw=raw,
                    element=element,
                    place=place,
                    enclosure=enclosure,
                    line=self._lines.line(raw),
                    has_custom_domain=custom,
                    is_repeated=is_loaded and address in self._loaded,
                )
            )
            if is_loaded:
                self._loaded.add(address)


def browser_text(html: str) -> str:
    """Return the text as a browser preprocesses it: newlines normalized, surrogates replaced."""
    return _LONE_SURROGATE.sub("\ufffd", html).replace("\r\n", "\n").replace("\r", "\n")


def _normalized_host(host: str) -> str:
    return host.casefold().removesuffix(".")


def _is_loaded_in(element: str, enclosure: str) -> bool:
    return not (is_never_shown(enclosure) or _NEVER_LOADED_BY.fullmatch(element))


def loaded_urls(node: LexborNode) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each URL that a node makes a browser load."""
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
    # at the end of its URL or after its descriptors.
    position = 0
    while match := _SRCSET_URL.search(srcset, position):
        yield match[0].rstrip(",")
        position = match.end() if match[0].endswith(",") else srcset.find(",", match.end())
        if position < 0:
            return
