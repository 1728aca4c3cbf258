"""Which journal a client's requests go to, and the recording of requests there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from mitmproxy import connection
from mitmproxy.addonmanager import safecall

from pixel_emulator.core.endpoint.routes import route_of
from pixel_emulator.core.model import Exchange, HttpRequest, HttpResponse
from pixel_emulator.proxy.convert import FALLBACK
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.sessions import RoutedRequest


class JournalRouting(Protocol):
    """Chooses the journal of each client and request; see `sessions.Sessions`."""

    def journal_for(self, client: connection.Client) -> Journal:
        """Return the journal for a client's events that are no requests."""

    def route(self, request: HttpRequest, client: connection.Client) -> RoutedRequest:
        """Return a request with the journal that it belongs to."""

    def first_bytes(self, client: connection.Client, start: bytes) -> None:
        """Take the first bytes of a connection."""

    def disconnected(self, client: connection.Client) -> None:
        """Forget a client that has disconnected."""


@dataclass(frozen=True, slots=True)
class SingleJournal:
    """The routing without sessions: every request goes to one journal."""

    journal: Journal

    def journal_for(self, _client: connection.Client) -> Journal:
        """Return the one journal."""
        return self.journal

    def route(self, request: HttpRequest, _client: connection.Client) -> RoutedRequest:
        """Return the request unchanged, with the one journal."""
        return RoutedRequest(self.journal, request)

    def first_bytes(self, _client: connection.Client, _start: bytes) -> None:
        """Ignore the bytes."""

    def disconnected(self, _client: connection.Client) -> None:
        """Do nothing: no client is remembered."""


def record_all(
    journal: Journal | None, routed: Sequence[RoutedRequest], time: datetime | None = None
) -> Sequence[tuple[Exchange | None, HttpResponse]]:
    """Record requests of one journal together; return the exchange and the response of each.

    Without a journal nothing is recorded, and there are no exchanges.
    """
    if journal is None:
        return [(None, one.response or route_of(one.request).response) for one in routed]
    return journal.record_all([one.request for one in routed], time)


type ClientRequest = tuple[connection.Client, HttpRequest]
type Responder = Callable[[Sequence[ClientRequest]], Sequence[HttpResponse]]
"""Records requests together and returns the response to each."""


class JournalResponder:
    """Records requests in their journals. A failure is logged, and answered with the GIF."""

    def __init__(self, journals: JournalRouting) -> None:
        self._journals = journals

    def __call__(self, requests: Sequence[ClientRequest]) -> list[HttpResponse]:
        responses: list[HttpResponse] = []
        with safecall():  # logs exceptions as for a hook: `FailureHandler` gets them
            routed = [self._journals.route(request, client) for client, request in requests]
            for journal, group in groupby(routed, key=attrgetter("journal")):
                responses += [response for _, response in record_all(journal, [*group])]
        return responses + [FALLBACK] * (len(requests) - len(responses))
