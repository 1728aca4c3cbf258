"""Addons for what passes through to other hosts, and for what mitmproxy leaves open."""

from mitmproxy import connection, http
from mitmproxy.addons import proxyserver

from pixel_emulator.proxy.locks import Locks


class PassThrough:
    """Hands on what other hosts say as it comes: nothing is kept, and nothing waits for its end."""

    name = "pixel_emulator_pass_through"

    def __init__(self, locks: Locks) -> None:
        self._locks = locks

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not self._locks.host_of(flow):
            flow.request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and flow.response.status_code != 101 and not self._locks.host_of(flow):
            flow.response.stream = True


class HangUp:
    """Closes what mitmproxy leaves open where a client and its server end in the same moment."""

    name = "pixel_emulator_hang_up"

    def __init__(self, servers: proxyserver.Proxyserver) -> None:
        self._servers = servers

    def client_disconnected(self, client: connection.Client) -> None:
        handler = self._servers.connections.get(client.id)
        for end in handler.transports.values() if handler else ():
            if end.writer:
                end.writer.close()
