"""Records requests together and answers them, outside of mitmproxy's flows."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from mitmproxy import connection
from mitmproxy.addonmanager import safecall
from mitmproxy.net.http import http1

from pixel_emulator.core.model import PixelRequest, PixelResponse
from pixel_emulator.proxy.journals import Journals
from pixel_emulator.proxy.messages import FALLBACK, answer, response_to

type Said = tuple[connection.Client, PixelRequest]
type Answer = Callable[[Sequence[Said]], Sequence[PixelResponse]]
"""Records requests together, and returns an answer for each."""


class JournalAnswers:
    """Records requests together; whatever fails is logged, and answered."""

    def __init__(self, journals: Journals) -> None:
        self._journals = journals

    def __call__(self, said: Sequence[Said]) -> list[PixelResponse]:
        responses = [FALLBACK] * len(said)
        with safecall():  # logs an error, as it does for a hook: `FailureHandler` takes it over
            landings = [self._journals.landing(request, client) for client, request in said]
            responses = [response_to(each.request) for each in landings]
            for journal, together in groupby(landings, key=attrgetter("journal")):
                if journal:
                    journal.record_all([each.request for each in together])
        return responses


def on_the_wire(requests: Sequence[PixelRequest], responses: Sequence[PixelResponse]) -> bytes:
    """The bytes of the answers to requests, as the addon's way through mitmproxy writes them."""
    pairs = zip(requests, responses, strict=True)
    return b"".join([_bytes(response, request.method) for request, response in pairs])


@lru_cache(maxsize=64)
def _bytes(response: PixelResponse, method: str) -> bytes:
    return bytes(http1.assemble_response(answer(response, method)))
