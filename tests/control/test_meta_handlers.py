"""Health, certificates, and the ways to route clients to the emulator."""

import os
import shlex
import subprocess
from importlib.metadata import version

import pytest

from tests.control_client import PIXEL, SEGMENT, client_of, kind
from tests.programs import NODE, needs_curl, needs_node


def test_it_is_well(control):
    with client_of(control, token=False) as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.head("/health").status_code == 200


def test_the_emulator_describes_itself(emulator, http):
    told = http.get("/emulator").json()
    assert told["version"] == version("pixel-emulator")
    assert told["pid"] == os.getpid()
    assert told["url"] == emulator.url
    assert told["failures"] == []


def test_certificates_are_those_of_the_emulator(emulator, http):
    assert http.get("/ca.pem").content == emulator.authority.ca.read_bytes()
    assert http.get("/bundle.pem").content == emulator.authority.bundle.read_bytes()
    assert b"PRIVATE" not in http.get("/ca.pem").content
    assert http.get("/spki").text == emulator.authority.spki


@needs_node
@pytest.mark.parametrize("of_session", [True, False])
def test_the_pac_file_routes_only_emulated_hosts(emulator, http, session, of_session):
    query = {"session": session["name"]} if of_session else {}
    answer = http.get("/proxy.pac", params=query)
    assert answer.headers["content-type"].startswith("application/x-ns-proxy-autoconfig")
    proxy = (
        session if of_session else emulator.sessions.default.__dict__ | {"proxy": emulator.proxy}
    )["proxy"]
    hosts = ["api.segment.io", "API.Segment.io.", "segment.io", "api.segment.io.evil.example"]
    script = f"{answer.text}\nfor (const h of {hosts}) console.log(FindProxyForURL('', h))"
    ran = subprocess.run([NODE, "-e", script], check=True, capture_output=True, text=True)
    ours = f"PROXY {proxy.removeprefix('http://')}"
    assert ran.stdout.split("\n")[:4] == [ours, ours, "DIRECT", "DIRECT"]


@needs_curl
def test_the_environment_leads_a_shell_to_a_session(http, session):
    text = http.get("/env", params={"session": session["name"]}).text
    script = f"{text}\ncurl -sS --fail -o /dev/null {shlex.quote(SEGMENT + PIXEL)}"
    environ = {"PATH": os.environ["PATH"]}
    subprocess.run(["sh", "-euc", script], check=True, env=environ)
    page = http.get(f"/sessions/{session['name']}/requests").json()
    assert len(page["entries"]) == 1


def test_the_environment_of_the_emulator_is_not_shown(http, monkeypatch):
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dsecret=1")
    monkeypatch.setenv("NO_PROXY", "secret.example")
    assert "secret" not in http.get("/env").text


@pytest.mark.parametrize("path", ["/proxy.pac", "/env"])
def test_an_unknown_session_leads_nowhere(http, path):
    assert kind(http.get(path, params={"session": "nobody"})) == "unknown-session"
