"""Open a mail without a browser: fetch those of its images that are pixels."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pixel_emulator.core.scenarios.mail_clients import Fetch, ImageRequest
from pixel_emulator.email.html_pixels import find_pixels
from pixel_emulator.email.limits import LimitError
from pixel_emulator.email.mail_source import read
from pixel_emulator.email.message import Mail
from pixel_emulator.email.render import RenderResult, mail_location
from pixel_emulator.http_client import HttpClient

BUILT_IN = "built-in fetch of the images"

DEFAULT_REQUESTS = (
    ImageRequest(
        Fetch.OPEN, (("User-Agent", f"pixel-emulator ({BUILT_IN})"), ("Accept", "image/*"))
    ),
)
"""The requests for an image if no mail client is named."""

_IMAGES = frozenset({"img src", "input src"})


def fetch_images(
    file: Path,
    *,
    hosts: Iterable[str],
    proxy: str,
    ca: Path,
    requests: Sequence[ImageRequest] = DEFAULT_REQUESTS,
    timeout: float = 30.0,
) -> RenderResult:
    """Request through `proxy` each pixel at `hosts` that is in an `<img src>` of the file.

    `requests` are the requests that a mail client sends for one image; the first of them is sent
    for all images of a mail before the second. An mbox is opened mail by mail. This serves machines
    without a browser and models of mail clients: URLs in CSS, `srcset` or frames are left out, and
    so are custom domains, which are not emulated. `timeout` is in seconds, for each image. Errors
    are returned, not raised.
    """
    try:
        mails = read(file.name, file.read_bytes())
        pages = [_images(mail, tuple(hosts)) for mail in mails]
    except OSError as error:
        return RenderResult(f"{file} cannot be read: {error}")
    except LimitError as error:
        return RenderResult(f"{file} cannot be read: {error}")
    errors = [f"{mail_location(file, mail)}: {mail.reason}" for mail in mails if mail.reason]
    with HttpClient(proxy=proxy, ca=ca, timeout=timeout) as client:
        for urls in pages:
            for request in requests:
                for url in urls:
                    try:
                        client.request(url, request.headers, method=request.method)
                    except OSError as error:
                        errors.append(f"{file}: {url[:80]} could not be fetched: {error}")
    return RenderResult("; ".join(errors))


def _images(mail: Mail, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the URLs of the pixels in images, each once: a client loads a URL once per mail."""
    pixels = find_pixels(mail.shown, hosts=hosts, charset=mail.url_charset)
    return tuple(
        dict.fromkeys(
            pixel.url
            for pixel in pixels
            if pixel.is_loaded and pixel.place in _IMAGES and not pixel.has_custom_domain
        )
    )
