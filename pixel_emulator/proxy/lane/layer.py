"""The layer that stands where mitmproxy's HttpLayer would, until somebody needs that one."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from mitmproxy import connection
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, context, events, layer, layers
from mitmproxy.proxy.layers.http import HTTPMode

from pixel_emulator.core.calls import PixelRequest, PixelResponse
from pixel_emulator.proxy import messages
from pixel_emulator.proxy.lane.connecting import ESTABLISHED, Connect
from pixel_emulator.proxy.lane.reader import Next, Reader
from pixel_emulator.proxy.locks import Locks

type Answer = Callable[[Sequence[PixelRequest]], Sequence[PixelResponse]]
"""Records the requests of one read, and returns an answer for each."""


class LaneLayer(layer.Layer):
    """Answers plain requests to emulated hosts, and a CONNECT to one.

    Everything else goes to an HttpLayer of mitmproxy's, from the first byte of its head to the
    end of the connection. `unread` holds what was read of a head that is not complete; `child`
    is the layer that has taken over.
    """

    def __init__(
        self,
        place: context.Context,
        *,
        locks: Locks,
        answer: Answer,
        heard: Callable[[connection.Client], None],
    ) -> None:
        super().__init__(place)
        self.unread = b""
        self.child: layer.Layer | None = None
        self._closed = False
        self._locks = locks
        self._answer = answer
        self._heard = heard
        self._reader = Reader(place, locks.host_of)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        client = self.context.client
        if self._closed:
            return
        if isinstance(event, events.Start):
            if client.alpn == b"h2":
                yield from self._hand_over()
        elif isinstance(event, events.DataReceived) and event.connection is client:
            yield from self._read(self.unread + event.data)
        elif isinstance(event, events.ConnectionClosed) and event.connection is client:
            yield commands.CloseConnection(client)
        else:
            yield from self._hand_over()
            yield from self._handle_event(event)

    def _read(self, data: bytes) -> layer.CommandGenerator[None]:
        client = self.context.client
        batch = self._reader.read(data)
        self.unread = batch.rest
        if batch.requests:
            self._heard(client)
            responses = self._answer(batch.requests)
            pairs = zip(batch.requests, responses, strict=True)
            answers = (on_the_wire(response, request.method) for request, response in pairs)
            yield commands.SendData(client, b"".join(answers))
        if batch.next is Next.CLOSE:
            self._closed = True
            yield commands.CloseConnection(client)
        elif batch.next is Next.HAND_OVER:
            asked = None if self.context.server.address else Connect.read(self.unread)
            if asked and self._locks.end_tunnel(client, asked.host, asked.port):
                yield from self._open_tunnel(asked)
            else:
                yield from self._hand_over()

    def _open_tunnel(self, asked: Connect) -> layer.CommandGenerator[None]:
        client = self.context.client
        self._heard(client)
        self.context.server.address = (asked.host, asked.port)
        yield commands.SendData(client, ESTABLISHED)
        yield from self._become(layer.NextLayer(self.context), asked.said)

    def _hand_over(self) -> layer.CommandGenerator[None]:
        """Let mitmproxy go on as it would have begun."""
        tunnelled = self.context.server.address is not None
        self.context.layers.remove(self)  # an HttpStream looks for its HttpLayer above itself
        mode = HTTPMode.transparent if tunnelled else HTTPMode.regular
        yield from self._become(layers.HttpLayer(self.context, mode), self.unread)

    def _become(self, child: layer.Layer, said: bytes) -> layer.CommandGenerator[None]:
        self.child, self.unread = child, b""
        self._handle_event = child.handle_event  # type: ignore[method-assign] # as mitmproxy does
        yield from child.handle_event(events.Start())
        if said:
            yield from child.handle_event(events.DataReceived(self.context.client, said))


@lru_cache(maxsize=64)
def on_the_wire(response: PixelResponse, method: str) -> bytes:
    """The bytes of an answer, as the addon's way through mitmproxy writes them."""
    message = messages.answer(response, method)
    return bytes(http1.assemble_response(message))
