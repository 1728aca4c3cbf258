"""Models of mail clients: how each asks for the images of a mail, as far as anybody has told.

A model is the wire alone: which requests come, in which order, with which headers. Whether a
client would show the image at all (markup, blocked images, clipping) is not in it. The strings
are from public logs and test data: uap-core, keila, warmbly, gophish #1390, SparkPost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Fetch(StrEnum):
    """Why an image is asked for, and by whom; the value is that of `request: {fetch: …}`."""

    OPEN = "open"
    PREFETCH = "prefetch"
    PROXY = "proxy"
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for an image: what it is for, and its headers in wire order."""

    fetch: Fetch
    headers: tuple[tuple[str, str], ...]

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "HEAD" if self.fetch is Fetch.HEAD else "GET"


def _ask(fetch: Fetch, user_agent: str, *more: tuple[str, str]) -> Ask:
    return Ask(fetch, (("User-Agent", user_agent), *more))


_GMAIL = _ask(
    Fetch.PROXY,
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    ("Accept-Encoding", "gzip,deflate,br"),
)
# Asked for by Gmail while its app is open and a mail arrives; nobody has opened that mail yet.
_GMAIL_PREFETCH = _ask(
    Fetch.PREFETCH,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
)

CLIENTS: Mapping[str, tuple[Ask, ...]] = MappingProxyType(
    {
        "gmail": (_GMAIL,),
        "gmail_prefetch": (_GMAIL_PREFETCH, _GMAIL),  # the double load
        "yahoo": (
            _ask(
                Fetch.PROXY,
                "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
            ),
        ),
        # The new Outlook for Windows sends the same.
        "apple_mail": (
            _ask(
                Fetch.OPEN,
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko)",
            ),
        ),
        # Mail Privacy Protection loads every image when the mail arrives, read or not.
        "apple_privacy": (_ask(Fetch.PREFETCH, "Mozilla/5.0"),),
        "ios_mail": (
            _ask(
                Fetch.OPEN,
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko) Mobile/15E148",
            ),
        ),
        "outlook": (_ask(Fetch.OPEN, "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"),),
        "outlook_mac": (
            _ask(
                Fetch.OPEN,
                "MacOutlook/15.27.0.161010 (Intelx64 Mac OS X Version 10.11.6 (Build 15G1108))",
            ),
        ),
        "outlook_ios": (_ask(Fetch.OPEN, "Outlook-iOS/665.29827.prod.iphone (2.63.0)"),),
        "thunderbird": (
            _ask(
                Fetch.OPEN,
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.2.0",
            ),
        ),
        "hey": (
            _ask(
                Fetch.PROXY,
                "hey.com/imageproxy Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
                "(KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36",
            ),
        ),
        "fastmail": (_ask(Fetch.PROXY, "FastmailUA/1.0"),),
        "superhuman": (_ask(Fetch.OPEN, "Superhuman"),),
        "mailpit": (_ask(Fetch.HEAD, "Mailpit/1.27"),),  # its link check; nobody opens anything
    }
)
"""What `client:` may name, and the requests with which that client gets one image."""
