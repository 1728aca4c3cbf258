"""What tests of users look like: some that pass, some that fail at their end.

`python -m tests.pytest_plugin.examples FOLDER` writes them for a pytest in another environment.
"""

import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

CLIENT = """
from socket import create_connection
from urllib.parse import urlsplit
from urllib.request import urlopen
from pixel_emulator.core.model import CallType
from pixel_emulator.core.endpoint.urls import encode

KEY = "wk_test_0000000000000000"

def url(pixels, event, type="track", **payload):
    payload = {"writeKey": KEY, "userId": "user_123", "event": event, **payload}
    return encode(CallType(type), payload, base=getattr(pixels, "url", pixels))

def send(pixels, event, **more):
    urlopen(url(pixels, event, **more), timeout=10).read()

def send_dropped(pixels):
    urlopen(f"{pixels.url}/v1/pixel/track?data=!!!", timeout=10).read()

def connect(pixels):
    port = urlsplit(pixels.proxy).port
    with create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"CONNECT api.segment.io:443 HTTP/1.1\\r\\n\\r\\n")
        assert b" 200 " in client.recv(100)
"""

# Once the package has its entry point, naming the module too would register it twice.
NAMED = "pixel_emulator" in entry_points(group="pytest11").names
PLUGIN = () if NAMED else ("-p", "pixel_emulator.pytest_plugin")

_HEAD = """
    import os, ssl, subprocess, sys
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import suppress
    from threading import Thread, Timer
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener, urlopen
    import pytest
    from dirty_equals import IsStr
    from client import connect, send, send_dropped, url
    from pixel_emulator.files.read_write import read_recording
    SEGMENT = "https://api.segment.io"
    def suppressed(function, **arguments):
        with suppress(AssertionError): function(**arguments)
"""


def module(*bodies):
    """A module with a test for each of the bodies."""
    tests = (
        f"    def test_{n}(pixels, pixel_session_factory, tmp_path):\n        {body.lstrip()}\n"
        for n, body in enumerate(bodies)
    )
    return _HEAD + "".join(tests)


EXAMPLES = {
    "a call is expected with values of dirty-equals": """
        send(pixels, "Email Opened", properties={"subject": "Hi you"})
        pixels.expect(track="Email Opened", properties={"subject": IsStr(regex="Hi.*")})
    """,
    "overlapping expectations share their calls out at the end": """
        send(pixels, "A", userId="u1")
        send(pixels, "A", userId="u2")
        pixels.expect(track="A")
        pixels.expect(track="A", userId="u1")
    """,
    "each call is looked at once by each expectation": """
        looks = []
        def is_user(n): return lambda user: looks.append(n) or user == f"u{n}"
        for n in range(20): send(pixels, "A", userId=f"u{n}")
        for n in range(20): pixels.expect(track="A", userId=is_user(n))
        assert len(looks) == 400
    """,
    "times counts": """
        for n in range(3): send(pixels, "A", properties={"n": n})
        pixels.expect(track="A", times="2..4")
    """,
    "a dropped call is expected": """
        send_dropped(pixels)
        pixels.expect(dropped="bad_request")
    """,
    "a missing key is expected": """
        send(pixels, "A")
        pixels.expect(track="A", properties=pixels.absent)
    """,
    "a call that comes later is waited for and claims nothing": """
        Timer(0.05, send, (pixels, "A")).start()
        call = pixels.wait_for(track="A")
        assert (call["event"], call.type, call.outcome) == ("A", "track", "delivered")
        assert call == pixels.wait_for(track="A")
        pixels.expect(track="A")
    """,
    "a wait goes on while others of the test may still be met": """
        pixels.expect(track="Error", times=0)
        with suppress(AssertionError): pixels.expect(track="B")
        send(pixels, "C"), send(pixels, "C"), send_dropped(pixels)
        Timer(0.05, send, (pixels, "B")).start()
        Timer(0.1, send, (pixels, "A")).start()
        pixels.wait_for(track="A")
        pixels.expect(track="C"), pixels.expect(track="C"), pixels.expect(track="A")
        pixels.expect(dropped=True)
    """,
    "what silence allows may be waited for": """
        send(pixels, "A")
        pixels.expect(track="A")
        pixels.expect_none()
        pixels.wait_for(track="A")
    """,
    "a call that came before is found at once": """
        send(pixels, "A")
        pixels.wait_for(track="A", timeout=0)
        pixels.expect(track="A")
    """,
    "silence is expected, and needs no proof": "pixels.expect_none(proven=False)",
    "silence is proven by a client that connects later": """
        pixels.expect_none()
        pixels.expect_none(proven=False)
        connect(pixels)
    """,
    "silence is proven by a call that was expected": """
        send(pixels, "A")
        pixels.expect(track="A")
        pixels.expect_none()
    """,
    "a rendered template is received without any network": """
        link = f'<a href="{url(SEGMENT, "B")}">no pixel</a>'
        html = f'<p>Hi</p><img src="{url(SEGMENT, "A").replace("&", "&amp;")}">{link}'
        (call,) = pixels.receive(html)
        assert call["event"] == "A" and pixels.connections == 0
        pixels.expect(track="A")
    """,
    "a single URL is received": """
        (call,) = pixels.receive(url(SEGMENT, "A"))
        pixels.expect(track="A", userId="user_123")
    """,
    "everything on the wire can be looked at": """
        send(pixels, "A"), send_dropped(pixels)
        assert [hit.outcome for hit in pixels.requests] == ["delivered", "dropped"]
        assert [call.type for call in pixels.calls] == ["track", "track"]
        assert "bad_request" in [problem.code for problem in pixels.problems]
        assert pixels.connections >= 1 and pixels.calls[0].request.header("user-agent")
        assert repr(pixels.calls[0]).startswith('<#1 delivered  track "A"')
        pixels.clear()
    """,
    "what a test does to a call changes no evidence": """
        send(pixels, "A", properties={"a": [1]})
        (call,) = pixels.calls
        call["properties"]["a"].append(2)
        call.payload["properties"]["a"] = 5
        assert call["properties"] == {"a": [1]} and dict(call) == call.payload
        pixels.expect(track="A", properties={"a": [1]})
    """,
    "the state is what Segment would know": """
        send(pixels, "A", type="identify", traits={"plan": "pro"})
        assert pixels.state.profile("user_123").as_data()["traits"] == {"plan": "pro"}
        pixels.expect(identify="user_123")
    """,
    "clear forgets calls and expectations": """
        send(pixels, "A")
        pixels.expect(track="A")
        pixels.clear()
        assert pixels.calls == ()
        send(pixels, "B")
        pixels.expect(track="B")
    """,
    "save writes a recording": """
        send(pixels, "A")
        pixels.save(tmp_path / "calls.yaml")
        (hit,) = read_recording(tmp_path / "calls.yaml").evidence().hits
        assert hit.call.payload["event"] == "A"
        pixels.expect(track="A")
    """,
    "the variables lead a command here through the proxy": """
        code = f"from urllib.request import urlopen; urlopen({url(SEGMENT, 'A')!r}).read()"
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **pixels.env}, check=True)
        assert os.environ.get("HTTPS_PROXY") != pixels.proxy
        pixels.expect(track="A", request={"host": "api.segment.io"})
    """,
    "the proxy and its CA are at hand": """
        context = ssl.create_default_context(cafile=pixels.ca)
        proxied = build_opener(ProxyHandler({"https": pixels.proxy}), HTTPSHandler(context=context))
        proxied.open(url(SEGMENT, "A"), timeout=10).read()
        assert pixels.bundle.exists() and len(pixels.spki) == 44
        pixels.expect(track="A")
    """,
    "what is expected in another thread counts": """
        send(pixels, "A")
        with ThreadPoolExecutor() as pool: pool.submit(pixels.expect, track="A").result()
    """,
}

FAILING = {
    "a second call that is expected once": """
        send(pixels, "A"), send(pixels, "A")
        pixels.expect(track="A")
    """,
    "a call that nobody expected": 'send(pixels, "A")',
    "a call that came after its expectation": """
        pixels.expect(track="A", times=0)
        send(pixels, "A")
    """,
    "a dropped call": "send_dropped(pixels)",
    "silence while nothing reached the emulator": "pixels.expect_none()",
    "a call after silence was expected, whatever the policies": """
        pixels.expect_none()
        send(pixels, "A")
    """,
    "a call of a session that the test has made": """
        send(pixel_session_factory(), "A")
    """,
    "a wait after a call that was banned has come": """
        pixels.expect(track="Error", times=0)
        Timer(0.05, send, (pixels, "Error")).start()
        pixels.wait_for(track="A", timeout=300)
    """,
    "a wait after a silence was broken": """
        pixels.expect_none()
        send(pixels, "Error")
        pixels.wait_for(track="A", timeout=300)
    """,
    "an expectation that failed in a thread to which nobody listened": """
        thread = Thread(target=suppressed, args=(pixels.expect,), kwargs={"track": "A"})
        thread.start(), thread.join()
    """,
}

# What an environment beside an application looks like: other versions, and no mitmproxy.
BESIDE = """
def test_this_environment_could_not_hold_the_emulator():
    from importlib.metadata import version
    from importlib.util import find_spec
    assert find_spec("mitmproxy") is None
    assert tuple(map(int, version("pydantic").split(".")[:2])) >= (2, 12)
"""


def write(folder: Path) -> None:
    """The examples as files; those that have to fail are expected to."""
    folder.mkdir(parents=True, exist_ok=True)
    failing = module(*FAILING.values()).replace(
        "    def test_", "    @pytest.mark.xfail(strict=True, raises=AssertionError)\n    def test_"
    )
    texts = {
        "client.py": CLIENT,
        "test_passing.py": module(*EXAMPLES.values()),
        "test_failing.py": failing,
        "test_beside.py": BESIDE,
    }
    for name, text in texts.items():
        (folder / name).write_text(textwrap.dedent(text))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
