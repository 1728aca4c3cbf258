"""A small site whose pages send pixels, for tests with browsers."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

KEY = "wk_test_0000000000000000"


def url(event: str, user: str = "user_1") -> str:
    """Return a pixel URL without a mistake."""
    call = json.dumps({"writeKey": KEY, "userId": user, "event": event}).encode()
    data = base64.urlsafe_b64encode(call).decode().rstrip("=")
    return f"https://api.segment.io/v1/pixel/track?data={data}"


def img(event: str, user: str = "user_1") -> str:
    """Return an image with such a URL."""
    return f'<img src="{url(event, user)}" alt="">'


PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "/empty": ("<p>nothing", {}),
    "/signup": (f"<title>signup</title>{img('Signed Up')}", {}),
    "/another-user": (img("Signed Up", "user_2"), {}),
    "/later": (
        f"<button onclick=\"new Image().src = '{url('Clicked')}'\">Click</button>",
        {},
    ),
    "/many": (
        "<iframe src='/frame'></iframe><script>open('/popup'); new Worker('/worker.js')</script>",
        {},
    ),
    "/frame": (img("Frame"), {}),
    "/popup": (img("Popup"), {}),
    "/worker.js": (
        f"fetch('{url('Worker')}', {{mode: 'no-cors'}})",
        {"Content-Type": "text/javascript"},
    ),
    "/forbidden": (img("Forbidden"), {"Content-Security-Policy": "img-src 'none'"}),
    "/redirecting": ('<img src="/opened" alt="">', {}),
    "/opened": ("", {"Location": url("Redirected")}),
    "/serviced": (
        "<script>navigator.serviceWorker.register('/service.js')</script>",
        {},
    ),
    "/service.js": (
        f"addEventListener('activate', () => fetch('{url('Serviced')}', {{mode: 'no-cors'}}))",
        {"Content-Type": "text/javascript"},
    ),
}
"""Each page: its text, and its headers beyond the usual ones."""


@contextmanager
def site() -> Iterator[str]:
    """Serve the site on a free port; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text, headers = PAGES.get(self.path, ("", {}))
        self.send_response(302 if "Location" in headers else 200 if text else 404)
        for name, value in {"Content-Type": "text/html", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""
