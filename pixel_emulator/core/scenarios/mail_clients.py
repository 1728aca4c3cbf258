"""Models of mail clients: the requests with which each loads the images of a mail.

A model covers the wire only: which requests, in which order, with which headers. Whether a client
would show the image at all (markup, blocked images, clipping) is not part of it. The strings are
from public logs and test data: uap-core, keila, warmbly, gophish #1390, SparkPost.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pixel_emulator.core.model import Hit, HttpRequest, Payload


class Fetch(StrEnum):
    """Why and by whom an image is requested; the value of `request: {fetch: …}`."""

    OPEN = "open"
    PREFETCH = "prefetch"
    PROXY = "proxy"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One request for an image: its kind, and its headers in wire order."""

    fetch: Fetch
    headers: tuple[tuple[str, str], ...]

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "HEAD" if self.fetch is Fetch.HEAD else "GET"


def _image_request(fetch: Fetch, user_agent: str, *headers: tuple[str, str]) -> ImageRequest:
    return ImageRequest(fetch, (("User-Agent", user_agent), *headers))


_GMAIL = _image_request(
    Fetch.PROXY,
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    ("Accept-Encoding", "gzip,deflate,br"),
)
# Sent by Gmail when a mail arrives while its app is open; the mail has not been opened yet.
_GMAIL_PREFETCH = _image_request(
    Fetch.PREFETCH,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
)

MAIL_CLIENTS: Mapping[str, tuple[ImageRequest, ...]] = MappingProxyType(
    {
        "gmail": (_GMAIL,),
        "gmail_prefetch": (_GMAIL_PREFETCH, _GMAIL),  # the double load
        "yahoo": (
            _image_request(
                Fetch.PROXY,
                "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            ),
        ),
        # The new Outlook for Windows sends the same.
        "apple_mail": (
            _image_request(
                Fetch.OPEN,
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko)",
            ),
        ),
        # Mail Privacy Protection loads every image when the mail arrives, read or not.
        "apple_privacy": (_image_request(Fetch.PREFETCH, "Mozilla/5.0"),),
        "ios_mail": (
            _image_request(
                Fetch.OPEN,
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko) Mobile/15E148",
            ),
        ),
        "outlook": (
            _image_request(Fetch.OPEN, "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"),
        ),
        "outlook_mac": (
            _image_request(
                Fetch.OPEN,
                "MacOutlook/15.27.0.161010 (Intelx64 Mac OS X Version 10.11.6 (Build 15G1108))",
            ),
        ),
        "outlook_ios": (_image_request(Fetch.OPEN, "Outlook-iOS/665.29827.prod.iphone (2.63.0)"),),
        "thunderbird": (
            _image_request(
                Fetch.OPEN,
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.2.0",
            ),
        ),
        "hey": (
            _image_request(
                Fetch.PROXY,
                "hey.com/imageproxy Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
                "(KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36",
            ),
        ),
        "fastmail": (_image_request(Fetch.PROXY, "FastmailUA/1.0"),),
        "superhuman": (_image_request(Fetch.OPEN, "Superhuman"),),
        "mailpit": (
            _image_request(Fetch.HEAD, "Mailpit/1.27"),
        ),  # its link check; no mail is opened
    }
)
"""The values of `client:`, and the requests with which that client loads one image."""


_USER_AGENTS = tuple(
    (client, fetch, re.compile(pattern))
    for client, fetch, pattern in (
        # gophish#1390, uap-core pull request 170
        ("gmail", Fetch.PROXY, r"GoogleImageProxy|ggpht\.com"),
        # keila 14f1a12 tracking.ex, SparkPost on Gmail's prefetching
        ("gmail", Fetch.PREFETCH, r"Chrome/42\.0\.2311\.135 .* Edge/12\.246 Mozilla/5\.0\Z"),
        ("yahoo", Fetch.PROXY, r"YahooMailProxy"),  # uap-core tests/test_ua.yaml e3c5e63
        # Mail Privacy Protection loads every image, read or not: warmbly internal/pkg/mailclient
        ("apple_mail", Fetch.PREFETCH, r"\AMozilla/5\.0\Z"),
        ("hey", Fetch.PROXY, r"hey\.com/imageproxy"),  # warmbly, as above
        ("fastmail", Fetch.PROXY, r"\AFastmailUA/"),  # warmbly, as above
        ("seznam", Fetch.PROXY, r"SeznamEmailProxy"),  # matomo device-detector
        # Microsoft's scanners follow the links of a mail before anybody reads it: gophish#2549
        ("outlook", Fetch.PREFETCH, r"Microsoft Office Existence Discovery"),
        # From here to Superhuman: uap-core tests/test_ua.yaml e3c5e63
        ("outlook", Fetch.OPEN, r"ms-office|MSOffice|Microsoft (?:Office/|Outlook)|MacOutlook/"),
        ("outlook", Fetch.OPEN, r"Outlook-iOS"),
        ("thunderbird", Fetch.OPEN, r"Thunderbird/"),
        ("postbox", Fetch.OPEN, r"Postbox/"),
        ("lotus_notes", Fetch.OPEN, r"Lotus-Notes/"),
        ("airmail", Fetch.OPEN, r"\AAirmail "),
        ("superhuman", Fetch.OPEN, r"\ASuperhuman"),
        # Bare WebKit; the new Outlook for Windows sends the same: warmbly#564
        ("apple_mail", Fetch.OPEN, r"AppleWebKit/[\d.]+ \(KHTML, like Gecko\)(?: Mobile/\w+)?\Z"),
        ("mailpit", Fetch.PREFETCH, r"\AMailpit"),  # its checks: axllent/mailpit 408b30d
        ("headless", Fetch.OPEN, r"HeadlessChrome/"),
        ("browser", Fetch.OPEN, r"\AMozilla/5\.0 .*(?:Chrome|Firefox|Safari|Edg)/"),
    )
)
"""The client is the first entry whose pattern is found in the User-Agent."""

_OTHER = "other"

CLIENT_NAMES = (*dict.fromkeys(client for client, _, _ in _USER_AGENTS), _OTHER)
"""The clients that `identify_client` may return; `other` if it recognizes none."""

# Browsers send these headers with prefetches.
_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def identify_client(request: HttpRequest) -> tuple[str, Fetch]:
    """Return the client that sent the request, one of `CLIENT_NAMES`, and the kind of fetch."""
    agent = request.header("user-agent") or ""
    matching = ((client, fetch) for client, fetch, pattern in _USER_AGENTS if pattern.search(agent))
    client, fetch = next(matching, (_OTHER, Fetch.OPEN))
    if request.method == "HEAD":
        return client, Fetch.HEAD
    purposes = ((request.header(name) or "").lower() for name in _PURPOSES)
    if any("prefetch" in purpose or "preview" in purpose for purpose in purposes):
        return client, Fetch.PREFETCH
    return client, fetch


def request_facts(hit: Hit) -> Payload:
    """Return the facts that `request` is compared with; facts that the request lacks are absent.

    `host` includes the port if the client sent one; `alphabet` and `padded` exist for the base64
    form only.
    """
    request, call = hit.request, hit.call
    client, fetch = identify_client(request)
    facts: Payload = {
        "host": request.host,
        "path": request.path.decode(errors="replace"),
        "form": call.form.value if call else None,
        "alphabet": call.alphabet.value if call and call.alphabet else None,
        "padded": call.padded if call else None,
        "user_agent": request.header("user-agent"),
        "referer": request.header("referer"),
        "client": client,
        "fetch": fetch.value,
        "http": request.http_version,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
