"""What a rendered template asks for, without any network."""

from pixel_emulator.core.calls import PixelRequest
from pixel_emulator.core.endpoint.pixel import request_of

_URL = ("http://", "https://", "/v1/")


def requested(url_or_html: str, hosts: tuple[str, ...]) -> list[PixelRequest]:
    """The request for a URL, or those of every pixel that a client without scripts loads."""
    text = url_or_html.strip()
    if text.startswith(_URL) and len(text.split()) == 1:
        return [request_of(text)]
    from pixel_emulator.email.pixels import find_pixels  # noqa: PLC0415 - few tests need it

    found = find_pixels(text, hosts=hosts)
    return [request_of(each.url) for each in found if each.requested and not each.custom_domain]
