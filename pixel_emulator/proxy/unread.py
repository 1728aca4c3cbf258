"""Counts what clients sent us and nobody could read as a request: calls may be lost in it."""

from mitmproxy import connection, http
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.layers.http._http1 import Http1Server

from pixel_emulator.proxy.journals import Journals
from pixel_emulator.proxy.lane.layer import LaneLayer
from pixel_emulator.proxy.locks import Locks


class Unread:
    """An addon that follows each request from its first byte to `request`.

    mitmproxy shows no hook a head that it cannot parse or that never ends, so what its layers
    still hold is looked at when the client leaves. A client that sent nothing is innocent.
    """

    name = "pixel_emulator_unread"

    def __init__(self, locks: Locks, journals: Journals) -> None:
        self._locks = locks
        self._journals = journals
        self._layers: dict[str, layer.NextLayer] = {}  # the innermost one of each client
        self._heads: dict[str, http.Request] = {}  # the last one of each client that had a hook
        self._begun: dict[str, http.HTTPFlow] = {}  # of ours, until their end is read

    def next_layer(self, data: layer.NextLayer) -> None:
        if data.context.client.transport_protocol == "tcp":
            self._layers[data.context.client.id] = data
            if data.context.server.address is None:
                self._journals.said(data.context.client, data.data_client())

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
            self._count(flow.client_conn, self._locks.host_of(flow))

    def client_disconnected(self, client: connection.Client) -> None:
        head, data = self._heads.pop(client.id, None), self._layers.pop(client.id, None)
        host = self._locks.tls_host_of(data.context) if data else None
        if data and host and _holds_more(data, head):
            self._count(client, host)
        self._journals.disconnected(client)

    def end(self) -> None:
        """Count what is unread now; from here on it is us who hang up."""
        for flow in self._begun.values():
            self._count(flow.client_conn, self._locks.host_of(flow))
        self._begun.clear()
        for data in tuple(self._layers.values()):
            self.client_disconnected(data.context.client)

    def _count(self, client: connection.Client, host: str | None) -> None:
        journal = self._journals.of(client)
        journal.unread(host or "" if client.tls_established else "")


def _holds_more(data: layer.NextLayer, head: http.Request | None) -> bool:
    """Whether a client sent more than the requests up to the one with this head."""
    inner = _innermost(data)
    if isinstance(inner, layer.NextLayer):
        return bool(inner.data_client().strip(b"\r\n"))  # empty lines: RFC 9112, 2.2
    if isinstance(inner, LaneLayer):
        return bool(inner.unread.strip())
    if not isinstance(inner, layers.HttpLayer):
        return isinstance(inner, layers.TCPLayer)  # TLS layers have hooks of their own
    server = inner.connections.get(data.context.client)
    if not isinstance(server, Http1Server):
        return False
    if bytes(server.buf).strip():
        return True
    if server.request is None:
        return server.state == server.done  # the answer was 400
    return server.request is not head


def _innermost(inner: layer.Layer) -> layer.Layer:
    """The layer that what a client says ends up in."""
    while True:
        if isinstance(inner, layer.NextLayer) and inner.layer is not None:
            inner = inner.layer
        elif isinstance(inner, layers.ClientTLSLayer | layers.ServerTLSLayer):
            inner = inner.child_layer
        elif isinstance(inner, LaneLayer) and inner.child is not None:
            inner = inner.child
        else:
            return inner
