"""Opening a mail without a browser: its images are fetched, as far as they are pixels."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pixel_emulator.core.scenarios.mail_clients import Fetch, ImageRequest
from pixel_emulator.email.limits import LimitError
from pixel_emulator.email.message import Mail
from pixel_emulator.email.pixels import find_pixels
from pixel_emulator.email.render import RenderResult, where
from pixel_emulator.email.source import read
from pixel_emulator.http_client import HttpClient

BUILT_IN = "built-in fetch of the images"

PLAIN = (
    ImageRequest(
        Fetch.OPEN, (("User-Agent", f"pixel-emulator ({BUILT_IN})"), ("Accept", "image/*"))
    ),
)
"""How an image is asked for where no mail client is named."""

_IMAGES = frozenset({"img src", "input src"})


def fetch_images(
    file: Path,
    *,
    hosts: Iterable[str],
    proxy: str,
    ca: Path,
    asks: Sequence[ImageRequest] = PLAIN,
    timeout: float = 30.0,
) -> RenderResult:
    """Ask through `proxy` for each pixel at `hosts` that stands in an `<img src>` of the file.

    `asks` are the requests with which a client gets one image; all images of a mail are asked for
    in the first way before the second begins. An mbox is opened mail by mail. For machines without
    a browser, and for models of mail clients: what CSS, `srcset` or frames name is left out, and so
    are custom domains, which are not emulated. `timeout` is in seconds, for each of the images.
    """
    try:
        mails = read(file.name, file.read_bytes())
        pages = [_images(mail, tuple(hosts)) for mail in mails]
    except OSError as error:
        return RenderResult(f"{file} cannot be read: {error}")
    except LimitError as error:
        return RenderResult(f"{file} cannot be read: {error}")
    errors = [f"{where(file, mail)}: {mail.reason}" for mail in mails if mail.reason]
    with HttpClient(proxy=proxy, ca=ca, timeout=timeout) as client:
        for urls in pages:
            for ask in asks:
                for url in urls:
                    try:
                        client.ask(url, ask.headers, method=ask.method)
                    except OSError as error:
                        errors.append(f"{file}: {url[:80]} could not be fetched: {error}")
    return RenderResult("; ".join(errors))


def _images(mail: Mail, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the URLs of the pixels in images, each once: a client loads a URL once a mail."""
    found = find_pixels(mail.shown, hosts=hosts, charset=mail.url_charset)
    return tuple(
        dict.fromkeys(
            pixel.url
            for pixel in found
            if pixel.loads and pixel.where in _IMAGES and not pixel.custom_domain
        )
    )
