"""mitmproxy's tools show the decoded call for its request and for the GIF."""

import pytest
import yaml
from mitmproxy import contentviews, http
from mitmproxy.test import taddons, tflow, tutils

from pixel_emulator.proxy.addon_options import SegmentPixel
from pixel_emulator.runtime.settings import Settings
from tests.wire import PIXEL

RAW_JSON = '/v1/pixel/track?data={"writeKey":"k","userId":"u","event":"e","value":1.10}'


def flow_of(target: str, method: str = "GET") -> http.HTTPFlow:
    request = tutils.treq(
        host="api.segment.io",
        method=method.encode(),
        path=target.encode(),
        headers=http.Headers(Host="api.segment.io"),
        content=b"",
    )
    return tflow.tflow(req=request, resp=True)


def shown(view: SegmentPixel, flow: http.HTTPFlow) -> str:
    return view.prettify(b"", contentviews.Metadata(flow=flow, http_message=flow.request))


def test_it_shows_the_call_and_what_is_wrong_with_it():
    text = shown(SegmentPixel(Settings), flow_of(RAW_JSON))
    assert "value: 1.10" in text
    content = yaml.safe_load(text)
    assert [content[key] for key in ("type", "outcome", "form")] == ["track", "damaged", "json"]
    assert content["payload"]["event"] == "e"
    codes = {problem["code"]: problem for problem in content["problems"]}
    assert codes["raw_json"]["severity"] == "damage"
    assert set(codes["raw_json"]) == {"code", "severity", "path", "message", "source"}


def test_it_follows_the_settings():
    view = SegmentPixel(lambda: Settings(dialect="strict"))
    content = yaml.safe_load(shown(view, flow_of(RAW_JSON)))
    assert (content["outcome"], content["payload"]) == ("dropped", None)


def test_a_payload_too_deep_for_yaml_is_shown_as_json():
    deep = "[" * 300 + "]" * 300
    content = yaml.safe_load(
        shown(SegmentPixel(Settings), flow_of(f'/v1/pixel/track?data={{"a":{deep}}}'))
    )
    assert content["payload"].startswith('{"a":')


@pytest.mark.parametrize(
    ("target", "method", "chosen"),
    [
        (PIXEL, "GET", True),
        ("/V1/Pixel/PAGE/?data=!", "HEAD", True),
        (PIXEL, "POST", False),
        ("/v1/pixel/other", "GET", False),
        ("/", "GET", False),
    ],
)
def test_it_is_chosen_for_pixel_calls_only(target: str, method: str, chosen: bool):
    flow = flow_of(target, method)
    for message in (flow.request, flow.response):
        metadata = contentviews.Metadata(flow=flow, http_message=message)
        assert (SegmentPixel(Settings).render_priority(b"", metadata) > 1) is chosen


def test_without_a_pixel_request_there_is_nothing_to_show():
    view = SegmentPixel(Settings)
    assert view.render_priority(b"", contentviews.Metadata()) < 0
    with pytest.raises(ValueError, match="not a pixel request"):
        view.prettify(b"", contentviews.Metadata())


@pytest.mark.parametrize("side", ["request", "response"])
def test_mitmproxy_selects_it_by_default(side: str):
    contentviews.add(SegmentPixel(Settings))
    flow = flow_of(PIXEL)
    with taddons.context():  # it reads mitmproxy's global options
        shown = contentviews.prettify_message(getattr(flow, side), flow)
    assert (shown.view_name, shown.syntax_highlight) == ("Segment Pixel", "yaml")
    assert shown.text.startswith("type: track\noutcome: delivered\n")
