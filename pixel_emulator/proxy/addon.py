"""The door to mitmproxy: flows become requests for the journal, and answers of the core flows."""

import logging
import time
from datetime import UTC, datetime
from functools import lru_cache

from mitmproxy import connection, http, tls
from mitmproxy.net.http import status_codes
from mitmproxy.net.http.url import hostport

from pixel_emulator.config import Settings
from pixel_emulator.core.calls import Hit, Outcome, PixelRequest, PixelResponse
from pixel_emulator.core.endpoint.pixel import GIF, route
from pixel_emulator.journal import Journal
from pixel_emulator.proxy.hosts import folded
from pixel_emulator.proxy.locks import Locks
from pixel_emulator.proxy.unread import Unread

MITMPROXY = logging.getLogger("mitmproxy")
"""The logger of all that mitmproxy logs."""

_WITHHELD = frozenset({b"cookie", b"set-cookie", b"authorization", b"proxy-authorization"})
_SHORT = 200
"""Characters of a text that a flow's comment and metadata show at most."""

_MARKERS = {
    Outcome.DELIVERED: ":white_check_mark:",
    Outcome.DAMAGED: ":warning:",
    Outcome.DUPLICATE: ":repeat:",
    Outcome.DROPPED: ":x:",
    Outcome.UNHANDLED: ":grey_question:",
}
_ABANDONED = "The client disconnected during the handshake"  # so mitmproxy words it
_FALLBACK = PixelResponse(200, (("Content-Type", "image/gif"),), GIF)


class PixelEmulator:
    """Answers every request to an emulated host, once it is in the journal."""

    name = "pixel_emulator"

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.journal = journal
        self.locks = Locks(settings, journal)
        self._unread = Unread(self.locks, journal)
        # mitmproxy calls the hooks of these, too; the locks may keep some from those behind them.
        self.addons = [self._unread, self.locks]
        self._ended = False
        self._silent: dict[str, str] = {}  # clients after their handshake, before any request

    def client_connected(self, _client: connection.Client) -> None:
        self.journal.connected()

    def tls_failed_client(self, data: tls.TlsData) -> None:
        host = self.locks.tls_host_of(data.context)
        if host and data.ssl_conn:
            self._refused(host, abandoned=(data.conn.error or "").startswith(_ABANDONED))
        elif host and not self._ended:  # it was no TLS that we could read
            self.journal.unread()

    def tls_established_client(self, data: tls.TlsData) -> None:
        if host := self.locks.tls_host_of(data.context):
            self._silent[data.context.client.id] = host

    def client_disconnected(self, client: connection.Client) -> None:
        """Node and others finish the handshake before they refuse the certificate."""
        if host := self._silent.pop(client.id, None):
            self._refused(host, abandoned=True)

    def done(self) -> None:
        """From now on it is us who hang up."""
        if not self._ended:
            self._ended = True
            self._unread.end()

    def http_connect(self, flow: http.HTTPFlow) -> None:
        self._heard(flow.client_conn)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A request of ours is read to its end; mitmproxy would stream a large one upstream."""
        self._heard(flow.client_conn)
        if self.locks.host_of(flow):
            flow.request.stream = False

    def request(self, flow: http.HTTPFlow) -> None:
        """Answer, then record: the bytes leave only when this hook has returned.

        A flow that was loaded from a file has its answer already, and is recorded only.
        """
        host = self.locks.host_of(flow)
        if host is None or flow.error:
            return
        answering = flow.live and flow.response is None
        if answering:
            flow.response = answer(_FALLBACK)  # whatever fails from here on, nothing leaks
        request = request_of(flow, host)
        if answering:
            flow.response = answer(route(request.method, request.path).response, request.method)
        made = None if flow.live else datetime.fromtimestamp(flow.request.timestamp_start, UTC)
        annotate(flow, self.journal.record(request, made))

    def _refused(self, host: str, *, abandoned: bool) -> None:
        if not self._ended:
            self.journal.handshake_refused(host, abandoned=abandoned)

    def _heard(self, client: connection.Client) -> None:
        if host := self._silent.pop(client.id, None):
            self.journal.reached(host)


class FailureHandler(logging.Handler):
    """Takes what mitmproxy logs as an error, such as an exception in a hook, to the journal."""

    PREFIX = "mitmproxy: "

    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.ERROR)
        self._journal = journal

    def install(self) -> None:
        MITMPROXY.addHandler(self)

    def uninstall(self) -> None:
        MITMPROXY.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        cause = f" ({error!r})" if error else ""
        self._journal.fail(f"{self.PREFIX}{record.getMessage()}{cause}")


def request_of(flow: http.HTTPFlow, host: str) -> PixelRequest:
    """The request of a flow as it stood on the wire, without cookies and credentials.

    `host` is the one that it means; the Host header is taken only where it says the same.
    """
    request, wire, peer = flow.request, flow.request.data, flow.client_conn.peername
    written = request.host_header if folded(request.pretty_host) == host else None
    return PixelRequest(
        target=wire.path,
        method=wire.method.decode("latin-1"),
        scheme=request.scheme,
        host=_storable(written or hostport(request.scheme, host, request.port)),
        http_version=request.http_version,
        headers=tuple(
            _header(name, value)
            for name, value in wire.headers.fields
            if name.lower() not in _WITHHELD
        ),
        client=peer[0] if peer else "",
    )


@lru_cache(maxsize=1024)  # clients repeat themselves, and the journal keeps every request
def _header(name: bytes, value: bytes) -> tuple[str, str]:
    return name.decode("latin-1").lower(), value.decode("latin-1")


def answer(response: PixelResponse, method: str = "GET") -> http.Response:
    """The core's answer as mitmproxy's; for HEAD without its body, which mitmproxy would send."""
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    if response.status != 204:  # RFC 9110, 8.6
        headers.append((b"Content-Length", b"%d" % len(response.body)))
    now = time.time()
    return http.Response(
        b"HTTP/1.1",
        response.status,
        status_codes.RESPONSES.get(response.status, "").encode(),
        http.Headers(headers),
        b"" if method == "HEAD" else response.body,
        None,
        now,
        now,
    )


def annotate(flow: http.HTTPFlow, hit: Hit) -> None:
    """Say on the flow what became of it: a comment, a marker, and `pixel.*` for `~meta`."""
    call = hit.call
    payload = (call.payload if call else None) or {}
    facts = {
        "outcome": hit.outcome.value,
        "seq": hit.seq,
        "type": call.type.value if call else None,
        "form": call.form.value if call else None,
        "event": payload.get("event"),
        "name": payload.get("name"),
        "user_id": payload.get("userId"),
        "anonymous_id": payload.get("anonymousId"),
        "source": hit.source,
        "problems": " ".join(problem.code for problem in hit.problems),
    }
    for name, value in facts.items():
        if isinstance(value, str | int) and value != "":
            flow.metadata[f"pixel.{name}"] = _short(value) if isinstance(value, str) else value
    named = (facts["type"], facts["event"] or facts["name"])
    what = " ".join(_short(each) for each in named if isinstance(each, str))
    parts = (what, hit.outcome.value, facts["problems"])
    flow.comment = " · ".join(str(part) for part in parts if part)
    flow.marked = _MARKERS[hit.outcome]


def _short(value: str) -> str:
    return _storable(value if len(value) <= _SHORT else f"{value[:_SHORT]}…")


def _storable(value: str) -> str:
    """The text without lone surrogates, which no file takes."""
    return value.encode(errors="backslashreplace").decode()
