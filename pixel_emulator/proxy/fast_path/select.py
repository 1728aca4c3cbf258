"""The addon that puts the fast path where mitmproxy would put its HttpLayer."""

from collections.abc import Callable
from functools import partial

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import context, layer, layers, mode_specs
from mitmproxy.proxy.layers.tls import HTTP1_ALPNS

from pixel_emulator.proxy.addon import PixelEmulator
from pixel_emulator.proxy.fast_path.layer import FastPathLayer, stay
from pixel_emulator.proxy.fast_path.protocol_swap import install
from pixel_emulator.proxy.fast_path.request_reader import HeadTemplates, is_plain
from pixel_emulator.proxy.fast_path.write_batch import WriteBatch

_DNS = (53, 5353)  # mitmproxy takes what comes for these ports for DNS


class FastPath:
    """Has to stand behind the emulator, whose locks decide first, and before NextLayer."""

    name = "pixel_emulator_fast_path"

    def __init__(self, emulator: PixelEmulator, servers: Proxyserver | None = None) -> None:
        self.known: HeadTemplates = {}
        self._emulator = emulator
        self.turn = WriteBatch(emulator.respond)
        self._board = install(servers, self.turn) if servers else stay

    def next_layer(self, data: layer.NextLayer) -> None:
        """Choose the fast path exactly where mitmproxy would choose HTTP/1."""
        place = data.context
        client, start = place.client, data.data_client()
        if data.layer or not isinstance(client.proxy_mode, mode_specs.RegularMode):
            return
        if place.server.address is None:
            data.layer = self._directly(place, start)
        elif client.alpn in HTTP1_ALPNS or (
            # Without ALPN mitmproxy guesses; these beginnings leave it no doubt.
            not client.alpn and is_plain(start) and place.server.address[1] not in _DNS
        ):
            data.layer = self._fast_path_layer(place)

    def _directly(self, place: context.Context, start: bytes) -> layer.Layer:
        if not starts_like_tls_record(start):
            return self._fast_path_layer(place)
        secure = layers.ClientTLSLayer(place)
        secure.child_layer = self._fast_path_layer(place)
        return secure

    def _fast_path_layer(self, place: context.Context, *, is_guess: bool = False) -> FastPathLayer:
        return FastPathLayer(
            place,
            locks=self._emulator.locks,
            respond=self._emulator.respond,
            heard=self._emulator.handshakes.heard,
            board=self._board,
            http=self._emulator.http1.layer,
            tunnel=self._tunnel,
            is_guess=is_guess,
            known=self.known,
        )

    def _tunnel(self, place: context.Context) -> layer.Layer:
        is_dns = place.server.address is not None and place.server.address[1] in _DNS
        return (
            layer.NextLayer(place)
            if is_dns
            else Tunnel(place, partial(self._fast_path_layer, is_guess=True))
        )


class Tunnel(layer.NextLayer):
    """What comes through a tunnel to an emulated host: with TLS it is known without a hook."""

    def __init__(
        self, place: context.Context, make_layer: Callable[[context.Context], layer.Layer]
    ) -> None:
        super().__init__(place)
        self._fast_path_layer = make_layer

    def _ask(self) -> layer.CommandGenerator[None]:
        start: bytes = self.data_client()  # type: ignore[no-untyped-call]
        if not starts_like_tls_record(start):
            yield from super()._ask()  # type: ignore[no-untyped-call]
            return
        # As mitmproxy would build it: the outer one tells HTTP layers that the server has TLS.
        self.layer = layers.ServerTLSLayer(self.context)
        self.layer.child_layer = secure = layers.ClientTLSLayer(self.context)
        secure.child_layer = self._fast_path_layer(self.context)
        self.handle_event = self._handle_event = self.layer.handle_event  # type: ignore[method-assign]
        for event in self.events:
            yield from self.layer.handle_event(event)
