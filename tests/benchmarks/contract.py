"""`uv run python -m tests.benchmarks contract`: what the pytest plugin costs, against others."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RUNS = 5
# A user's imports are compiled; without that everything here would measure the compiler.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
QUIET = ("-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:playwright")

START = """
from pixel_emulator.config import Settings
from pixel_emulator.pytest_plugin.local import LocalHost
host = LocalHost(Settings(port=0))
host.open()
host.close()
"""
# Times of the phases of each test, by the fixture that it uses, and of all tests together.
CONFTEST = """
import json, time
import pytest
PHASES, SPAN, DELAYS = {}, [], []
@pytest.fixture(scope="session")
def delays(): return DELAYS
def timed(item, phase):
    start = time.perf_counter()
    yield
    PHASES.setdefault(f"{item.originalname}.{phase}", []).append(time.perf_counter() - start)
@pytest.hookimpl(wrapper=True)
@dataclass(frozen=True, slots=True)
class Times:
    """What a run took, in seconds: the phases of its tests, each test (wall and CPU), and what
    the tests have measured themselves."""

    phases: dict[str, list[float]]
    spans: list[tuple[float, float]]
    delays: list[float]


def pytest_runtest_setup(item): yield from timed(item, "setup")
@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item): yield from timed(item, "teardown")
@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    start = time.perf_counter(), time.process_time()
    result = yield
    SPAN.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return result
def pytest_sessionfinish(session):
    found = {"phases": PHASES, "spans": SPAN, "delays": DELAYS}
    open("times.json", "w").write(json.dumps(found))
"""
HEAD = """
import ssl, time
from http.client import HTTPConnection, HTTPSConnection
from threading import Thread
from urllib.parse import urlsplit
import pytest
TARGET = "/v1/pixel/track?userId=user_1&event=Email%20Opened&writeKey=wk_test_0000"
def ask(connection, target=TARGET):
    connection.request("GET", target)
    connection.getresponse().read()
    connection.close()
"""
NOTHING = """
@pytest.mark.parametrize("n", range(300))
def test_nothing(n): pass
"""
PLAIN = """
@pytest.mark.parametrize("n", range(300))
def test_pixels(pixels, n): pass
"""
WAITS = """
@pytest.mark.parametrize("n", range(200))
def test_wait(pixels, delays, n):
    answered = []
    def call():
        at = urlsplit(pixels.url)
        ask(HTTPConnection(at.hostname, at.port), at.path + TARGET)
        answered.append(time.perf_counter())
    thread = Thread(target=call)
    thread.start()
    pixels.wait_for(track="Email Opened")
    returned = time.perf_counter()
    thread.join()
    delays.append(returned - answered[0])
    pixels.expect(track="Email Opened")
"""
OURS = {
    "receive": """
@pytest.mark.parametrize("n", range(500))
def test_it(pixels, n):
    pixels.receive(TARGET)
    pixels.expect(track="Email Opened", userId="user_1")
""",
    "direct HTTP": """
@pytest.mark.parametrize("n", range(500))
def test_it(pixels, n):
    at = urlsplit(pixels.url)
    ask(HTTPConnection(at.hostname, at.port), at.path + TARGET)
    pixels.expect(track="Email Opened", userId="user_1")
""",
    "direct HTTP, one connection kept": """
KEPT = {}
@pytest.mark.parametrize("n", range(500))
def test_it(pixels, n):
    at = urlsplit(pixels.url)
    connection = KEPT.setdefault(at.port, HTTPConnection(at.hostname, at.port))
    connection.request("GET", at.path + TARGET)
    connection.getresponse().read()
    pixels.expect(track="Email Opened", userId="user_1")
""",
    "HTTPS through the proxy": """
@pytest.fixture(scope="session")
def trust(pixel_emulator): return ssl.create_default_context(cafile=pixel_emulator.ca)
@pytest.mark.parametrize("n", range(500))
def test_it(pixels, trust, n):
    at = urlsplit(pixels.proxy)
    connection = HTTPSConnection(at.hostname, at.port, context=trust)
    connection.set_tunnel("api.segment.io")
    ask(connection)
    pixels.expect(track="Email Opened", userId="user_1")
""",
}
# The same with the session-wide server of pytest-httpserver, as its documentation has it.
SERVER = """
@pytest.fixture
def server(httpserver):
    yield httpserver
    httpserver.clear()
@pytest.mark.parametrize("n", range(500))
def test_it(server, n):
    server.expect_request("/v1/pixel/track", method="GET").respond_with_data(
        "GIF89a", content_type="image/gif")
    {ask}
    (request, _), = server.log
    assert request.args["event"] == "Email Opened" and request.args["userId"] == "user_1"
    server.check()
"""
THEIRS = SERVER.format(ask="ask(HTTPConnection(server.host, server.port))")
THEIRS_KEPT = "KEPT = {}\n" + SERVER.format(
    ask="""connection = KEPT.setdefault(server.port, HTTPConnection(server.host, server.port))
    connection.request("GET", TARGET)
    connection.getresponse().read()"""
)
THEIRS_SECURE = """
import datetime
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
@pytest.fixture(scope="session")
def httpserver_ssl_context():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = x509.CertificateBuilder(
        subject_name=name, issuer_name=name, public_key=key.public_key(), serial_number=1,
        not_valid_before=now, not_valid_after=now + datetime.timedelta(1),
        extensions=[x509.Extension(x509.SubjectAlternativeName.oid, False,
            x509.SubjectAlternativeName([x509.DNSName("localhost")]))],
    ).sign(key, hashes.SHA256())
    with open("server.pem", "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem")
    return context
@pytest.fixture(scope="session")
def trust(httpserver_ssl_context): return ssl.create_default_context(cafile="server.pem")
""" + SERVER.replace("(server, n)", "(server, trust, n)").format(
    ask="ask(HTTPSConnection(server.host, server.port, context=trust))"
)
AGAINST = {
    "receive": THEIRS,
    "direct HTTP": THEIRS,
    "direct HTTP, one connection kept": THEIRS_KEPT,
    "HTTPS through the proxy": THEIRS_SECURE,
}


def main() -> None:
    """Print the tables; every figure is a median of alternating runs, or of many tests."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {RUNS} runs each\n")
    start()
    phases()
    unused()
    waits()
    many()


def start() -> None:
    """A session in this process, from nothing, against the import that it cannot do without."""
    ours, theirs = alternate(
        [sys.executable, "-W", "ignore", "-c", START],
        [sys.executable, "-W", "ignore", "-c", "import mitmproxy.tools.dump"],
    )
    say("session start / import mitmproxy.tools.dump", ours / theirs, "x", 2.0)


def phases() -> None:
    """What `pixels` adds to a test that does nothing."""
    found = pytest_run(NOTHING + PLAIN).phases
    medians = {name: statistics.median(times) for name, times in found.items()}
    added = sum(
        medians[f"test_pixels.{phase}"] - medians[f"test_nothing.{phase}"]
        for phase in ("setup", "teardown")
    )
    say("`pixels`, set-up and tear-down of a test", added * 1000, "ms", 5)


def unused() -> None:
    """What the plugin costs a run that does not use it; CPU time, as the wall is noisy."""
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_nothing.py"
        test.write_text("def test_nothing(): pass\n")
        command = [sys.executable, "-m", "pytest", *QUIET, str(test)]
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(3 * RUNS):
            for each, more in zip(times, ([], ["-p", "no:pixel_emulator"]), strict=True):
                each.append(cpu([*command, *more], folder))
    ours, theirs = map(statistics.median, times)
    say("a run without pixels, with the plugin or not", (ours - theirs) * 1000, "ms", 5)


def waits() -> None:
    """From the answer of a call, as its client sees it, to the return of `wait_for`."""
    delays = sorted(pytest_run(WAITS).delays)
    say("`wait_for` returns after the answer, median", statistics.median(delays) * 1000, "ms", 5)
    say("the same, 95 of 100", delays[len(delays) * 95 // 100] * 1000, "ms", 5)


def many() -> None:
    """500 tests with one pixel each, in turns with the same on pytest-httpserver."""
    print("\n| 500 tests | wall, ms a test | CPU | httpserver, wall | CPU | ratio | whole run |")
    print("|---|---|---|---|---|---|---|")
    for name, body in OURS.items():
        rows: tuple[list[list[float]], list[list[float]]] = ([], [])
        for _ in range(RUNS):
            for each, tests in zip(rows, (body, AGAINST[name]), strict=True):
                begun = time.perf_counter()
                spans = pytest_run(tests).spans[1:]  # the first one starts the server
                whole = time.perf_counter() - begun
                each.append([*(sum(every) for every in zip(*spans, strict=True)), whole])
        ours, theirs = (
            [statistics.median(every) for every in zip(*each, strict=True)] for each in rows
        )
        print(
            f"| {name} | {ours[0] * 2:.2f} | {ours[1] * 2:.2f} | {theirs[0] * 2:.2f} "
            f"| {theirs[1] * 2:.2f} | {ours[0] / theirs[0]:.2f} "
            f"| {ours[2]:.2f} s / {theirs[2]:.2f} s = {ours[2] / theirs[2]:.2f} |"
        )


def say(what: str, value: float, unit: str, goal: float) -> None:
    """One line of a figure and its goal."""
    print(f"{what}: {value:.2f} {unit} (goal {goal})")


def alternate(*commands: Sequence[str]) -> list[float]:
    """The median wall times of commands, run in turn."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(RUNS):
        for each, command in zip(times, commands, strict=True):
            begun = time.perf_counter()
            subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True)
            each.append(time.perf_counter() - begun)
    return [statistics.median(each) for each in times]


def cpu(command: Sequence[str], folder: str) -> float:
    """The CPU time of a command, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pytest_run(tests: str) -> Times:
    """Run tests in a pytest of their own; the times that they took. Raises where one fails."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "conftest.py").write_text(CONFTEST)
        (Path(folder) / "test_it.py").write_text(HEAD + tests)
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", *QUIET, "--rootdir", folder, "test_it.py"],
            cwd=folder,
            env=ENVIRONMENT,
            check=False,
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            raise RuntimeError(ran.stdout[-3000:])
        return Times(**json.loads((Path(folder) / "times.json").read_text()))


if __name__ == "__main__":
    main()
