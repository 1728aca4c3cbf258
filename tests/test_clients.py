"""Real clients reach the emulator with nothing but their environment, over HTTPS."""

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pixel_emulator.command.environment import browser_flags, command_environment
from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType, Hit, Outcome
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from pixel_emulator.trust import stores as java_trust
from pixel_emulator.trust.stores import TrustStores, certificates
from tests.certificates import make_authority
from tests.programs import (
    CHROMIUM,
    NODE,
    needs_chromium,
    needs_curl,
    needs_java,
    needs_node,
)

pytestmark = pytest.mark.thorough

PYTHON = {
    "requests": "import requests; requests.get({url!r}).raise_for_status()",
    "httpx": "import httpx; httpx.get({url!r}).raise_for_status()",
    "urllib": "import urllib.request; urllib.request.urlopen({url!r}).read()",
    "aiohttp": """
import aiohttp, asyncio
async def main():
    async with aiohttp.ClientSession(trust_env=True, raise_for_status=True) as session:
        async with session.get({url!r}) as response:
            await response.read()
asyncio.run(main())
""",
}
SCRIPTS = {
    "fetch": "fetch({url!r}).then(r => r.arrayBuffer()).then(b => console.log(b.byteLength))",
    "https.get": "require('https').get({url!r}, r => r.resume())",
}
JAVA = {
    "HttpURLConnection": "new java.net.URL(args[0]).openStream().readAllBytes();",
    "HttpClient": """
java.net.http.HttpClient.newHttpClient().send(
    java.net.http.HttpRequest.newBuilder(java.net.URI.create(args[0])).build(),
    java.net.http.HttpResponse.BodyHandlers.discarding());
""",
}
MAIL = """<!doctype html><img src="{top}" width="1" height="1" alt="">
<p>Your receipt</p><img src="{end}" width="1" height="1" alt="">"""
PLAYWRIGHT = """
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=sys.argv[1],
        proxy={{"server": os.environ["PIXEL_EMULATOR_PROXY"]}},
        args=["--ignore-certificate-errors-spki-list=" + os.environ["PIXEL_EMULATOR_SPKI"]],
    )
    browser.new_page().goto({page!r}, wait_until="load")
    browser.close()
"""


@pytest.fixture(scope="module")
def journal() -> Journal:
    """What the emulator of this module records."""
    return Journal(Settings())


@pytest.fixture(scope="module")
def emulator(journal: Journal) -> Iterator[Emulator]:
    """A running emulator."""
    with Emulator(Settings(port=0), journal) as running:
        yield running


@pytest.fixture
def environ(emulator: Emulator) -> Callable[..., dict[str, str]]:
    """The environment of a client; keywords are variables that the user had set before."""

    def make(**before: str) -> dict[str, str]:
        mine = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | before
        child = command_environment(
            mine,
            proxy=emulator.proxy,
            spki=emulator.authority.spki,
            stores=TrustStores(emulator.directory, emulator.authority.ca),
            hosts=Settings().hosts,
        )
        return child.applied_to(mine)

    return make


def pixel(event: str) -> str:
    """A pixel URL without a mistake."""
    payload = {"writeKey": "wk_test_0000000000000000", "userId": "user_1", "event": event}
    return encode(CallType.TRACK, dict(payload))


def events(journal: Journal, *names: str) -> list[tuple[str, Outcome]]:
    """The calls with these event names, each with its outcome."""
    judged = [(_event(hit), hit.outcome) for hit in journal.hits]
    return [(event, outcome) for event, outcome in judged if event in names]


def _event(hit: Hit) -> str:
    return str(((hit.call and hit.call.payload) or {}).get("event"))


def ran(command: list[str], environ: dict[str, str]) -> str:
    """The output of a client; fails with its messages if it fails."""
    done = subprocess.run(
        command, check=False, env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def java_source(folder: Path, body: str) -> str:
    """A Java program with this body."""
    source = folder / "Pixel.java"
    source.write_text(
        f"class Pixel {{ public static void main(String[] args) throws Exception {{ {body} }} }}"
    )
    return str(source)


@needs_curl
def test_curl(journal, environ):
    ran(["curl", "-sSf", "-o", os.devnull, pixel("curl")], environ())
    assert events(journal, "curl") == [("curl", Outcome.DELIVERED)]


@pytest.mark.parametrize("client", PYTHON)
def test_python(journal, environ, client):
    ran([sys.executable, "-c", PYTHON[client].format(url=pixel(client))], environ())
    assert events(journal, client) == [(client, Outcome.DELIVERED)]


@needs_node
@pytest.mark.parametrize("client", SCRIPTS)
def test_node(journal, environ, client):
    ran([NODE, "-e", SCRIPTS[client].format(url=pixel(client))], environ())
    assert events(journal, client) == [(client, Outcome.DELIVERED)]


@needs_java
@pytest.mark.parametrize("client", JAVA)
def test_java(journal, environ, client, tmp_path):
    ran(["java", java_source(tmp_path, JAVA[client]), pixel(client)], environ())
    assert events(journal, client) == [(client, Outcome.DELIVERED)]


@needs_java
@pytest.mark.parametrize("variable", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"])
def test_java_with_a_trust_store_of_its_own(journal, environ, variable, tmp_path):
    theirs_only = certificates(str(make_authority(tmp_path / "theirs.pem")))
    (tmp_path / "theirs.p12").write_bytes(java_trust.pkcs12_truststore(theirs_only))
    theirs = f"-Djavax.net.ssl.trustStore={tmp_path / 'theirs.p12'}"
    ran(
        ["java", java_source(tmp_path, next(iter(JAVA.values()))), pixel(variable)],
        environ(**{variable: theirs}),
    )
    assert events(journal, variable) == [(variable, Outcome.DELIVERED)]


@needs_chromium
def test_a_browser_renders_a_mail_with_two_pixels(journal, emulator, environ, tmp_path):
    mail = tmp_path / "mail.html"
    mail.write_text(MAIL.format(top=pixel("top"), end=pixel("end")))
    flags = browser_flags(emulator.proxy, emulator.authority.spki)
    flags += ["--headless", "--no-sandbox", f"--user-data-dir={tmp_path}/profile", "--dump-dom"]
    ran([CHROMIUM, *flags, mail.as_uri()], environ())
    assert sorted(events(journal, "top", "end")) == [
        ("end", Outcome.DELIVERED),
        ("top", Outcome.DELIVERED),
    ]


@needs_chromium
def test_playwright_with_the_variables_for_browsers(journal, environ, tmp_path):
    mail = tmp_path / "mail.html"
    mail.write_text(MAIL.format(top=pixel("playwright"), end=""))
    script = PLAYWRIGHT.format(page=mail.as_uri())
    ran([sys.executable, "-c", script, CHROMIUM], environ())
    assert events(journal, "playwright") == [("playwright", Outcome.DELIVERED)]


class TestOtherHosts:
    """A host with a certificate of their own CA, reached through the proxy."""

    @pytest.fixture
    def url(self, authority: Path) -> Iterator[str]:
        """A server that says `theirs`, at an address that no client keeps from the proxy."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(f"{authority}.server")
        with HTTPServer(("127.0.0.2", 0), _Theirs) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            yield f"https://127.0.0.2:{server.server_port}/"
            server.shutdown()
            thread.join()

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Path:
        """Their CA."""
        return make_authority(tmp_path / "theirs.pem", leaf_for="127.0.0.2")

    @pytest.fixture(autouse=True)
    def _through_the_proxy(self, journal: Journal) -> Iterator[None]:
        before = journal.evidence().connections
        yield
        assert journal.evidence().connections > before

    @needs_curl
    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "CURL_CA_BUNDLE"])
    def test_curl(self, environ, url, authority, variable):
        environ = environ(**{variable: str(authority)})
        assert ran(["curl", "-sSf", url], environ) == "theirs"

    @pytest.mark.parametrize(
        ("client", "variable"),
        [
            ("requests", "REQUESTS_CA_BUNDLE"),
            ("requests", "CURL_CA_BUNDLE"),
            ("httpx", "SSL_CERT_FILE"),
            ("urllib", "SSL_CERT_FILE"),
            ("aiohttp", "SSL_CERT_FILE"),
        ],
    )
    def test_python(self, environ, url, authority, client, variable):
        environ = environ(**{variable: str(authority)})
        ran([sys.executable, "-c", PYTHON[client].format(url=url)], environ)

    @needs_node
    def test_node(self, environ, url, authority):
        environ = environ(NODE_EXTRA_CA_CERTS=str(authority))
        assert ran([NODE, "-e", SCRIPTS["fetch"].format(url=url)], environ) == "6\n"


class _Theirs(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"theirs")

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""
