"""Which journal a client means: with sessions one of many, without them always the same."""

from dataclasses import dataclass
from typing import Protocol

from mitmproxy import connection

from pixel_emulator.core.model import PixelRequest
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.sessions import RoutedRequest


class JournalRouting(Protocol):
    """See `sessions.Sessions`."""

    def of(self, client: connection.Client) -> Journal:
        """The journal for what a client does without a request."""

    def landing(self, request: PixelRequest, client: connection.Client) -> RoutedRequest:
        """Where a request belongs."""

    def said(self, client: connection.Client, start: bytes) -> None:
        """What a client begins with."""

    def disconnected(self, client: connection.Client) -> None:
        """A client has gone; nothing is asked about it any more."""


@dataclass(frozen=True, slots=True)
class SingleJournal:
    """The only journal."""

    journal: Journal

    def of(self, _client: connection.Client) -> Journal:
        """This one."""
        return self.journal

    def landing(self, request: PixelRequest, _client: connection.Client) -> RoutedRequest:
        """In this one, as it is."""
        return RoutedRequest(self.journal, request)

    def said(self, _client: connection.Client, _start: bytes) -> None:
        """It makes no difference."""

    def disconnected(self, _client: connection.Client) -> None:
        """Nothing is known of it."""
