"""Problems of a URL that no request shows: in its host, its line breaks, its fragment."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from pixel_emulator.core.model import PixelRequest, Problem
from pixel_emulator.core.problems.damage import TOKEN
from pixel_emulator.core.problems.host_names import is_misspelt, mapped
from pixel_emulator.core.problems.rules import problem
from pixel_emulator.core.text.display import quoted

# https://url.spec.whatwg.org/#forbidden-domain-code-point; a URL with one of these in its host
# has no host, so nothing is requested.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_PORT = re.compile(r":\d*\Z")
_LONGEST_LABEL = 63  # octets; RFC 1035, section 2.3.4
_LONGEST_NAME = 253
_FOLD = re.compile(r"[\r\n][ \t]")


def url_text_problems(
    text: str, request: PixelRequest, hosts: Iterable[str] = ()
) -> Iterator[Problem]:
    """Yield the problems of a URL as it is written in `text`.

    `request` is what a client makes of it; `hosts` are the hosts that are emulated.
    """
    yield from _host(request.host, tuple(map(_folded, hosts)))
    if _FOLD.search(text.strip()):
        yield problem("folded_url")
    _, mark, fragment = text.partition("#")
    if mark:
        if token := TOKEN.match(f"#{fragment}"):
            yield problem("template_token", shown=quoted(token[0]))
        yield problem("fragment")


def _host(written: str, hosts: tuple[str, ...]) -> Iterator[Problem]:
    whole = unquote(written).rpartition("@")[2]
    host = _folded(_PORT.sub("", whole))
    if host in hosts or host.startswith("["):  # an IPv6 address
        return
    if token := TOKEN.search(whole):
        yield problem("template_token", shown=quoted(token[0]))
    elif meant := next((each for each in hosts if is_misspelt(host, each)), None):
        yield problem("misspelt_host", value=host, meant=meant)
    elif not _can_exist(host):
        yield problem("invalid_host", value=host)


def _folded(host: str) -> str:
    return mapped(host).casefold().removesuffix(".")


def _can_exist(host: str) -> bool:
    """Return True if a client can look the host up; an empty one is that of a bare path."""
    if not host:
        return True
    labels = host.split(".")
    return (
        not _FORBIDDEN.search(host)
        and all(1 <= len(each) <= _LONGEST_LABEL for each in labels)
        and len(host) <= _LONGEST_NAME
    )
