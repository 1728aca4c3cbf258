"""The addon that selects the fast path where mitmproxy would choose its HttpLayer."""

from collections.abc import Callable
from functools import partial

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer, layers, mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.tls import HTTP1_ALPNS

from pixel_emulator.proxy.addon import PixelEmulator
from pixel_emulator.proxy.fast_path.layer import FastPathLayer, no_swap
from pixel_emulator.proxy.fast_path.protocol_swap import make_swap
from pixel_emulator.proxy.fast_path.request_reader import HeadTemplates, is_get_or_head
from pixel_emulator.proxy.fast_path.write_batch import WriteBatch

_DNS = (53, 5353)  # ports whose traffic mitmproxy takes for DNS


class FastPath:
    """Registered after the emulator, whose egress guard decides first, and before NextLayer.

    Without `servers` every connection keeps mitmproxy's protocol.
    """

    name = "pixel_emulator_fast_path"

    def __init__(self, emulator: PixelEmulator, servers: Proxyserver | None = None) -> None:
        self.templates: HeadTemplates = {}
        self._emulator = emulator
        self.batch = WriteBatch(emulator.respond)
        self._swap = make_swap(servers, self.batch) if servers else no_swap

    def next_layer(self, data: layer.NextLayer) -> None:
        """Choose the fast path exactly where mitmproxy would choose HTTP/1."""
        context = data.context
        client, start = context.client, data.data_client()
        if data.layer or not isinstance(client.proxy_mode, mode_specs.RegularMode):
            return
        if context.server.address is None:
            data.layer = self._direct_layer(context, start)
        elif client.alpn in HTTP1_ALPNS or (
            # Without ALPN mitmproxy guesses; these first bytes leave it no doubt.
            not client.alpn and is_get_or_head(start) and context.server.address[1] not in _DNS
        ):
            data.layer = self._fast_path_layer(context)

    def _direct_layer(self, context: Context, start: bytes) -> layer.Layer:
        if not starts_like_tls_record(start):
            return self._fast_path_layer(context)
        tls_layer = layers.ClientTLSLayer(context)
        tls_layer.child_layer = self._fast_path_layer(context)
        return tls_layer

    def _fast_path_layer(self, context: Context, *, is_guess: bool = False) -> FastPathLayer:
        return FastPathLayer(
            context,
            guard=self._emulator.guard,
            respond=self._emulator.respond,
            on_request=self._emulator.handshakes.on_request,
            swap=self._swap,
            make_http=self._emulator.http1.http_layer,
            make_tunnel=self._tunnel_layer,
            is_guess=is_guess,
            templates=self.templates,
        )

    def _tunnel_layer(self, context: Context) -> layer.Layer:
        is_dns = context.server.address is not None and context.server.address[1] in _DNS
        if is_dns:
            return layer.NextLayer(context)
        return TunnelLayer(context, partial(self._fast_path_layer, is_guess=True))


class TunnelLayer(layer.NextLayer):
    """The content of a tunnel to an emulated host: with TLS its layers are known without a hook."""

    def __init__(self, context: Context, make_layer: Callable[[Context], layer.Layer]) -> None:
        super().__init__(context)
        self._make_layer = make_layer

    def _ask(self) -> layer.CommandGenerator[None]:
        start: bytes = self.data_client()  # type: ignore[no-untyped-call]
        if not starts_like_tls_record(start):
            yield from super()._ask()  # type: ignore[no-untyped-call]
            return
        # As mitmproxy builds it: the outer layer tells HTTP layers that the server has TLS.
        self.layer = layers.ServerTLSLayer(self.context)
        self.layer.child_layer = tls_layer = layers.ClientTLSLayer(self.context)
        tls_layer.child_layer = self._make_layer(self.context)
        self.handle_event = self._handle_event = self.layer.handle_event  # type: ignore[method-assign]
        for event in self.events:
            yield from self.layer.handle_event(event)
