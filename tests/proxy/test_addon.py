"""The hooks of the addon, in mitmproxy's test kit."""

import asyncio
import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from mitmproxy import http
from mitmproxy.flow import Error
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import taddons, tflow, tutils

from pixel_emulator.core.endpoint.routes import GIF
from pixel_emulator.core.model import Outcome
from pixel_emulator.proxy.addon import MITMPROXY_LOGGER, FailureHandler, PixelEmulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.wire import PIXEL

SETTINGS = Settings()


@pytest.fixture
def emulator() -> Iterator[PixelEmulator]:
    emulator = PixelEmulator(SETTINGS, Journal(SETTINGS))
    with taddons.context(emulator):
        yield emulator


def flow_of(
    target: str = PIXEL,
    host: str = "api.segment.io",
    *,
    method: str = "GET",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    live: bool = True,
) -> http.HTTPFlow:
    request = tutils.treq(
        host=host,
        port=443,
        scheme=b"https",
        method=method.encode(),
        path=target.encode(),
        headers=http.Headers(headers),
        content=b"",
    )
    flow = tflow.tflow(req=request, live=live)
    flow.client_conn.sni = None
    return flow


def cycle(emulator: PixelEmulator, flow: http.HTTPFlow) -> http.HTTPFlow:
    async def hooks() -> None:
        flow.response = None if flow.live else flow.response
        emulator.requestheaders(flow)
        emulator.request(flow)

    asyncio.run(hooks())
    return flow


def test_a_pixel_is_answered(emulator: PixelEmulator):
    flow = cycle(emulator, flow_of())
    assert flow.response is not None
    assert flow.response.content == GIF
    assert flow.response.headers.fields == (
        (b"Content-Type", b"image/gif"),
        (b"Cache-Control", b"no-cache, max-age=0"),
        (b"Content-Length", b"42"),
    )


@pytest.mark.parametrize(
    ("host", "sni", "header", "ours"),
    [
        ("api.segment.io", None, None, True),
        ("API.SEGMENT.IO.", None, None, True),
        ("192.0.2.1", "Api.Segment.Io", None, True),
        ("192.0.2.1", None, b"api.segment.io:443", True),
        ("192.0.2.1", None, b"API.segment.io.", True),
        ("192.0.2.1", None, None, False),
        ("segment.io", "api.segment.io.example", b"x.api.segment.io", False),
        ("192.0.2.1", None, b"a b\xff:::", False),
    ],
)
def test_host_host_header_or_sni_make_a_request_one_for_an_emulated_host(
    emulator: PixelEmulator, host: str, sni: str | None, header: bytes | None, ours: bool
):
    flow = flow_of(host=host, headers=((b"Host", header),) if header else ())
    flow.client_conn.sni = sni
    cycle(emulator, flow)
    assert (flow.response is not None, len(emulator.journal.hits)) == (ours, int(ours))


@pytest.mark.parametrize(
    ("host", "port", "ours"),
    [
        ("127.0.0.1", 8080, True),
        ("localhost", 8080, True),
        ("[::1]", 8080, True),
        ("127.0.0.1", 8081, False),
        ("other.example", 8080, False),
    ],
)
def test_our_listening_address_makes_a_request_one_for_us(
    emulator: PixelEmulator, host: str, port: int, ours: bool
):
    flow = flow_of(host=host.strip("[]"))
    flow.request.port = port
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    assert (cycle(emulator, flow).response is not None) is ours


def test_a_large_request_to_an_emulated_host_is_not_streamed_upstream(emulator: PixelEmulator):
    flow = flow_of(method="POST")
    flow.request.stream = True
    assert not cycle(emulator, flow).request.stream


def test_a_flow_from_a_file_is_recorded_and_keeps_its_answer(emulator: PixelEmulator):
    flow = flow_of(live=False)
    flow.response = tutils.tresp(content=b"theirs")
    cycle(emulator, flow)
    assert flow.response.content == b"theirs"
    [hit] = emulator.journal.hits
    assert hit.time == datetime.fromtimestamp(flow.request.timestamp_start, UTC)


@pytest.mark.parametrize("status", [None, -1, 0])
@pytest.mark.parametrize("error", [None, Error("net::ERR_ABORTED")])
def test_a_flow_from_a_file_that_has_no_answer_is_a_gap(emulator: PixelEmulator, status, error):
    """Browsers write requests that were blocked or given up into a HAR with status -1 or 0."""
    made = flow_of(live=False)
    made.error = error
    made.response = None
    if status is not None:
        made.response = tutils.tresp()
        made.response.data.status_code = status
    before = made.response
    assert cycle(emulator, made).response is before
    evidence = emulator.journal.evidence()
    assert evidence.hits == ()
    assert "was aborted before it had an answer" in evidence.gaps[0]


def test_the_answer_of_another_addon_stands_and_the_call_is_recorded(emulator: PixelEmulator):
    flow = flow_of()
    flow.response = tutils.tresp(content=b"theirs")
    emulator.request(flow)
    assert flow.response.content == b"theirs"
    assert len(emulator.journal.hits) == 1


def test_the_gif_is_set_before_our_code_can_fail(
    emulator: PixelEmulator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pixel_emulator.proxy.addon.request_of", None)
    flow = flow_of()
    with pytest.raises(TypeError):
        emulator.request(flow)
    assert flow.response is not None
    assert flow.response.content == GIF


def test_a_flow_with_an_error_is_left_alone(emulator: PixelEmulator):
    flow = tflow.tflow(req=flow_of().request, err=True)
    emulator.request(flow)
    assert emulator.journal.hits == ()


@pytest.mark.parametrize(
    ("header", "url"),
    [
        (b"api.segment.io", "https://api.segment.io"),
        (b"API.segment.io:443", "https://API.segment.io:443"),
        (b"other.example", "https://api.segment.io"),
        (b"", "https://api.segment.io"),
    ],
)
def test_the_host_header_is_recorded_if_it_names_the_host_of_the_request(
    emulator: PixelEmulator, header: bytes, url: str
):
    cycle(emulator, flow_of("/v1/pixel/page", headers=((b"Host", header),)))
    assert emulator.journal.hits[0].request.url == f"{url}/v1/pixel/page"


def test_odd_methods_and_headers_can_be_stored(emulator: PixelEmulator):
    cycle(emulator, flow_of(method="get", headers=((b"X-\xff", b"\xed\xa0\x80"),)))
    [hit] = emulator.journal.hits
    assert (hit.request.method, hit.exchange.status) == (
        "get",
        405,
    )  # Go compares methods as they are
    assert hit.request.headers == (("x-ÿ", "í\xa0\x80"),)


ANNOTATIONS = [
    (
        PIXEL,
        "track Opened · delivered",
        ":white_check_mark:",
        {"type": "track", "event": "Opened", "user_id": "u1", "form": "flat"},
    ),
    (
        "/v1/pixel/page?writeKey=k&userId=1&name=Home",
        "page Home · delivered",
        ":white_check_mark:",
        {"type": "page", "name": "Home", "outcome": "delivered", "seq": 1},
    ),
    (
        "/v1/pixel/track?data=!",
        "track · dropped · bad_request",
        ":x:",
        {"outcome": "dropped", "problems": "bad_request"},
    ),
    (
        "/v1/pixel/track?writeKey=k&userId=undefined&event=a",
        "track a · damaged · ",
        ":warning:",
        {"outcome": "damaged"},
    ),
    ("/nothing", "unhandled", ":grey_question:", {"outcome": "unhandled"}),
]


@pytest.mark.parametrize(("target", "comment", "marker", "metadata"), ANNOTATIONS)
def test_a_flow_is_annotated_with_its_outcome(
    emulator: PixelEmulator,
    target: str,
    comment: str,
    marker: str,
    metadata: dict[str, str | int],
):
    flow = cycle(emulator, flow_of(target))
    assert flow.comment.startswith(comment)
    assert flow.marked == marker
    assert {f"pixel.{name}": value for name, value in metadata.items()}.items() <= (
        flow.metadata.items()
    )


def test_a_duplicate_is_marked_as_such(emulator: PixelEmulator):
    flows = [cycle(emulator, flow_of(f"{PIXEL}&messageId=m1")) for _ in range(2)]
    assert [flow.metadata["pixel.outcome"] for flow in flows] == ["delivered", "duplicate"]
    assert flows[1].marked == ":repeat:"


def test_every_annotation_survives_a_file(emulator: PixelEmulator):
    data = '{"event": "\\ud800", "userId": 12345678901234567890, "anonymousId": true, "name": 1.5}'
    odd = cycle(emulator, flow_of(f"/v1/pixel/track?data={data}".replace(" ", "")))
    file = io.BytesIO()
    FlowWriter(file).add(odd)
    file.seek(0)
    [read] = FlowReader(file).stream()
    assert read.metadata == odd.metadata
    assert read.metadata["pixel.event"] == "\\ud800"
    assert read.metadata["pixel.user_id"] == 12345678901234567890


def test_a_long_text_is_truncated_and_no_write_key_is_in_the_annotations(emulator: PixelEmulator):
    flow = cycle(emulator, flow_of(f"/v1/pixel/track?writeKey=wk_test_0000&event={'x' * 999}"))
    assert flow.metadata["pixel.event"] == "x" * 200 + "…"
    assert "wk_test" not in f"{flow.metadata}{flow.comment}"


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_marker_that_mitmproxy_knows(outcome: Outcome):
    from mitmproxy.utils.emoji import emoji

    from pixel_emulator.proxy.addon import _MARKERS

    assert _MARKERS[outcome] in emoji


def test_connections_are_counted(emulator: PixelEmulator):
    emulator.client_connected(tflow.tclient_conn())
    assert emulator.journal.evidence().connections == 1


def test_what_mitmproxy_logs_as_an_error_is_a_failure():
    journal = Journal(SETTINGS)
    handler = FailureHandler(journal)
    handler.install()
    logger = logging.getLogger(f"{MITMPROXY_LOGGER.name}.addonmanager")
    try:
        logger.warning("nothing")
        logger.error("Addon error", exc_info=ValueError("odd"))
        logger.error("by itself")
    finally:
        handler.uninstall()
    logger.error("too late")
    assert journal.failures == (
        "mitmproxy: Addon error (ValueError('odd'))",
        "mitmproxy: by itself",
    )
