"""URLs in HTML and in pasted text, as a browser would request them."""

import codecs
import re
from dataclasses import dataclass
from string import printable
from urllib.parse import quote, unquote

from selectolax.lexbor import LexborHTMLParser

from pixel_emulator.core.problems.host_names import idna_mapped

_C0_OR_SPACE = "".join(map(chr, range(0x21)))
_TAB_OR_NEWLINE = str.maketrans("", "", "\t\n\r")
_START = re.compile(r"(https?):[/\\]*+|[/\\]{2,}+", re.IGNORECASE)
_AUTHORITY = re.compile(r"[^/\\?]*+")
# Complements of the percent-encode sets in https://url.spec.whatwg.org/#percent-encoded-bytes.
_PATH_SAFE = "".join(set(printable.strip()) - set('"#<>?^`{}'))
_QUERY_SAFE = "".join(set(printable.strip()) - set("\"#<>'"))
_ANY_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")
_DEFAULT_PORTS = {"http": "80", "https": "443"}

_REFERENCE = re.compile(r"&(?:amp|quot|apos|lt|gt|#\d+|#x[\da-f]+);", re.IGNORECASE)
_PADDING = "\ufeff \t\r\n"
# `_URL` matches a text that is one URL, perhaps quoted; `_PIXEL_URL` finds a pixel's URL in a text.
_URL = re.compile(
    r"""(?: src \s*=\s* )? (?: \\?["'] | [<`] )?
        (?P<url> https?: | // | /?v1/ | [\w.-]+ (?: :\d+ )? /v1/pixel/ )""",
    re.IGNORECASE | re.VERBOSE,
)
_PIXEL_URL = re.compile(
    r"""(?: (?<!/) (?:https?:)?// (?: \{\{[^{}]{0,99}\}\} | [^\s"'<>{] | \{(?!\{) ){1,253}?
          | (?<![\w.:-]) [\w.:-]{0,253} ) /v1/pixel/""",
    re.IGNORECASE | re.VERBOSE,
)
_ENDS = {'"': '"', "'": "'", '\\"': '\\\\"', "\\'": "\\\\'", "`": "`", "<": ">", "(": r"[\s)]"}
_END_OF_A_WORD = "[ \t\r\n>]"
_NO_SCHEME = re.compile(r"[\w.-]+(?::\d+)?/v1/pixel/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BrowserUrl:
    """An http or https URL, split for a request; `query` is None if there is no `?`."""

    scheme: str
    host: str
    path: str
    query: str | None

    def __str__(self) -> str:
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.scheme}://{self.host}{self.path}{query}"


@dataclass(frozen=True, slots=True)
class PastedUrl:
    """A pasted URL, ready for decoding.

    `from_html` is True if it held character references such as `&amp;`, which were decoded.
    """

    url: str
    from_html: bool


def browser_url(text: str, charset: str = "utf-8") -> BrowserUrl | None:
    """Return the URL in an attribute as a browser requests it (https://url.spec.whatwg.org/).

    Tabs and newlines are removed, spaces and non-ASCII characters percent-encoded (in `charset` in
    the query), fragment and user name removed; `//host` gets https. Return None if the text is no
    absolute http(s) URL.
    """
    text = text.strip(_C0_OR_SPACE).translate(_TAB_OR_NEWLINE).partition("#")[0]
    start = _START.match(text)
    authority = start and _AUTHORITY.match(text, start.end())
    if not (start and authority):
        return None
    scheme = (start[1] or "https").lower()
    host, _, port = idna_mapped(unquote(authority[0].rpartition("@")[2])).lower().partition(":")
    if not host:
        return None
    if port and port != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
    path, mark, query = text[authority.end() :].partition("?")
    path = quote(path.replace("\\", "/") or "/", safe=_PATH_SAFE, errors="replace")
    query = quote(_encoded(query, charset), safe=_QUERY_SAFE)
    return BrowserUrl(scheme, host, path, query if mark else None)


def absolute(text: str, base: BrowserUrl) -> str:
    """Return the URL that an attribute without a scheme names in a document with this base."""
    text = text.strip(_C0_OR_SPACE)
    if _ANY_SCHEME.match(text) or _START.match(text):
        return text
    folder = "" if text.startswith(("/", "\\")) else f"{base.path.rpartition('/')[0]}/"
    return f"{base.scheme}://{base.host}{folder}{text}"


def _encoded(query: str, charset: str) -> bytes:
    """Return the query in the charset of its document; UTF-16 documents use UTF-8."""
    if query.isascii() or charset.startswith(("utf-16", "utf-8")):
        return query.encode(errors="replace")
    try:
        return query.encode(charset, _AS_REFERENCE)
    except (LookupError, ValueError):  # a charset without an encoder
        return query.encode(errors="replace")


def _reference(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that a charset lacks by escaped character references, as browsers do."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(f"%26%23{ord(character)}%3B" for character in text), error.end


# https://url.spec.whatwg.org/#string-percent-encode-after-encoding
_AS_REFERENCE = "pixel_emulator.reference"
codecs.register_error(_AS_REFERENCE, _reference)


def pasted_url(text: str) -> PastedUrl | None:
    """Return the URL, or bare `path?query`, in a pasted text, without line breaks; or None.

    Text copied along with a URL is dropped: quotes, `src=`, `curl`, Markdown, CSS's `url()`.
    """
    url = _url_inside(text.strip(_PADDING)).translate(_TAB_OR_NEWLINE)
    if not url:
        return None
    if _NO_SCHEME.match(url):
        url = f"//{url}"
    if not _REFERENCE.search(url):
        return PastedUrl(url, from_html=False)
    return PastedUrl(_attribute_text(url), from_html=True)


def _url_inside(text: str) -> str:
    if whole := _URL.match(text):
        start = whole.start("url")
        if start == 0:
            return text
    elif inside := _PIXEL_URL.search(text):
        start = inside.start()
    else:
        return ""
    before = text[max(0, start - 2) : start]
    end = next((_ENDS[mark] for mark in (before, before[-1:]) if mark in _ENDS), _END_OF_A_WORD)
    return re.split(end, text[start:], maxsplit=1)[0]


def _attribute_text(source: str) -> str:
    # Not html.unescape, which decodes the `&times` in `&timestamp=`.
    quoted = source.replace('"', "&quot;")
    element = LexborHTMLParser(f'<p title="{quoted}">').css("p")[0]
    return element.attributes["title"] or ""
