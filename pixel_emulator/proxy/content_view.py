"""The view "Segment Pixel" of mitmproxy's tools: what a request says, and what is wrong with it."""

from collections.abc import Callable

from mitmproxy import contentviews, http

from pixel_emulator.core.endpoint.pixel import route
from pixel_emulator.core.model import Dialect, Payload
from pixel_emulator.core.problems.classify import classify
from pixel_emulator.core.text.yaml_writer import shallow, write
from pixel_emulator.proxy.hosts import folded
from pixel_emulator.proxy.messages import request_of
from pixel_emulator.runtime.settings import Settings


class SegmentPixel(contentviews.Contentview):
    """Shows a pixel call as YAML, beside its request and beside the GIF."""

    name = "Segment Pixel"
    syntax_highlight = "yaml"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def prettify(self, _data: bytes, metadata: contentviews.Metadata) -> str:
        """Judge the flow's request by itself; raises ValueError where there is none."""
        flow = _pixel_flow(metadata)
        if flow is None:
            raise ValueError("not a pixel request")
        settings = self._settings()
        request = request_of(flow, folded(flow.request.pretty_host))
        judgement = classify(request, Dialect(settings.dialect), settings.sources())
        call = judgement.call
        shown: Payload = {
            "type": call.type.value if call else None,
            "outcome": judgement.outcome.value,
            "form": call.form.value if call else None,
            "problems": [each.as_data() for each in judgement.problems],
            "payload": shallow(call.payload) if call else None,
        }
        return write(shown)

    def render_priority(self, _data: bytes, metadata: contentviews.Metadata) -> float:
        """Above all of mitmproxy's own views for pixel calls, else never."""
        return 2 if _pixel_flow(metadata) else -1


def _pixel_flow(metadata: contentviews.Metadata) -> http.HTTPFlow | None:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return None
    path = flow.request.data.path.partition(b"?")[0]
    return flow if route(flow.request.method, path).type else None
