"""What a rendered template asks for, without any network."""

import re

from pixel_emulator.core.calls import PixelRequest
from pixel_emulator.core.endpoint.pixel import request_of
from pixel_emulator.pytest_plugin.places import MisuseError

_URL = ("http://", "https://", "/v1/")
_PATH = re.compile(r"\S*|.*\.(html?|eml|mjml|txt)", re.IGNORECASE)


def requested(url_or_html: object, hosts: tuple[str, ...]) -> list[PixelRequest]:
    """The request for a URL, or those of every pixel that a client without scripts loads.

    Raises MisuseError for what is no text, and for a text that cannot be meant.
    """
    if not isinstance(url_or_html, str):
        raise MisuseError(f"`receive` takes a URL or HTML as text, but got {_shown(url_or_html)}")
    text = url_or_html.strip()
    if text.startswith(_URL) and len(text.split()) == 1:
        return [request_of(text)]
    if not text:
        raise MisuseError("`receive` takes a URL or HTML, but the text is empty: was it rendered?")
    if "<" not in text and _PATH.fullmatch(text):
        raise MisuseError(
            f"`receive` takes a URL or HTML, but got {_shown(text)}: of a file, give what it holds"
        )
    from pixel_emulator.email.pixels import find_pixels  # noqa: PLC0415 - few tests need it

    found = find_pixels(text, hosts=hosts)
    return [request_of(each.url) for each in found if each.requested and not each.custom_domain]


def _shown(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:60]}…"
