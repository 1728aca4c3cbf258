"""Counts what clients sent us and nobody could read as a request: calls may be lost in it."""

from collections.abc import Callable, Iterator

from mitmproxy import connection, http
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.layers.http._http1 import Http1Server

from pixel_emulator.proxy.connections import ClientTls
from pixel_emulator.proxy.egress_guard import EgressGuard
from pixel_emulator.proxy.fast_path.layer import FastPathLayer
from pixel_emulator.proxy.http1 import PixelHttp1Server
from pixel_emulator.proxy.journal_routing import JournalRouting


class UnparsedBytes:
    """An addon that follows each request from its first byte to `request`.

    mitmproxy shows no hook a head that it cannot parse or that never ends, so what its layers
    still hold is looked at when the client leaves. A client that sent nothing is innocent.
    """

    name = "pixel_emulator_unread"

    def __init__(
        self,
        locks: EgressGuard,
        journals: JournalRouting,
        heard: Callable[[connection.Client], None],
    ) -> None:
        self._locks = locks
        self._journals = journals
        self._heard = heard
        self._layers: dict[str, layer.NextLayer] = {}  # the innermost one of each client
        self._heads: dict[str, http.Request] = {}  # the last one of each client that had a hook
        self._begun: dict[str, http.HTTPFlow] = {}  # of ours, until their end is read

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
        if self._locks.host_of(flow):
            self._begun[flow.id] = flow

    def request(self, flow: http.HTTPFlow) -> None:
        self._begun.pop(flow.id, None)

    def error(self, flow: http.HTTPFlow) -> None:
        if self._begun.pop(flow.id, None):
            self._count(flow.client_conn)

    def client_disconnected(self, client: connection.Client) -> None:
        head, data = self._heads.pop(client.id, None), self._layers.pop(client.id, None)
        host = self._locks.tls_host_of(data.context) if data else None
        if not data or not host:
            return
        server = _server(data)
        too_large = bool(server and server.is_too_large)
        # What follows a head or frame that is too large passes unread anyway.
        if _holds_more(data, head) or (_is_damaged(data) and not too_large):
            self._count(client, too_large=too_large)

    def end(self) -> None:
        """Count what is unread now; from here on it is us who hang up."""
        for flow in self._begun.values():
            self._count(flow.client_conn)
        self._begun.clear()
        for data in tuple(self._layers.values()):
            self.client_disconnected(data.context.client)

    def _count(self, client: connection.Client, *, too_large: bool = False) -> None:
        """Count one; through TLS it shows that its client accepts our CA."""
        self._heard(client)
        self._journals.journal_for(client).unread(too_large=too_large)


def _server(data: layer.NextLayer) -> PixelHttp1Server | None:
    """What reads HTTP/1 from a client."""
    inner = _innermost(data)
    if not isinstance(inner, layers.HttpLayer):
        return None
    server = inner.connections.get(data.context.client)
    return server if isinstance(server, PixelHttp1Server) else None


def _holds_more(data: layer.NextLayer, head: http.Request | None) -> bool:
    """Whether a client sent more than the requests up to the one with this head."""
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
        is_known = isinstance(server, PixelHttp1Server) and server.is_refused
        return server.state == server.done and not is_known  # the answer was 400
    return server.request is not head


def _is_damaged(data: layer.NextLayer) -> bool:
    """Whether a client sent more TLS records than could be decrypted."""
    above_and_below = {*data.context.layers, *_chain(data)}
    secured = [each for each in above_and_below if isinstance(each, layers.ClientTLSLayer)]
    return any(isinstance(each.tls, ClientTls) and each.tls.has_unread for each in secured)


def _innermost(outer: layer.Layer) -> layer.Layer:
    """The layer that what a client says ends up in."""
    return [*_chain(outer)][-1]


def _chain(inner: layer.Layer) -> Iterator[layer.Layer]:
    """The layers that what a client says goes through, from this one on."""
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
