"""The calls that are sent, each of another user, with about 25 values.

They have no messageId, as none of the real ones in `tests/cases/pixel_urls.tsv` has.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Safari/537.36",
    "Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.9",
    "Accept-Encoding": "gzip, deflate, br",
    "Sec-Fetch-Dest": "image",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Site": "cross-site",
}
"""Headers of a browser's request for an image."""

# Base64 writes three bytes as four letters. A number of nine digits that begins where three bytes
# begin is three entries of a table, so that a new call costs its sender next to nothing.
_BEFORE = '{"anonymousId":"v-'
_BETWEEN = '","userId":"usr'
DIGITS = tuple(b64encode(f"{number:03}".encode()).decode() for number in range(1000))


@dataclass(frozen=True, slots=True)
class Template:
    """A request without the number of its call, which occurs in it twice."""

    before: str
    between: str
    after: str

    def request(self, number: int) -> bytes:
        """Return the request of this number (less than 10**9), as bytes on the wire."""
        thousands, ones = divmod(number, 1000)
        millions, thousands = divmod(thousands, 1000)
        digits = DIGITS[millions] + DIGITS[thousands] + DIGITS[ones]
        return f"{self.before}{digits}{self.between}{digits}{self.after}".encode()

    def requests(self, first: int) -> Iterator[bytes]:
        """Yield requests without end, from this number on."""
        while True:
            yield self.request(first)
            first += 1


def template(host: str) -> Template:
    """Return the template of a browser's calls to a host."""
    rest = {
        "writeKey": "wk_test_00000000000000000000",
        "event": "Email Opened",
        "properties": {f"key_{n}": f"value {n} of this call" for n in range(14)},
        "context": {
            "traits": {"email": "a@example.com"},
            "campaign": {"name": "spring", "source": "newsletter"},
            "app": {"name": "mailer", "version": "1.2.3"},
        },
    }
    end = b64encode(('",' + json.dumps(rest)[1:]).encode()).decode().rstrip("=")
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": host, **HEADERS}.items())
    return Template(
        f"GET /v1/pixel/track?data={_whole(_BEFORE)}",
        _whole(_BETWEEN),
        f"{end.translate({ord('+'): '-', ord('/'): '_'})} HTTP/1.1\r\n{lines}\r\n",
    )


def _whole(text: str) -> str:
    return b64encode(text.encode()).decode()
