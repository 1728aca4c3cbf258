"""The layer in the place of mitmproxy's HttpLayer, until a request needs that one."""

from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer, layers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HTTPMode

from pixel_emulator.proxy.convert import serialize_responses
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.request_reader import (
    CONNECT_ESTABLISHED,
    ConnectRequest,
    HeadTemplates,
    Next,
    ReadResult,
    RequestReader,
    is_get_or_head,
)
from pixel_emulator.proxy.journal_routing import Responder


@dataclass
class Resume(events.Event):
    """A swapped protocol (see `protocol_swap`) ends: go on with `then`."""

    then: Next


def no_swap(_layer: "FastPathLayer") -> None:
    """Keep the protocol of the connection."""


class FastPathLayer(layer.Layer):
    """Answers plain requests to emulated hosts, and a CONNECT to one.

    Everything else goes to a mitmproxy HttpLayer, from the first byte of its head to the end of the
    connection; if HTTP was a guess, mitmproxy guesses again. `unread` holds what was received of an
    incomplete head; `child` is the layer that has taken over, or None.
    """

    def __init__(
        self,
        context: Context,
        *,
        guard: EgressGuard,
        respond: Responder,
        on_request: Callable[[connection.Client, str], None],
        swap: "Callable[[FastPathLayer], None]" = no_swap,
        make_http: Callable[[Context, HTTPMode], layer.Layer] = layers.HttpLayer,
        make_tunnel: Callable[[Context], layer.Layer] = layer.NextLayer,
        is_guess: bool = False,
        templates: HeadTemplates | None = None,
    ) -> None:
        super().__init__(context)
        self.unread = b""
        self.child: layer.Layer | None = None
        self._closed = False
        self._guard = guard
        self._respond = respond
        self._on_request = on_request
        self._swap = swap
        self._make_http = make_http
        self._make_tunnel = make_tunnel
        self._is_guess = is_guess  # until the first plain request
        self._reader = RequestReader(context, guard, {} if templates is None else templates)

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
            yield from self._proceed(event.then)
        elif isinstance(event, events.ConnectionClosed) and event.connection is client:
            yield commands.CloseConnection(client)
        else:
            yield from self._hand_over()
            yield from self._handle_event(event)

    def parse(self, data: bytes) -> ReadResult:
        """Parse bytes of the client; the caller has to answer the plain requests in them."""
        result = self._reader.read(self.unread + data if self.unread else data)
        self.unread = result.rest
        if result.requests:
            self._is_guess = False
            self._on_request(self.context.client, "")
        return result

    def _read(self, data: bytes) -> layer.CommandGenerator[None]:
        client, result = self.context.client, self.parse(data)
        if result.requests:
            responses = self._respond([(client, request) for request in result.requests])
            yield commands.SendData(client, serialize_responses(result.requests, responses))
            if result.next is Next.WAIT:
                self._swap(self)
        yield from self._proceed(result.next)

    def _proceed(self, then: Next) -> layer.CommandGenerator[None]:
        client = self.context.client
        if then is Next.CLOSE:
            self._closed = True
            yield commands.CloseConnection(client)
        elif then is Next.HAND_OVER:
            connect = None if self.context.server.address else ConnectRequest.read(self.unread)
            if connect and self._guard.terminate_tunnel(client, connect.host, connect.port):
                yield from self._open_tunnel(connect)
            else:
                yield from self._hand_over()

    def _open_tunnel(self, connect: ConnectRequest) -> layer.CommandGenerator[None]:
        client = self.context.client
        self._on_request(client, connect.user_agent)
        self.context.server.address = (connect.host, connect.port)
        yield commands.SendData(client, CONNECT_ESTABLISHED)
        yield from self._delegate(self._make_tunnel(self.context), connect.rest)

    def _hand_over(self) -> layer.CommandGenerator[None]:
        """Let mitmproxy handle the connection from the first unread byte."""
        self.context.layers.remove(self)  # an HttpStream looks for its HttpLayer above itself
        yield from self._delegate(self._mitmproxy_layer(), self.unread)

    def _mitmproxy_layer(self) -> layer.Layer:
        if self.context.server.address is None:
            return self._make_http(self.context, HTTPMode.regular)
        if self._is_guess and not self.context.client.alpn and not is_get_or_head(self.unread):
            return layer.NextLayer(self.context)
        return self._make_http(self.context, HTTPMode.transparent)

    def _delegate(self, child: layer.Layer, data: bytes) -> layer.CommandGenerator[None]:
        self.child, self.unread = child, b""
        self._handle_event = child.handle_event  # type: ignore[method-assign] # as mitmproxy does
        yield from child.handle_event(events.Start())
        if data:
            yield from child.handle_event(events.DataReceived(self.context.client, data))
