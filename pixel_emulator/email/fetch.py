"""Opening a mail without a browser: its images are fetched, as far as they are pixels."""

import ssl
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from pixel_emulator.email.message import read
from pixel_emulator.email.pixels import find_pixels
from pixel_emulator.email.render import RenderResult

BUILT_IN = "built-in fetch of the images"

_HEADERS = {"User-Agent": f"pixel-emulator ({BUILT_IN})", "Accept": "image/*"}
_IMAGES = frozenset({"img src", "input src"})


def fetch_images(
    file: Path, *, hosts: Iterable[str], proxy: str, ca: Path, timeout: float = 30.0
) -> RenderResult:
    """Ask through `proxy` for each pixel at `hosts` that stands in an `<img src>` of the file.

    For machines without a browser: what CSS, `srcset` or frames name is left out, and so are
    custom domains, which are not emulated. `timeout` is in seconds, for each of the images.
    """
    try:
        content = read(file.name, file.read_bytes())
    except OSError as error:
        return RenderResult(f"{file} cannot be read: {error}")
    if not content.parts:
        return RenderResult(f"{file}: {content.reason}")
    trust = ssl.create_default_context(cafile=ca)
    errors = []
    for pixel in find_pixels(content.shown, hosts=hosts):
        if pixel.requested and pixel.where in _IMAGES and not pixel.custom_domain:
            try:
                _fetch(pixel.url, proxy, trust, timeout)
            except (OSError, HTTPException) as error:
                errors.append(f"{file}: {pixel.url[:80]} could not be fetched: {error}")
    return RenderResult("; ".join(errors))


def _fetch(url: str, proxy: str, trust: ssl.SSLContext, timeout: float) -> None:
    # Not urllib: it asks NO_PROXY, and would then ask Segment itself.
    parts, through = urlsplit(url), urlsplit(proxy)
    connection: HTTPConnection
    if parts.scheme == "https":
        connection = HTTPSConnection(
            through.hostname or "", through.port, timeout=timeout, context=trust
        )
        connection.set_tunnel(parts.hostname or "", parts.port or 443)
        target = url.removeprefix(f"https://{parts.netloc}")
    else:
        connection = HTTPConnection(through.hostname or "", through.port, timeout=timeout)
        target = url
    try:
        connection.request("GET", target, headers=_HEADERS)
        connection.getresponse().read()
    finally:
        connection.close()
