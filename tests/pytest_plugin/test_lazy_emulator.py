"""Tests that need no emulator pass where none can run; for others the error has advice."""

import shlex
import sys

import pytest

pytest_plugins = ["pytester"]

COMMAND = f"pixel_emulator_command = {shlex.quote(sys.executable)} -m pixel_emulator"
RECEIVES = """
    import sys
    from client import url
    HTML = f'<img src="{url("https://api.segment.io", "A")}">'
    def test_received(pixels, pixel_session_factory):
        for session in (pixels, pixel_session_factory()):
            session.receive(HTML)
            session.expect(track="A")
            session.clear()
            session.expect_none()
            session.receive(url("https://api.segment.io", "B"))
            session.expect(track="B")
            session.save("saved.yaml")
"""
SENDS = """
    import os, subprocess, sys
    import pytest
    from client import send, url
    CODE = "import sys; from urllib.request import urlopen; urlopen(sys.argv[1]).read()"
    def test_sent(pixels):
        send(pixels, "A")
        pixels.expect(track="A")
    def test_sent_by_a_command(pixels):
        env = {**os.environ, **pixels.env}
        target = url(env["PIXEL_EMULATOR_URL"], "A")
        subprocess.run([sys.executable, "-c", CODE, target], env=env, check=True)
        pixels.expect(track="A")
"""
SOCKETS = ("--disable-socket",)
ALLOWED = "*`pixels.receive` needs no socket; *run pytest with `--allow-hosts=127.0.0.1`*"


@pytest.mark.parametrize("ini", ["", COMMAND, "pixel_emulator_command = nobody"])
@pytest.mark.parametrize("more", [(), ("--allow-unix-socket",)])
def test_what_is_received_needs_no_socket(inner, more, ini):
    recorded = ("--pixel-recording=calls.yaml", "--pixel-show")
    inner(*SOCKETS, *more, *recorded, ini=ini, test_it=RECEIVES).assert_outcomes(passed=1)


@pytest.mark.parametrize("ini", ["", COMMAND], ids=["here", "elsewhere"])
def test_a_refused_socket_is_reported_with_advice(inner, ini):
    result = inner(*SOCKETS, ini=ini, test_it=SENDS)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([ALLOWED, ALLOWED])
    inner(*SOCKETS, "--allow-hosts=127.0.0.1", ini=ini, test_it=SENDS).assert_outcomes(passed=2)


def test_a_remote_emulator_that_may_not_be_reached_is_reported(inner):
    # In a process of its own: `socket.create_connection` leaves a socket open that pytest-socket
    # does not let it connect, and a later test would fail for it.
    result = inner("--allow-hosts=192.0.2.1", ini=COMMAND, apart=True, test_it=SENDS)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([ALLOWED])


PATCHED = "from gevent import monkey; monkey.patch_all()"


@pytest.mark.thorough
def test_under_gevent_what_is_received_needs_no_emulator(inner):
    inner(apart=True, conftest=PATCHED, test_it=RECEIVES).assert_outcomes(passed=1)


@pytest.mark.thorough
def test_under_gevent_the_emulator_runs_elsewhere(inner):
    result = inner(apart=True, conftest=PATCHED, test_it=SENDS)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*gevent has patched*: set `pixel_emulator_command = pixel-emul*"])
    inner(apart=True, conftest=PATCHED, ini=COMMAND, test_it=SENDS).assert_outcomes(passed=2)


@pytest.mark.thorough
def test_what_is_received_needs_no_mitmproxy(inner):
    """As in a light install: an import of it would be an error, and no command would be found."""
    without = """
        import sys
        for name in ("mitmproxy", "httptools", "starlette", "uvicorn"):
            sys.modules[name] = None
    """
    ini = "pixel_emulator_command = nobody"
    inner(apart=True, conftest=without, ini=ini, test_it=RECEIVES).assert_outcomes(passed=1)


MOVES = """
    import threading
    from client import send, url
    def test_it(pixels):
        made = [pixels.receive(url("https://api.segment.io", f"E{n}"))[0] for n in range(3)]
        pixels.clear()
        pixels.receive(url("https://api.segment.io", "A", messageId="m"))
        waiting = threading.Thread(target=pixels.wait_for, kwargs={"track": "B", "timeout": 300})
        waiting.start()
        send(pixels, "B")
        waiting.join()
        send(pixels, "C", messageId="m")
        assert [call.hit.seq for call in pixels.calls] == [4, 5, 6]
        assert [call["event"] for call in pixels.calls] == ["A", "B", "C"]
        assert pixels.calls[2].outcome == "duplicate"
        pixels.expect(track="A")
        pixels.expect(track="B")
"""


@pytest.mark.parametrize("ini", ["", COMMAND], ids=["here", "elsewhere"])
def test_a_session_keeps_what_it_has_received_when_a_client_comes(inner, pytester, ini):
    recorded = ("--pixel-recording=calls.yaml", "--pixel-show")
    result = inner(*recorded, ini=ini, test_it=MOVES)
    result.assert_outcomes(passed=1)
    seen = [line for line in result.outlines if "test_it #" in line]
    assert [line.partition("#")[2][0] for line in seen] == [*"123456"]
    assert (pytester.path / "calls.yaml").read_text().count("seq: ") == 6
