"""The layer that stands where mitmproxy's HttpLayer would, until somebody needs that one."""

from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import connection
from mitmproxy.proxy import commands, context, events, layer, layers
from mitmproxy.proxy.layers.http import HTTPMode

from pixel_emulator.proxy.convert import on_the_wire
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.request_reader import (
    ESTABLISHED,
    Batch,
    Connect,
    HeadTemplates,
    Next,
    RequestReader,
    is_plain,
)
from pixel_emulator.proxy.journal_routing import Responder


@dataclass
class Resume(events.Event):
    """What a fast path layer was told without mitmproxy's knowing has come to an end."""

    then: Next


def stay(_fast_path: "FastPathLayer") -> None:
    """Where there is nothing to board."""


class FastPathLayer(layer.Layer):
    """Answers plain requests to emulated hosts, and a CONNECT to one.

    Everything else goes to an HttpLayer of mitmproxy's, from the first byte of its head to the
    end of the connection; if that this is HTTP was a guess, mitmproxy guesses again. `unread` holds
    what was read of a head that is not complete; `child` is the layer that has taken over.
    """

    def __init__(
        self,
        place: context.Context,
        *,
        locks: EgressGuard,
        respond: Responder,
        heard: Callable[[connection.Client, str], None],
        board: "Callable[[FastPathLayer], None]" = stay,
        http: Callable[[context.Context, HTTPMode], layer.Layer] = layers.HttpLayer,
        tunnel: Callable[[context.Context], layer.Layer] = layer.NextLayer,
        is_guess: bool = False,
        known: HeadTemplates | None = None,
    ) -> None:
        super().__init__(place)
        self.unread = b""
        self.child: layer.Layer | None = None
        self._closed = False
        self._locks = locks
        self._respond = respond
        self._heard = heard
        self._board = board
        self._http = http
        self._tunnel = tunnel
        self._is_guess = is_guess  # until the first plain request
        self._reader = RequestReader(place, locks, {} if known is None else known)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        client = self.context.client
        if self._closed:
            return
        if isinstance(event, events.Start):
            if client.alpn == b"h2":
                yield from self._hand_over()
        elif isinstance(event, events.DataReceived) and event.connection is client:
            yield from self._read(event.data)
        elif isinstance(event, Resume):
            yield from self._go_on(event.then)
        elif isinstance(event, events.ConnectionClosed) and event.connection is client:
            yield commands.CloseConnection(client)
        else:
            yield from self._hand_over()
            yield from self._handle_event(event)

    def take(self, data: bytes) -> Batch:
        """Take what a client says: the plain requests in it are to be answered next."""
        batch = self._reader.read(self.unread + data if self.unread else data)
        self.unread = batch.rest
        if batch.requests:
            self._is_guess = False
            self._heard(self.context.client, "")
        return batch

    def _read(self, data: bytes) -> layer.CommandGenerator[None]:
        client, batch = self.context.client, self.take(data)
        if batch.requests:
            responses = self._respond([(client, request) for request in batch.requests])
            yield commands.SendData(client, on_the_wire(batch.requests, responses))
            if batch.next is Next.WAIT:
                self._board(self)
        yield from self._go_on(batch.next)

    def _go_on(self, then: Next) -> layer.CommandGenerator[None]:
        client = self.context.client
        if then is Next.CLOSE:
            self._closed = True
            yield commands.CloseConnection(client)
        elif then is Next.HAND_OVER:
            asked = None if self.context.server.address else Connect.read(self.unread)
            if asked and self._locks.end_tunnel(client, asked.host, asked.port):
                yield from self._open_tunnel(asked)
            else:
                yield from self._hand_over()

    def _open_tunnel(self, asked: Connect) -> layer.CommandGenerator[None]:
        client = self.context.client
        self._heard(client, asked.agent)
        self.context.server.address = (asked.host, asked.port)
        yield commands.SendData(client, ESTABLISHED)
        yield from self._become(self._tunnel(self.context), asked.said)

    def _hand_over(self) -> layer.CommandGenerator[None]:
        """Let mitmproxy go on as it would have begun."""
        self.context.layers.remove(self)  # an HttpStream looks for its HttpLayer above itself
        yield from self._become(self._theirs(), self.unread)

    def _theirs(self) -> layer.Layer:
        if self.context.server.address is None:
            return self._http(self.context, HTTPMode.regular)
        if self._is_guess and not self.context.client.alpn and not is_plain(self.unread):
            return layer.NextLayer(self.context)
        return self._http(self.context, HTTPMode.transparent)

    def _become(self, child: layer.Layer, said: bytes) -> layer.CommandGenerator[None]:
        self.child, self.unread = child, b""
        self._handle_event = child.handle_event  # type: ignore[method-assign] # as mitmproxy does
        yield from child.handle_event(events.Start())
        if said:
            yield from child.handle_event(events.DataReceived(self.context.client, said))
