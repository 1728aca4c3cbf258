"""Keeps every byte from the emulated hosts, and leaves other hosts alone."""

import re

from mitmproxy import connection, exceptions, http, tls
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import context, layer, layers, mode_specs, server_hooks

from pixel_emulator.proxy.hosts import (
    Hosts,
    dialable_address,
    is_address_of_this_machine,
    is_blocked_address,
    is_global_address,
    is_loopback,
    normalize_host,
    reaches_this_machine,
    resolve,
    stays_on_this_machine,
)
from pixel_emulator.proxy.journal_routing import JournalRouting, SingleJournal
from pixel_emulator.runtime.clock import seconds
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

# The modes in which clients know of the proxy, and may also send it requests without one.
_EXPLICIT = (mode_specs.RegularMode, mode_specs.UpstreamMode)
_METHOD = re.compile(rb"[!-~]{1,20} ?")
_ORIGIN_FORM = re.compile(rb"[!-~]+ /")
_REQUEST_LINE = re.compile(rb"[A-Z]+ [/*]")
_HOST_HEADER = re.compile(rb"\nhost:[ \t]*([^\s:]*)", re.IGNORECASE)


class EgressGuard:
    """An addon with the hooks that run before a request.

    It answers every CONNECT itself, so that mitmproxy's `eager` strategy opens nothing before the
    host is known, and `server_connect` refuses every connection to an emulated host. Other hosts
    are tunnelled byte for byte, except those that no client may reach.
    """

    name = "pixel_emulator_egress_guard"

    def __init__(
        self, settings: Settings, journal: Journal, journals: JournalRouting | None = None
    ) -> None:
        self.own_ports: set[int] = set()  # of sessions, besides the port a client connected to
        self.closed_ports: set[int] = set()  # of this machine: never connected to
        self._hosts = Hosts.of(settings.hosts)
        self._settings = settings
        self._journals = journals or SingleJournal(journal)
        self._terminated: set[str] = set()  # ids of clients whose every request is for us

    def host_of(self, flow: http.HTTPFlow) -> str | None:
        """Return the emulated host of a request, or our own name that it uses; None for others."""
        request, client = flow.request, flow.client_conn
        return (
            self._hosts.match(client.sni, request.host, request.pretty_host)
            or self._own_name(client, request.host, request.port)
            or (
                normalize_host(request.pretty_host) or None
                if client.id in self._terminated
                else None
            )
        )

    def tls_host_of(self, tls_context: context.Context) -> str | None:
        """Return the same for a TLS handshake."""
        client, address = tls_context.client, tls_context.server.address
        if address is None:  # no tunnel: TLS with our port itself
            address = (client.sni or client.sockname[0], client.sockname[1])
        return self._hosts.match(client.sni, address[0]) or self._own_name(client, *address[:2])

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Answer a CONNECT without opening a connection, or refuse it with a message."""
        host, port, client = flow.request.host, flow.request.port, flow.client_conn
        if not self.terminate_tunnel(client, host, port) and (
            message := await self._refusal_message(host, port, client)
        ):
            flow.response = http.Response.make(502, f"{message}\n", {"content-type": "text/plain"})
            return
        now = seconds()
        flow.response = http.Response(
            b"HTTP/1.1", 200, b"Connection established", http.Headers(), b"", None, now, now
        )

    def terminate_tunnel(self, client: connection.Client, host: str, port: int) -> bool:
        """Return True if a tunnel terminates here: then every request in it is for us."""
        self._terminated.discard(client.id)
        terminates = bool(self._hosts.match(host) or self._own_name(client, host, port))
        if terminates:
            self._terminated.add(client.id)
        return terminates

    def terminates_here(self, client: connection.Client) -> bool:
        """Return True if every request of a client is for us from now on."""
        return client.id in self._terminated

    def saw_first_bytes(self, client: connection.Client, start: bytes) -> None:
        """Note if the requests of a client are for us: those for a proxy are in absolute form.

        A flow no longer shows which form its request had.
        """
        if _ORIGIN_FORM.match(start):
            self._terminated.add(client.id)

    def next_layer(self, data: layer.NextLayer) -> None:
        """Tunnel everything byte for byte, except TLS and HTTP for an emulated host."""
        client = data.context.client
        start: bytes = data.data_client()
        if client.transport_protocol != "tcp" or not isinstance(client.proxy_mode, _EXPLICIT):
            return
        if len(start) < len(b"\x16\x03\x01"):
            raise exceptions.AddonHalt  # wait for more: mitmproxy would choose raw TCP
        if data.context.server.address is None:
            if _METHOD.fullmatch(start):
                raise exceptions.AddonHalt
            self.saw_first_bytes(client, start)
            return
        if client.id in self._terminated:
            return
        head, complete, _ = start.partition(b"\r\n\r\n")
        if _REQUEST_LINE.match(start):
            header = _HOST_HEADER.search(head)
            if not complete or (header and self._hosts.match(header[1].decode("latin-1"))):
                return
        elif start.startswith(b"\x16\x03"):
            return
        data.layer = layers.TCPLayer(data.context, ignore=True)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Decrypt only connections to an emulated host or to ourselves."""
        client, server = data.context.client, data.context.server
        name = self.tls_host_of(data.context)
        if name is None:
            data.ignore_connection = True
            return
        if client.transport_protocol == "tcp" and not self._settings.http2:
            client.alpn = b"http/1.1"  # the only version that TlsConfig then offers
        if self._hosts.match(name):
            self._terminated.add(client.id)
            if server.address and not server.connected:
                # The address in the CONNECT may be an IP address, or end with a dot: our CA
                # permits neither.
                server.address = (name, server.address[1])

    async def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse every connection to an emulated host or to an address that no client may reach."""
        server, client, earlier = data.server, data.client, data.server.error
        server.error = "pixel_emulator could not check this connection"  # stays if this hook raises
        host, port = server.address[:2] if server.address else ("", 0)
        if client.id in self._terminated or self._hosts.match(host, server.sni, client.sni):
            server.error = "pixel_emulator emulates this host: nothing is ever sent to it"
        else:
            server.error = earlier or await self._refusal_message(host, port, client)
            if self._settings.offline and not dialable_address(host):
                # Many resolvers do not know `localhost.` and names below it, and none may resolve
                # them to another machine now.
                server.address = ("localhost", port)

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget a client that has disconnected."""
        self._terminated.discard(client.id)

    async def _refusal_message(self, host: str, port: int, client: connection.Client) -> str | None:
        """Return why a client may not reach another host, in one sentence; None if it may."""
        if client.peername and is_global_address(client.peername[0]):
            self._journals.journal_for(client).refused(normalize_host(host))
            return f"pixel_emulator refuses to connect to {host}: it is no proxy for the internet."
        targets: tuple[str, ...] = ()
        if not self._settings.offline or self._may_reach_loopback(host, client):
            # The name, too: resolving may fail now and not later.
            targets = (*await resolve(host), host)
        reason: str | None
        if self._settings.offline and not (targets and all(map(stays_on_this_machine, targets))):
            reason = "it is not emulated, and --offline refuses all other hosts"
        else:
            reasons = (self._refusal_reason(address, port, client) for address in targets)
            reason = next(filter(None, reasons), None)
        if reason is None:
            return None
        self._journals.journal_for(client).refused(normalize_host(host))
        return f"pixel_emulator refuses to connect to {host}: {reason}."

    def _may_reach_loopback(self, host: str, client: connection.Client) -> bool:
        """Return True if --offline lets a client reach this host because it is the loopback.

        Only if we listen on the loopback alone, and without an upstream proxy. Names that merely
        resolve to the loopback do not count: they may resolve to something else next time.
        """
        return (
            is_loopback(self._settings.host)
            and stays_on_this_machine(host)
            and isinstance(client.proxy_mode, mode_specs.RegularMode)
        )

    def _refusal_reason(self, address: str, port: int, client: connection.Client) -> str | None:
        if is_blocked_address(address):
            return f"{address} is link-local or a cloud's metadata service"
        own = self._own_name(client, address, port)
        if own or (port in self.closed_ports and is_address_of_this_machine(address)):
            return f"{address}:{port} is pixel_emulator itself"
        if reaches_this_machine(address) and not is_loopback(self._settings.host):
            return f"{address} is this machine, and we listen to others (host is not loopback)"
        return None

    def _own_name(self, client: connection.Client, host: str, port: int) -> str | None:
        """Return the normalized host if host and port are an address that we listen on."""
        own = reaches_this_machine(host) or normalize_host(host) == client.sockname[0]
        is_explicit = isinstance(client.proxy_mode, _EXPLICIT)
        is_our_port = port == client.sockname[1] or port in self.own_ports
        return normalize_host(host) if own and is_explicit and is_our_port else None


class PassThrough:
    """An addon that streams the traffic of other hosts: no body is buffered."""

    name = "pixel_emulator_pass_through"

    def __init__(self, guard: EgressGuard) -> None:
        self._guard = guard

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not self._guard.host_of(flow):
            flow.request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and flow.response.status_code != 101 and not self._guard.host_of(flow):
            flow.response.stream = True


class SocketCloser:
    """An addon that closes sockets that mitmproxy leaves open if both peers close at once."""

    name = "pixel_emulator_socket_closer"

    def __init__(self, servers: proxyserver.Proxyserver) -> None:
        self._servers = servers

    def client_disconnected(self, client: connection.Client) -> None:
        handler = self._servers.connections.get(client.id)
        for io in handler.transports.values() if handler else ():
            if io.writer:
                io.writer.close()
