"""The door to mitmproxy: flows become requests for the journal, and answers of the core flows."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from mitmproxy import connection, contentviews, http

from pixel_emulator.core.endpoint.pixel import route
from pixel_emulator.core.model import Dialect, Hit, Outcome, Payload
from pixel_emulator.core.problems.classify import classify
from pixel_emulator.core.text.yaml_writer import flatten_deep, write
from pixel_emulator.proxy.convert import FALLBACK, answer, request_of, storable
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.handshakes import Handshakes
from pixel_emulator.proxy.hosts import folded
from pixel_emulator.proxy.http1 import Http1
from pixel_emulator.proxy.journal_routing import (
    JournalResponder,
    JournalRouting,
    SingleJournal,
    record_all,
)
from pixel_emulator.proxy.unparsed import UnparsedBytes
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.sessions import Sessions
from pixel_emulator.runtime.settings import Settings

MITMPROXY = logging.getLogger("mitmproxy")
"""The logger of all that mitmproxy logs."""

_SHORT = 200
"""Characters of a text that a flow's comment and metadata show at most."""

_MARKERS = {
    Outcome.DELIVERED: ":white_check_mark:",
    Outcome.DAMAGED: ":warning:",
    Outcome.DUPLICATE: ":repeat:",
    Outcome.DROPPED: ":x:",
    Outcome.UNHANDLED: ":grey_question:",
}
_ABORTED = (
    "a request for {} was aborted before it had an answer: it is left out, and whether Segment got "
    "it is unknown"
)


class PixelEmulator:
    """Answers every request to an emulated host, once it is in the journal."""

    name = "pixel_emulator"

    def __init__(
        self, settings: Settings, journal: Journal, sessions: JournalRouting | None = None
    ) -> None:
        self.journal = journal
        self.journals = sessions or SingleJournal(journal)
        self.locks = EgressGuard(settings, journal, self.journals)
        self.respond = JournalResponder(self.journals)
        self.handshakes = Handshakes(self.locks, self.journals)
        self.http1 = Http1(self.locks, self.respond, self.handshakes.heard)
        self._unread = UnparsedBytes(self.locks, self.journals, self.handshakes.heard)
        # mitmproxy calls the hooks of these, too; the locks may keep some from those behind them.
        self.addons = [self._unread, self.locks, self.handshakes]
        self._ended = False

    def client_connected(self, client: connection.Client) -> None:
        self.journals.journal_for(client).connected()

    def done(self) -> None:
        """From now on it is us who hang up."""
        if not self._ended:
            self._ended = True
            self._unread.end()
            self.handshakes.end()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A request of ours is read to its end; mitmproxy would stream a large one upstream."""
        self.handshakes.heard(flow.client_conn)
        if self.locks.host_of(flow):
            flow.request.stream = False

    def request(self, flow: http.HTTPFlow) -> None:
        """Record a request, and set its response, which is sent after this hook has returned.

        A flow that was loaded from a file has its answer already, and is recorded only; one that
        was aborted before its answer is no call, but a gap.
        """
        host = self.locks.host_of(flow)
        if host is None or (flow.live and flow.error):
            return
        if not flow.live and not _was_answered(flow):
            self.journals.journal_for(flow.client_conn).interrupted(_ABORTED.format(host))
            return
        answering = flow.live and flow.response is None
        if answering:
            flow.response = answer(FALLBACK)  # whatever fails from here on, nothing leaks
        routed = self.journals.route(request_of(flow, host), flow.client_conn)
        made = None if flow.live else datetime.fromtimestamp(flow.request.timestamp_start, UTC)
        [(hit, response)] = record_all(routed.journal, [routed.request], made)
        if answering:
            flow.response = answer(response, routed.request.method)
        if hit:
            annotate(flow, hit)


def _was_answered(flow: http.HTTPFlow) -> bool:
    """Whether a flow from a file has an answer; browsers write one with status -1 or 0 if not."""
    return flow.response is not None and flow.response.status_code > 0


class FailureHandler(logging.Handler):
    """Takes what mitmproxy logs as an error, such as an exception in a hook, to the journal."""

    PREFIX = "mitmproxy: "

    def __init__(self, journal: Journal | Sessions) -> None:
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
    return storable(value if len(value) <= _SHORT else f"{value[:_SHORT]}…")


class SegmentPixel(contentviews.Contentview):
    """Shows a pixel call as YAML, beside its request and beside the GIF."""

    name = "Segment Pixel"
    syntax_highlight = "yaml"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def prettify(self, _data: bytes, metadata: contentviews.Metadata) -> str:
        """Judge the flow's request by itself; raises ValueError where there is none."""
        flow = _pixel_flow(metadata)
        if flow is None:
            raise ValueError("not a pixel request")
        settings = self._settings()
        request = request_of(flow, folded(flow.request.pretty_host))
        judgement = classify(request, Dialect(settings.dialect), settings.sources())
        call = judgement.call
        shown: Payload = {
            "type": call.type.value if call else None,
            "outcome": judgement.outcome.value,
            "form": call.form.value if call else None,
            "problems": [each.as_data() for each in judgement.problems],
            "payload": flatten_deep(call.payload) if call else None,
        }
        return write(shown)

    def render_priority(self, _data: bytes, metadata: contentviews.Metadata) -> float:
        """Above all of mitmproxy's own views for pixel calls, else never."""
        return 2 if _pixel_flow(metadata) else -1


def _pixel_flow(metadata: contentviews.Metadata) -> http.HTTPFlow | None:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return None
    path = flow.request.data.path.partition(b"?")[0]
    return flow if route(flow.request.method, path).type else None
