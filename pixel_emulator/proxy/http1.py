"""mitmproxy's HTTP/1 towards clients, with what a test double needs beside it."""

import re
from collections.abc import Callable

from h11._receivebuffer import ReceiveBuffer
from mitmproxy import connection, http
from mitmproxy.proxy import commands, context, events, layer, layers
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Server, make_error_response

from pixel_emulator.proxy.convert import on_the_wire
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.request_reader import HeadTemplates, RequestReader
from pixel_emulator.proxy.journal_routing import Responder

LARGEST_HEAD = 1_048_576
"""Bytes of a head, or of the frame of a body, that is not complete; mitmproxy has no limit.

It is more than servers take: an Application Load Balancer of AWS reads 64 kB.
"""

_REQUEST = re.compile(rb"[A-Z]{3,20}(?: |\Z)")

_TOO_LARGE = f"more than {LARGEST_HEAD:,} bytes came, and the head of the request is not complete"


class Http1:
    """An addon that has `PixelHttp1Server` stand where mitmproxy would put its own.

    It has to stand behind NextLayer.
    """

    name = "pixel_emulator_http1"

    def __init__(
        self, locks: EgressGuard, respond: Responder, heard: Callable[[connection.Client], None]
    ) -> None:
        self.locks = locks
        self._respond = respond
        self._heard = heard
        self._known: HeadTemplates = {}

    def next_layer(self, data: layer.NextLayer) -> None:
        """Equip the HTTP layer that was chosen, if it was one."""
        chosen = data.layer
        if isinstance(chosen, layers.ClientTLSLayer):
            # Which HTTP it will be is agreed on later, but for a proxy: that speaks HTTP/1.
            is_proxy = isinstance(chosen.context.layers[0], modes.HttpProxy)
            chosen = chosen.child_layer if is_proxy else None
        if isinstance(chosen, layers.TCPLayer) and self._is_request(data):
            # Of a line that is not complete mitmproxy cannot see that it is one of HTTP.
            data.context.layers.remove(chosen)
            data.layer = chosen = layers.HttpLayer(data.context, HTTPMode.transparent)
        if isinstance(chosen, layers.HttpLayer) and chosen.context.client.alpn != b"h2":
            self._equip(chosen)

    def _is_request(self, data: layer.NextLayer) -> bool:
        start: bytes = data.data_client()
        return self.locks.terminates_here(data.context.client) and bool(_REQUEST.match(start))

    def layer(self, place: context.Context, mode: HTTPMode) -> layers.HttpLayer:
        """Return the HTTP layer for a place that a client has come to."""
        made = layers.HttpLayer(place, mode)
        if place.client.alpn != b"h2":
            self._equip(made)
        return made

    def refuse_spaced(self, place: context.Context, data: bytes) -> tuple[bytes, bytes] | None:
        """Record the request that `data` begins with, if a raw space stands in its target.

        Returns the answer, and the bytes behind the request.
        """
        request, rest = RequestReader(place, self.locks, self._known).read_spaced(data)
        if request is None:
            return None
        self._heard(place.client)
        return on_the_wire([request], self._respond([(place.client, request)])), rest

    def _equip(self, made: layers.HttpLayer) -> None:
        client = made.context.client
        made.connections[client] = PixelHttp1Server(made.context.fork(), self)


class PixelHttp1Server(Http1Server):
    """Hears a client out, keeps to `LARGEST_HEAD`, and knows a raw space in a target.

    mitmproxy drops the request that a client ends its connection with, as long as it is not
    answered, and tells nobody of a request line that it cannot read.
    """

    is_refused = False
    """Whether the last request was answered 400, and is known all the same."""

    is_too_large = False

    def __init__(self, place: context.Context, http1: Http1) -> None:
        super().__init__(place)
        self._http1 = http1
        self._end: events.ConnectionClosed | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.is_too_large and not isinstance(event, HttpEvent):
            if isinstance(event, events.ConnectionClosed):
                yield commands.CloseConnection(self.conn)
            return
        yield from super()._handle_event(event)
        if len(self.buf) > LARGEST_HEAD and self.state in (self.read_headers, self.read_body):
            yield from self._refuse()

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read a head, if it is complete."""
        # Only with a new line: a copy at each byte of a long one would cost its length squared.
        ends_a_line = isinstance(event, events.DataReceived) and b"\n" in (event.data or b"\n")
        if ends_a_line and (refused := self._http1.refuse_spaced(self.context, bytes(self.buf))):
            answer, rest = refused
            self.is_refused = True
            self._keep(rest)
            self.state = self.done
            yield commands.SendData(self.conn, answer)
            yield commands.CloseConnection(self.conn)
        else:
            yield from super().read_headers(event)

    def wait(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Wait for an answer to go out; a client that ends meanwhile has still asked."""
        if isinstance(event, events.ConnectionClosed) and self._is_ours():
            self._end = event
        else:
            yield from super().wait(event)

    def mark_done(
        self, *, request: bool = False, response: bool = False
    ) -> layer.CommandGenerator[None]:
        """Go on to the next request, and to the end where more would have to come."""
        yield from super().mark_done(request=request, response=response)
        if self._end and self.state in (self.read_headers, self.read_body, self.passthrough):
            end, self._end = self._end, None
            yield from self.state(end)

    def _is_ours(self) -> bool:
        if self.request is None:
            return False
        flow = http.HTTPFlow(self.context.client, self.context.server)
        flow.request = self.request
        # One that says of no host where it leads is answered 400.
        return not self.request.host or self._http1.locks.host_of(flow) is not None

    def _refuse(self) -> layer.CommandGenerator[None]:
        """Answer, and let what follows pass unread: a client that still sends would not hear us."""
        is_head = self.state == self.read_headers
        self.is_too_large = True
        self._keep(b"")
        answer = make_error_response(431 if is_head else 413, _TOO_LARGE)
        yield commands.SendData(self.conn, answer)
        yield commands.CloseTcpConnection(self.conn, half_close=True)
        if not is_head:
            error = RequestProtocolError(self.stream_id, _TOO_LARGE, ErrorCode.REQUEST_TOO_LARGE)
            yield ReceiveHttp(error)

    def _keep(self, data: bytes) -> None:
        self.buf = ReceiveBuffer()
        self.buf += data
