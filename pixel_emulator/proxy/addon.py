"""The mitmproxy addon: records the requests of flows and sets their responses."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from mitmproxy import connection, http

from pixel_emulator.core.model import Exchange, Outcome
from pixel_emulator.proxy.bodies import with_wanted_parts
from pixel_emulator.proxy.convert import FALLBACK, escape_surrogates, http_response, request_of
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.handshakes import Handshakes
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

MITMPROXY_LOGGER = logging.getLogger("mitmproxy")
"""The parent of all of mitmproxy's loggers."""

_MAX_SHOWN = 200
"""Characters of a text in a flow's comment and metadata."""

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
    """Answers every request to an emulated host after it is in the journal."""

    name = "pixel_emulator"

    def __init__(
        self, settings: Settings, journal: Journal, sessions: JournalRouting | None = None
    ) -> None:
        self.journal = journal
        self.journals = sessions or SingleJournal(journal)
        self.guard = EgressGuard(settings, journal, self.journals)
        self.respond = JournalResponder(self.journals)
        self.handshakes = Handshakes(self.guard, self.journals)
        self.http1 = Http1(self.guard, self.respond, self.handshakes.on_request)
        self._unparsed = UnparsedBytes(self.guard, self.journals, self.handshakes.on_request)
        # mitmproxy calls the hooks of these, too; the guard can halt a hook for those after it.
        self.addons = [self._unparsed, self.guard, self.handshakes]
        self._is_done = False

    def client_connected(self, client: connection.Client) -> None:
        self.journals.journal_for(client).connected()

    def done(self) -> None:
        """Report no gaps from now on: it is the emulator that disconnects."""
        if not self._is_done:
            self._is_done = True
            self._unparsed.stop()
            self.handshakes.stop()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Read a request to an emulated host to its end: mitmproxy streams large ones upstream."""
        self.handshakes.on_request(flow.client_conn)
        if self.guard.host_of(flow):
            flow.request.stream = False

    def request(self, flow: http.HTTPFlow) -> None:
        """Record a request, and set its response, which is sent after this hook has returned.

        A flow from a file already has its response, and is only recorded; one that was aborted
        before its response is no call, but a gap.
        """
        host = self.guard.host_of(flow)
        if host is None or (flow.live and flow.error):
            return
        if not flow.live and not _was_answered(flow):
            self.journals.journal_for(flow.client_conn).interrupted(_ABORTED.format(host))
            return
        answering = flow.live and flow.response is None
        if answering:
            flow.response = http_response(FALLBACK)  # nothing leaks if anything fails from here on
        routed = self.journals.route(request_of(flow, host), flow.client_conn)
        request, gap = with_wanted_parts(routed.request, flow.request)
        if gap and routed.journal:
            routed.journal.interrupted(gap)
        routed = replace(routed, request=request)
        time = None if flow.live else datetime.fromtimestamp(flow.request.timestamp_start, UTC)
        [(exchange, response)] = record_all(routed.journal, [routed], time)
        if answering:
            flow.response = http_response(response, routed.request.method)
        if exchange:
            annotate(flow, exchange)


def _was_answered(flow: http.HTTPFlow) -> bool:
    """Return True if a flow from a file has a response: browsers write status -1 or 0 for none."""
    return flow.response is not None and flow.response.status_code > 0


class FailureHandler(logging.Handler):
    """Reports to the journal what mitmproxy logs as an error, such as an exception in a hook."""

    PREFIX = "mitmproxy: "

    def __init__(self, journal: Journal | Sessions) -> None:
        super().__init__(logging.ERROR)
        self._journal = journal

    def install(self) -> None:
        MITMPROXY_LOGGER.addHandler(self)

    def uninstall(self) -> None:
        MITMPROXY_LOGGER.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        cause = f" ({error!r})" if error else ""
        self._journal.fail(f"{self.PREFIX}{record.getMessage()}{cause}")


def annotate(flow: http.HTTPFlow, exchange: Exchange) -> None:
    """Set the comment, the marker and the metadata `pixel.*` (for `~meta`) of a recorded flow.

    The metadata of several calls are joined by spaces; the marker is that of the worst outcome.
    """
    facts: dict[str, list[str | int]] = {}
    titles = []
    for hit in exchange.hits:
        call = hit.call
        payload = (call.payload if call else None) or {}
        problems = " ".join(problem.code for problem in hit.problems)
        values = {
            "outcome": hit.outcome.value,
            "seq": hit.seq,
            "type": call.type.value if call else None,
            "form": call.form.value if call else None,
            "event": payload.get("event"),
            "name": payload.get("name"),
            "user_id": payload.get("userId"),
            "anonymous_id": payload.get("anonymousId"),
            "source": hit.source,
            "problems": problems,
        }
        for name, value in values.items():
            if isinstance(value, str | int) and value != "":
                facts.setdefault(name, []).append(value)
        names = (values["type"], values["event"] or values["name"])
        title = " ".join(_short(name) for name in names if isinstance(name, str))
        titles.append(" · ".join(filter(None, (title, hit.outcome.value, problems))))
    for name, known in facts.items():
        only = known[0] if len(known) == 1 else " ".join(map(str, known))
        flow.metadata[f"pixel.{name}"] = _short(only) if isinstance(only, str) else only
    flow.comment = _short(" | ".join(titles)) if len(titles) > 1 else titles[0]
    flow.marked = _MARKERS[max(exchange.outcomes, key=[*_MARKERS].index)]


def _short(value: str) -> str:
    return escape_surrogates(value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}…")
