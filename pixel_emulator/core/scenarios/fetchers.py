"""Who fetched a pixel, and how, as far as the headers of its request tell.

The user agents are those that pixel servers see. Several programs of one maker count as one client.
"""

import re

from pixel_emulator.core.model import PixelRequest
from pixel_emulator.core.scenarios.clients import Fetch

_FETCHERS = tuple(
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
        # Microsoft's scanners follow what stands in a mail before anybody reads it: gophish#2549
        ("outlook", Fetch.PREFETCH, r"Microsoft Office Existence Discovery"),
        # All below to Superhuman: uap-core tests/test_ua.yaml e3c5e63
        ("outlook", Fetch.OPEN, r"ms-office|MSOffice|Microsoft (?:Office/|Outlook)|MacOutlook/"),
        ("outlook", Fetch.OPEN, r"Outlook-iOS"),
        ("thunderbird", Fetch.OPEN, r"Thunderbird/"),
        ("postbox", Fetch.OPEN, r"Postbox/"),
        ("lotus_notes", Fetch.OPEN, r"Lotus-Notes/"),
        ("airmail", Fetch.OPEN, r"\AAirmail "),
        ("superhuman", Fetch.OPEN, r"\ASuperhuman"),
        # Bare WebKit; the new Outlook for Windows says the same: warmbly#564
        ("apple_mail", Fetch.OPEN, r"AppleWebKit/[\d.]+ \(KHTML, like Gecko\)(?: Mobile/\w+)?\Z"),
        ("mailpit", Fetch.PREFETCH, r"\AMailpit"),  # its checks: axllent/mailpit 408b30d
        ("headless", Fetch.OPEN, r"HeadlessChrome/"),
        ("browser", Fetch.OPEN, r"\AMozilla/5\.0 .*(?:Chrome|Firefox|Safari|Edg)/"),
    )
)
"""In this order: the first whose pattern is found in the User-Agent is the client."""

_OTHER = "other"

FETCHERS = (*dict.fromkeys(client for client, _, _ in _FETCHERS), _OTHER)
"""The clients that a request may be told to come from; `other` where its headers tell none."""

# Browsers say so when nobody has asked for what they fetch yet.
_PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")


def fetched_by(request: PixelRequest) -> tuple[str, Fetch]:
    """The client that sent the request, one of `FETCHERS`, and how it fetched."""
    agent = request.header("user-agent") or ""
    told = ((client, fetch) for client, fetch, pattern in _FETCHERS if pattern.search(agent))
    client, fetch = next(told, (_OTHER, Fetch.OPEN))
    if request.method == "HEAD":
        return client, Fetch.HEAD
    purposes = (request.header(each) or "" for each in _PURPOSES)
    if any("prefetch" in each.lower() or "preview" in each.lower() for each in purposes):
        return client, Fetch.PREFETCH
    return client, fetch
