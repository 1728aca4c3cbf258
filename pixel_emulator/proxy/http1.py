"""mitmproxy's HTTP/1 parser for clients, with what a test double needs in addition."""

import re
from collections.abc import Callable

from h11._receivebuffer import ReceiveBuffer
from mitmproxy import connection, http
from mitmproxy.proxy import commands, events, layer, layers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import ErrorCode, RequestProtocolError
from mitmproxy.proxy.layers.http._http1 import Http1Server, make_error_response

from pixel_emulator.proxy.convert import serialize_responses
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.request_reader import HeadTemplates, RequestReader
from pixel_emulator.proxy.journal_routing import Responder

MAX_HEAD_BYTES = 1_048_576
"""Bytes of an incomplete head, or of the frame of an incomplete body; mitmproxy has no limit.

More than servers take: an Application Load Balancer of AWS reads 64 kB.
"""

_REQUEST = re.compile(rb"[A-Z]{3,20}(?: |\Z)")

_TOO_LARGE = f"more than {MAX_HEAD_BYTES:,} bytes came, and the head of the request is not complete"


class Http1:
    """An addon that replaces mitmproxy's HTTP/1 parser for clients by `PixelHttp1Server`.

    It must be registered after NextLayer.
    """

    name = "pixel_emulator_http1"

    def __init__(
        self,
        guard: EgressGuard,
        respond: Responder,
        on_request: Callable[[connection.Client], None],
    ) -> None:
        self.guard = guard
        self._respond = respond
        self._on_request = on_request
        self._templates: HeadTemplates = {}

    def next_layer(self, data: layer.NextLayer) -> None:
        """Replace the parser of the HTTP layer that was chosen, if it was one."""
        chosen = data.layer
        if isinstance(chosen, layers.ClientTLSLayer):
            # ALPN chooses the HTTP version later, except towards a proxy: that is HTTP/1.
            is_proxy = isinstance(chosen.context.layers[0], modes.HttpProxy)
            chosen = chosen.child_layer if is_proxy else None
        if isinstance(chosen, layers.TCPLayer) and self._is_request(data):
            # mitmproxy does not recognize an incomplete line as HTTP.
            data.context.layers.remove(chosen)
            data.layer = chosen = layers.HttpLayer(data.context, HTTPMode.transparent)
        if isinstance(chosen, layers.HttpLayer) and chosen.context.client.alpn != b"h2":
            self._replace_parser(chosen)

    def _is_request(self, data: layer.NextLayer) -> bool:
        start: bytes = data.data_client()
        return self.guard.terminates_here(data.context.client) and bool(_REQUEST.match(start))

    def http_layer(self, context: Context, mode: HTTPMode) -> layers.HttpLayer:
        """Return the HTTP layer for a context."""
        http_layer = layers.HttpLayer(context, mode)
        if context.client.alpn != b"h2":
            self._replace_parser(http_layer)
        return http_layer

    def record_spaced(self, context: Context, data: bytes) -> tuple[bytes, bytes] | None:
        """Record the request that `data` begins with, if its target has a raw space.

        Return the response and the bytes behind the request, or None.
        """
        request, rest = RequestReader(context, self.guard, self._templates).read_spaced(data)
        if request is None:
            return None
        self._on_request(context.client)
        return serialize_responses([request], self._respond([(context.client, request)])), rest

    def _replace_parser(self, http_layer: layers.HttpLayer) -> None:
        client = http_layer.context.client
        http_layer.connections[client] = PixelHttp1Server(http_layer.context.fork(), self)


class PixelHttp1Server(Http1Server):
    """Reads a client to its end, enforces `MAX_HEAD_BYTES`, and parses a raw space in a target.

    mitmproxy drops the request with which a client ends its connection until it is answered, and
    calls no hook for a request line that it cannot parse.
    """

    is_spaced = False
    """True if the last request had a raw space in its target: answered 400, and recorded."""

    is_too_large = False

    def __init__(self, context: Context, http1: Http1) -> None:
        super().__init__(context)
        self._http1 = http1
        self._deferred_close: events.ConnectionClosed | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if self.is_too_large and not isinstance(event, HttpEvent):
            if isinstance(event, events.ConnectionClosed):
                yield commands.CloseConnection(self.conn)
            return
        yield from super()._handle_event(event)
        if len(self.buf) > MAX_HEAD_BYTES and self.state in (self.read_headers, self.read_body):
            yield from self._refuse_too_large()

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read a head, if it is complete."""
        # Only at a newline: copying the buffer at each byte of a long line would be quadratic.
        ends_a_line = isinstance(event, events.DataReceived) and b"\n" in (event.data or b"\n")
        if ends_a_line and (recorded := self._http1.record_spaced(self.context, bytes(self.buf))):
            response, rest = recorded
            self.is_spaced = True
            self._reset_buffer(rest)
            self.state = self.done
            yield commands.SendData(self.conn, response)
            yield commands.CloseConnection(self.conn)
        else:
            yield from super().read_headers(event)

    def wait(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Wait until a response is sent; a client that closes meanwhile still gets recorded."""
        if isinstance(event, events.ConnectionClosed) and self._is_emulated():
            self._deferred_close = event
        else:
            yield from super().wait(event)

    def mark_done(
        self, *, request: bool = False, response: bool = False
    ) -> layer.CommandGenerator[None]:
        """Go on to the next request, or to a deferred close once more bytes would be needed."""
        yield from super().mark_done(request=request, response=response)
        reading = (self.read_headers, self.read_body, self.passthrough)
        if self._deferred_close and self.state in reading:
            close, self._deferred_close = self._deferred_close, None
            yield from self.state(close)

    def _is_emulated(self) -> bool:
        if self.request is None:
            return False
        flow = http.HTTPFlow(self.context.client, self.context.server)
        flow.request = self.request
        # A request without any host is answered 400.
        return not self.request.host or self._http1.guard.host_of(flow) is not None

    def _refuse_too_large(self) -> layer.CommandGenerator[None]:
        """Respond, and ignore what follows: a client that still sends would not read a response."""
        is_head = self.state == self.read_headers
        self.is_too_large = True
        self._reset_buffer(b"")
        response = make_error_response(431 if is_head else 413, _TOO_LARGE)
        yield commands.SendData(self.conn, response)
        yield commands.CloseTcpConnection(self.conn, half_close=True)
        if not is_head:
            error = RequestProtocolError(self.stream_id, _TOO_LARGE, ErrorCode.REQUEST_TOO_LARGE)
            yield ReceiveHttp(error)

    def _reset_buffer(self, data: bytes) -> None:
        self.buf = ReceiveBuffer()
        self.buf += data
