"""The locks: what keeps every byte from the emulated hosts, and leaves other hosts alone."""

import re

from mitmproxy import connection, exceptions, http, tls
from mitmproxy.addons import proxyserver
from mitmproxy.proxy import context, layer, layers, mode_specs, server_hooks

from pixel_emulator.proxy.hosts import (
    Hosts,
    addressed,
    addresses,
    folded,
    is_loopback,
    is_off_limits,
    leads_here,
    stays_here,
)
from pixel_emulator.proxy.journal_routing import JournalRouting, SingleJournal
from pixel_emulator.runtime.clock import seconds
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

# The modes in which clients know of the proxy, and may also speak to it directly.
_EXPLICIT = (mode_specs.RegularMode, mode_specs.UpstreamMode)
_METHOD = re.compile(rb"[!-~]{1,20} ?")
_ORIGIN_FORM = re.compile(rb"[!-~]+ /")
_REQUEST_LINE = re.compile(rb"[A-Z]+ [/*]")
_HOST_HEADER = re.compile(rb"\nhost:[ \t]*([^\s:]*)", re.IGNORECASE)


class EgressGuard:
    """The hooks that come before a request.

    Every CONNECT is answered here, so that mitmproxy's `eager` strategy opens nothing before the
    host is known, and `server_connect` refuses what would still be opened towards an emulated
    one. Other hosts are tunnelled as they are, but for those that nobody may be led to.
    """

    name = "pixel_emulator_locks"

    def __init__(
        self, settings: Settings, journal: Journal, journals: JournalRouting | None = None
    ) -> None:
        self.own_ports: set[int] = set()  # those of sessions, beside the one a client came to
        self.closed_ports: set[int] = set()  # of this machine, and nobody is led there
        self._hosts = Hosts.of(settings.hosts)
        self._settings = settings
        self._journals = journals or SingleJournal(journal)
        self._ending: set[str] = set()  # the ids of clients whose requests all mean us

    def host_of(self, flow: http.HTTPFlow) -> str | None:
        """The emulated host that a request means, or its name for ourselves; None for others."""
        request, client = flow.request, flow.client_conn
        return (
            self._hosts.match(client.sni, request.host, request.pretty_host)
            or self._own_name(client, request.host, request.port)
            or (folded(request.pretty_host) or None if client.id in self._ending else None)
        )

    def tls_host_of(self, opening: context.Context) -> str | None:
        """The same for a TLS handshake."""
        client, address = opening.client, opening.server.address
        if address is None:  # no tunnel: TLS with the port itself
            address = (client.sni or client.sockname[0], client.sockname[1])
        return self._hosts.match(client.sni, address[0]) or self._own_name(client, *address[:2])

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Open a tunnel without opening a connection, or refuse in words that a client shows."""
        host, port, client = flow.request.host, flow.request.port, flow.client_conn
        if not self.end_tunnel(client, host, port) and (
            refusal := await self._refusal(host, port, client)
        ):
            flow.response = http.Response.make(502, f"{refusal}\n", {"content-type": "text/plain"})
            return
        now = seconds()
        flow.response = http.Response(
            b"HTTP/1.1", 200, b"Connection established", http.Headers(), b"", None, now, now
        )

    def end_tunnel(self, client: connection.Client, host: str, port: int) -> bool:
        """Whether a tunnel that a client asks for ends here: then all it says there means us."""
        self._ending.discard(client.id)
        ours = bool(self._hosts.match(host) or self._own_name(client, host, port))
        if ours:
            self._ending.add(client.id)
        return ours

    def terminates_here(self, client: connection.Client) -> bool:
        """Whether all that a client says now means us."""
        return client.id in self._ending

    def saw_first_bytes(self, client: connection.Client, start: bytes) -> None:
        """Note whether a client asks us, or a proxy: that is asked in absolute form.

        A flow no longer shows which form it was.
        """
        if _ORIGIN_FORM.match(start):
            self._ending.add(client.id)

    def next_layer(self, data: layer.NextLayer) -> None:
        """Tunnel byte for byte what is not TLS, unless it is HTTP that means an emulated host."""
        client = data.context.client
        start: bytes = data.data_client()
        if client.transport_protocol != "tcp" or not isinstance(client.proxy_mode, _EXPLICIT):
            return
        if len(start) < len(b"\x16\x03\x01"):
            raise exceptions.AddonHalt  # wait for more: mitmproxy would take it for raw TCP
        if data.context.server.address is None:
            if _METHOD.fullmatch(start):
                raise exceptions.AddonHalt
            self.saw_first_bytes(client, start)
            return
        if client.id in self._ending:
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
        """Decrypt nothing but what means an emulated host or ourselves."""
        client, server = data.context.client, data.context.server
        name = self.tls_host_of(data.context)
        if name is None:
            data.ignore_connection = True
            return
        if client.transport_protocol == "tcp" and not self._settings.http2:
            client.alpn = b"http/1.1"  # TlsConfig then offers nothing else
        if self._hosts.match(name):
            self._ending.add(client.id)
            if server.address and not server.connected:
                # Our CA permits no leaf for the address, or for a name with a dot, in the CONNECT.
                server.address = (name, server.address[1])

    async def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Refuse every connection to an emulated host, and to what nobody may be led to."""
        server, client, earlier = data.server, data.client, data.server.error
        server.error = "pixel_emulator could not check this connection"  # holds if we raise
        host, port = server.address[:2] if server.address else ("", 0)
        if client.id in self._ending or self._hosts.match(host, server.sni, client.sni):
            server.error = "pixel_emulator emulates this host: nothing is ever sent to it"
        else:
            server.error = earlier or await self._refusal(host, port, client)
            if self._settings.offline and not addressed(host):
                # Many resolvers do not know `localhost.` and names below it, and none may lead
                # them elsewhere now.
                server.address = ("localhost", port)

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget a client."""
        self._ending.discard(client.id)

    async def _refusal(self, host: str, port: int, client: connection.Client) -> str | None:
        """Why nobody is led to an other host, in one sentence; None if it is allowed."""
        meant: tuple[str, ...] = ()
        if not self._settings.offline or self._may_reach_loopback(host, client):
            meant = (*await addresses(host), host)  # resolving may fail now, and not later
        reason: str | None
        if self._settings.offline and not (meant and all(map(stays_here, meant))):
            reason = "it is not emulated, and --offline refuses all other hosts"
        else:
            reasons = (self._objection(each, port, client) for each in meant)
            reason = next(filter(None, reasons), None)
        if reason is None:
            return None
        self._journals.journal_for(client).refused(folded(host))
        return f"pixel_emulator refuses to connect to {host}: {reason}."

    def _may_reach_loopback(self, host: str, client: connection.Client) -> bool:
        """Return True if --offline lets a client reach this host, given that it is the loopback.

        Nobody but this machine may ask then, and no upstream proxy may stand there. Names that
        merely resolve to the loopback are left out: they may resolve to something else next time.
        """
        ours = is_loopback(self._settings.host)
        return ours and stays_here(host) and isinstance(client.proxy_mode, mode_specs.RegularMode)

    def _objection(self, address: str, port: int, client: connection.Client) -> str | None:
        if is_off_limits(address):
            return f"{address} is link-local or a cloud's metadata service"
        own = self._own_name(client, address, port)
        if own or (port in self.closed_ports and leads_here(address)):
            return f"{address}:{port} is pixel_emulator itself"
        if leads_here(address) and not is_loopback(self._settings.host):
            return f"{address} is this machine, and we listen to others (host is not loopback)"
        return None

    def _own_name(self, client: connection.Client, host: str, port: int) -> str | None:
        """The host, folded, if together with the port it means an address that we listen on."""
        own = leads_here(host) or folded(host) == client.sockname[0]
        explicit = isinstance(client.proxy_mode, _EXPLICIT)
        ours = port == client.sockname[1] or port in self.own_ports
        return folded(host) if own and explicit and ours else None


class PassThrough:
    """Hands on what other hosts say as it comes: nothing is kept, and nothing waits for its end."""

    name = "pixel_emulator_pass_through"

    def __init__(self, locks: EgressGuard) -> None:
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
