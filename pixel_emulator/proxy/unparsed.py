"""Reports bytes that clients sent and that were never parsed as a request: calls may be lost."""

from collections.abc import Callable, Iterator

from mitmproxy import connection, http
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.layers.http._http1 import Http1Server

from pixel_emulator.proxy.bodies import bound_body
from pixel_emulator.proxy.connections import ClientTls
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.layer import FastPathLayer
from pixel_emulator.proxy.http1 import PixelHttp1Server
from pixel_emulator.proxy.journal_routing import JournalRouting


class UnparsedBytes:
    """An addon that follows each request from its first byte to the hook `request`.

    mitmproxy calls no hook for a head that it cannot parse or that never ends, so the buffers of
    its layers are examined when the client disconnects. A client that sent nothing is no gap.
    """

    name = "pixel_emulator_unparsed"

    def __init__(
        self,
        guard: EgressGuard,
        journals: JournalRouting,
        on_request: Callable[[connection.Client], None],
    ) -> None:
        self._guard = guard
        self._journals = journals
        self._on_request = on_request
        # By client id: its innermost layer, and its last head for which a hook ran.
        self._layers: dict[str, layer.NextLayer] = {}
        self._heads: dict[str, http.Request] = {}
        # By flow id: requests to emulated hosts that are not complete.
        self._incomplete: dict[str, http.HTTPFlow] = {}

    def next_layer(self, data: layer.NextLayer) -> None:
        if data.context.client.transport_protocol == "tcp":
            self._layers[data.context.client.id] = data
            if data.context.server.address is None:
                self._journals.first_bytes(data.context.client, data.data_client())

    def http_connect(self, flow: http.HTTPFlow) -> None:
        self._heads[flow.client_conn.id] = flow.request

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not flow.live:
            return
        self._heads[flow.client_conn.id] = flow.request
        if self._guard.host_of(flow):
            self._incomplete[flow.id] = flow
            if data := self._layers.get(flow.client_conn.id):
                bound_body(_innermost(data), flow)

    def request(self, flow: http.HTTPFlow) -> None:
        self._incomplete.pop(flow.id, None)

    def error(self, flow: http.HTTPFlow) -> None:
        if self._incomplete.pop(flow.id, None):
            self._report(flow.client_conn)

    def client_disconnected(self, client: connection.Client) -> None:
        head, data = self._heads.pop(client.id, None), self._layers.pop(client.id, None)
        host = self._guard.tls_host_of(data.context) if data else None
        if not data or not host:
            return
        server = _http1_server(data)
        too_large = bool(server and server.is_too_large)
        # What follows a head or frame that is too large is never parsed anyway.
        if _has_unparsed(data, head) or (_has_undecrypted(data) and not too_large):
            self._report(client, too_large=too_large)

    def stop(self) -> None:
        """Report what is unparsed now; from here on it is the emulator that disconnects."""
        for flow in self._incomplete.values():
            self._report(flow.client_conn)
        self._incomplete.clear()
        for data in tuple(self._layers.values()):
            self.client_disconnected(data.context.client)

    def _report(self, client: connection.Client, *, too_large: bool = False) -> None:
        """Report one request; through TLS, it shows that its client accepts our CA."""
        self._on_request(client)
        self._journals.journal_for(client).unread(too_large=too_large)


def _http1_server(data: layer.NextLayer) -> PixelHttp1Server | None:
    """Return the parser of a client's HTTP/1, if there is one."""
    inner = _innermost(data)
    if not isinstance(inner, layers.HttpLayer):
        return None
    server = inner.connections.get(data.context.client)
    return server if isinstance(server, PixelHttp1Server) else None


def _has_unparsed(data: layer.NextLayer, head: http.Request | None) -> bool:
    """Return True if a client sent more than the requests up to the one with this head."""
    inner = _innermost(data)
    if isinstance(inner, layer.NextLayer):
        return bool(inner.data_client().strip(b"\r\n"))  # empty lines: RFC 9112, 2.2
    if isinstance(inner, FastPathLayer):
        return bool(inner.unread.strip())
    if not isinstance(inner, layers.HttpLayer):
        return isinstance(inner, layers.TCPLayer)  # TLS layers have hooks of their own
    server = inner.connections.get(data.context.client)
    if not isinstance(server, Http1Server):
        return False
    if isinstance(server, PixelHttp1Server) and server.is_too_large:
        return server.request is None  # else it was a flow, which had an error
    if bytes(server.buf).strip():
        return True
    if server.request is None:
        is_recorded = isinstance(server, PixelHttp1Server) and server.is_spaced
        return server.state == server.done and not is_recorded  # the response was 400
    return server.request is not head


def _has_undecrypted(data: layer.NextLayer) -> bool:
    """Return True if a client sent TLS records that could not be decrypted."""
    outer_and_inner = {*data.context.layers, *_chain(data)}
    tls_layers = [layer_ for layer_ in outer_and_inner if isinstance(layer_, layers.ClientTLSLayer)]
    return any(
        isinstance(tls_layer.tls, ClientTls) and tls_layer.tls.has_undecrypted
        for tls_layer in tls_layers
    )


def _innermost(outer: layer.Layer) -> layer.Layer:
    """Return the layer that a client's bytes reach last."""
    return [*_chain(outer)][-1]


def _chain(inner: layer.Layer) -> Iterator[layer.Layer]:
    """Yield the layers that a client's bytes pass through, from this one on."""
    while True:
        yield inner
        if isinstance(inner, layer.NextLayer) and inner.layer is not None:
            inner = inner.layer
        elif isinstance(inner, layers.ClientTLSLayer | layers.ServerTLSLayer):
            inner = inner.child_layer
        elif isinstance(inner, FastPathLayer) and inner.child is not None:
            inner = inner.child
        else:
            return
