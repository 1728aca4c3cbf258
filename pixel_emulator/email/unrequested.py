"""Find places that name a pixel although no client requests it there, with the reasons."""

import binascii
import quopri
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from selectolax.lexbor import LexborNode

from pixel_emulator.core.problems.damage import TOKEN
from pixel_emulator.core.text.display import shortened
from pixel_emulator.email.html_pixels import (
    PIXEL_PATH,
    FoundPixel,
    LineFinder,
    PixelCollector,
    browser_text,
    find_pixels,
    loaded_urls,
)
from pixel_emulator.email.html_tree import HtmlTree, is_never_shown
from pixel_emulator.email.limits import LIMITS, Limits
from pixel_emulator.email.urls import browser_url

_MAX_NAMED = 20  # places returned for one text
_MAX_KEPT = 10_000  # places examined for them
# `https%3A%2F%2F…`: a URL that was escaped as if it were a part of another one.
_ESCAPED = re.compile(r"https?%3a", re.IGNORECASE)
_NO_SCHEME = re.compile(r"/|[\w.-]+(?::\d+)?/")
_SCHEME = re.compile(r"([A-Za-z][\w+.-]*):")
_CURLY = tuple("\u201c\u201d\u201e\u201f\u2018\u2019\xab\xbb")
_SOFT_BREAK = re.compile(r"=[ \t]*\n")
_BASE64 = re.compile(r"\s*(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]*={0,2}\s*")


@dataclass(frozen=True, slots=True)
class UnrequestedPlace:
    """A place that names a pixel and makes no client request it.

    `line` counts from 1; 0 means unknown. `reason` says why no client requests a pixel there.
    `is_template_token` is True if the place has a template token instead of a URL; `is_undecoded`
    is True if the text still has an encoding that a mail client would decode, so that it may hide
    other pixels.
    """

    line: int
    reason: str
    is_undecoded: bool = False
    is_template_token: bool = False

    @property
    def sentence(self) -> str:
        """A sentence with the place and the reason."""
        subject = f"line {self.line}" if self.line else "the text"
        if self.is_template_token:
            return f"{subject} names no pixel, because {self.reason}"
        return f"{subject} names {PIXEL_PATH}, but no client requests it, because {self.reason}"


@dataclass(frozen=True, slots=True)
class HtmlSearch:
    """Result of searching an HTML text: its pixels, and places that only name one."""

    pixels: tuple[FoundPixel, ...]
    unrequested: tuple[UnrequestedPlace, ...]


def search_html(
    html: str, *, hosts: Iterable[str], charset: str = "utf-8", limits: Limits = LIMITS
) -> HtmlSearch:
    """Return the pixels, as `find_pixels` does, and all other places that name a pixel's path.

    The text is parsed once. Raises LimitError if the text exceeds the limits.
    """
    text = browser_text(html)
    hosts = tuple(hosts)
    collector = PixelCollector(text, hosts, charset)
    lines = LineFinder(text)
    places_by_text: dict[str, UnrequestedPlace] = {}
    for node, enclosure in HtmlTree(text, limits).nodes():
        urls = tuple(loaded_urls(node))
        collector.add(node, urls, enclosure)
        if is_never_shown(enclosure):
            continue
        for raw, reason, is_undecoded in _node_places(node, urls):
            if raw not in places_by_text and len(places_by_text) < _MAX_KEPT:
                places_by_text[raw] = UnrequestedPlace(
                    lines.line(raw), reason, is_undecoded, not _names_pixel(raw)
                )
    pixel_texts = {pixel.raw for pixel in collector.pixels}
    places = dict.fromkeys(
        place
        for raw, place in places_by_text.items()
        if raw not in pixel_texts and not (place.is_template_token and pixel_texts)
    )
    if not pixel_texts and not any(place.is_undecoded for place in places):
        places |= dict.fromkeys(_undecoded_places(text, hosts, limits))
    if not pixel_texts and not places and _names_pixel(text):
        places[_unparsed_place(text)] = None
    return HtmlSearch(tuple(collector.pixels), tuple(islice(places, _MAX_NAMED)))


def _node_places(
    node: LexborNode, urls: tuple[tuple[str, str], ...]
) -> Iterator[tuple[str, str, bool]]:
    """Yield each place in a node that names a pixel without a request for it.

    Each is its text, the reason, and True if it is undecoded. `urls` are the `loaded_urls` of the
    node.
    """
    if node.is_text_node:
        text = node.text_content or ""
        if _names_pixel(text) and not _is_style_with_pixel(node.parent):
            yield text.strip(), _text_reason(node), False
        return
    if not node.is_element_node:
        return
    element = (node.tag or "").lower()
    loaded = {place for place, _ in urls}
    for place, raw in urls:
        if _names_pixel(raw):
            yield raw, *_url_reason(raw)
        elif place == "img src" and (token := TOKEN.match(raw.strip())):
            shown = shortened(token[0])
            yield raw, f"`src` is the template token {shown}, which nothing replaced", False
    for name, value in node.attributes.items():
        if value and f"{element} {name}" not in loaded and _names_pixel(value):
            if name in {"srcdoc", "style", "srcset", "imagesrcset"}:
                continue
            if element in {"a", "area"} and name == "href":
                yield value, "it is a link, which is requested only if somebody clicks it", False
            else:
                yield value, f"no client loads the `{name}` of <{shortened(element)}>", False


def _is_style_with_pixel(node: LexborNode | None) -> bool:
    if node is None or node.tag != "style":
        return False
    return any(_names_pixel(raw) for _, raw in loaded_urls(node))


def _names_pixel(text: str) -> bool:
    return PIXEL_PATH in _SOFT_BREAK.sub("", text).lower().replace("%2f", "/").replace("\\/", "/")


def _text_reason(node: LexborNode) -> str:
    around = (node.parent.tag or "").lower() if node.parent else ""
    if around == "script":
        return "it stands in a script, and mail clients run none"
    if around in {"style", "textarea", "xmp", "title"}:
        return f"it stands in the text of a <{around}>"
    if re.search(r"<\s*(?:img|image|table|td|div)\b", node.text_content or "", re.IGNORECASE):
        return "its tag is escaped (`&lt;`), which makes it text"
    return "it stands in the text, not in a tag"


def _url_reason(raw: str) -> tuple[str, bool]:
    """Return why a browser requests no pixel for a URL's text, and True if that is undecoded."""
    text = raw.strip()
    if text.startswith("3D"):
        return "it is quoted-printable that nobody decoded (`=3D` stands for `=`)", True
    if text.startswith(('\\"', "\\'", "\\u0022")):
        return "its quotes are escaped by backslashes, as in JSON or in a string of a program", True
    if _ESCAPED.match(text):
        return "the whole URL is percent-encoded", True
    if text.startswith(_CURLY):
        return "curly quotes stand around it, which are no quotes to HTML", False
    if (url := browser_url(text)) is not None:
        if _names_pixel(text.partition("#")[2]):
            return (
                f"it stands behind the `#` of a URL of {shortened(url.host)}: Gmail's image proxy "
                "keeps the original there"
            ), False
        return f"it is part of a URL of {shortened(url.host)}", False
    if _NO_SCHEME.match(text):
        return "its URL has no scheme, so it is a path of the page: write https://", False
    if scheme := _SCHEME.match(text):
        return f"`{shortened(scheme[1])}:` is neither http: nor https:", False
    return "its text is no URL with a scheme", False


def _undecoded_places(
    text: str, hosts: tuple[str, ...], limits: Limits
) -> Iterator[UnrequestedPlace]:
    """Yield the encoding that hides all pixels of a text because nothing has decoded it."""
    encodings = (
        ("=3D" in text, _from_quoted_printable, "quoted-printable"),
        ("\\" in text, _from_string, "a string with backslashes, as in JSON,"),
        (_BASE64.fullmatch(text) is not None, _from_base64, "base64"),
    )
    for applies, decode, name in encodings:
        if applies and any(
            pixel.is_requested for pixel in find_pixels(decode(text), hosts=hosts, limits=limits)
        ):
            reason = f"the text is {name} that nobody decoded"
            yield UnrequestedPlace(_line_of_path(text), reason, is_undecoded=True)
            return


def _unparsed_place(text: str) -> UnrequestedPlace:
    """Return the place of a pixel path that is in no attribute, style or text after parsing."""
    reason = (
        "it stands in a comment or template, in a tag or quote left open, or in an attribute "
        "written twice"
    )
    return UnrequestedPlace(_line_of_path(text), reason)


def _line_of_path(text: str) -> int:
    return text.count("\n", 0, max(text.lower().find(PIXEL_PATH), 0)) + 1


def _from_quoted_printable(text: str) -> str:
    return quopri.decodestring(text.encode(errors="replace")).decode(errors="replace")


def _from_string(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t"}.get(match[1], match[1]), text)


def _from_base64(text: str) -> str:
    try:
        return b64decode(text).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""
