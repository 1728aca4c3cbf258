"""The locks: what keeps every byte from the emulated hosts, and leaves other hosts alone."""

import re

from mitmproxy import connection, http, tls
from mitmproxy.proxy import layer, layers, mode_specs, server_hooks

from pixel_emulator.config import Settings
from pixel_emulator.hosts import Hosts, addresses, folded, is_loopback, is_off_limits
from pixel_emulator.journal import Journal

_EXPLICIT = (mode_specs.RegularMode, mode_specs.UpstreamMode)
"""The modes in which clients know that they talk to a proxy, and can also talk to it directly."""

_HEAD = re.compile(rb"[A-Za-z]+ \S+ HTTP/1\.[01]\r?\n.*?\r?\n\r?\n", re.DOTALL)
_HOST = re.compile(rb"^host:[ \t]*(\S*?)(?::\d+)?[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_TLS_HANDSHAKE = b"\x16\x03"


class Locks:
    """The hooks that come before any request.

    A CONNECT to an emulated host is answered here, so nothing is opened even under mitmproxy's
    `eager` strategy, and `server_connect` refuses whatever would still be opened. Everything
    else is tunnelled as it is, but for what must not be reached at all.
    """

    name = "pixel_emulator_locks"

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.hosts = Hosts.of(settings.hosts)
        self._settings = settings
        self._journal = journal
        self._tunnels: set[str] = set()

    def emulated(self, flow: http.HTTPFlow) -> str | None:
        """The emulated host that a request means, or the name it uses for ourselves; else None."""
        request, client = flow.request, flow.client_conn
        name = self.hosts.match(client.sni, request.host, request.pretty_host)
        if name is None and _is_ourselves(client, request.host, request.port):
            return folded(request.host)
        return name

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Answer for emulated hosts; refuse in words that a client can show."""
        host, port, client = flow.request.host, flow.request.port, flow.client_conn
        if name := self.hosts.match(host):
            flow.request.host = name  # the leaf is made for this name, and the CA permits no dot
        if name or _is_ourselves(client, host, port):
            self._tunnels.add(client.id)
        elif reason := await self._refusal(host, port, client):
            flow.response = http.Response.make(502, f"{reason}\n", {"content-type": "text/plain"})
            return
        flow.response = _established(flow)
