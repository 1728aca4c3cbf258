"""The tests that `contract` times: ours, and the same on pytest-httpserver."""

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
    measured = {"phases": PHASES, "spans": SPAN, "delays": DELAYS}
    open("times.json", "w").write(json.dumps(measured))
"""
HEAD = """
import ssl, time
from http.client import HTTPConnection, HTTPSConnection
from threading import Thread
from urllib.parse import urlsplit
import pytest
TARGET = "/v1/pixel/track?userId=user_1&event=Email%20Opened&writeKey=wk_test_0000"
KEPT = {}
def ask(url, kept=False):
    at = urlsplit(url)
    if kept:
        connection = KEPT.setdefault(at.port, HTTPConnection(at.hostname, at.port))
    else:
        connection = HTTPConnection(at.hostname, at.port)
    get(connection, f"{at.path}?{at.query}", kept)
def get(connection, target=TARGET, kept=False):
    connection.request("GET", target)
    connection.getresponse().read()
    if not kept:
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
        ask(pixels.url + TARGET)
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
    ask(pixels.url + TARGET)
    pixels.expect(track="Email Opened", userId="user_1")
""",
    "direct HTTP, one connection kept": """
@pytest.mark.parametrize("n", range(500))
def test_it(pixels, n):
    ask(pixels.url + TARGET, kept=True)
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
    get(connection)
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
THEIRS = SERVER.format(ask="ask(server.url_for(TARGET))")
THEIRS_KEPT = SERVER.format(ask="ask(server.url_for(TARGET), kept=True)")
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
    ask="get(HTTPSConnection(server.host, server.port, context=trust))"
)
AGAINST = {
    "receive": THEIRS,
    "direct HTTP": THEIRS,
    "direct HTTP, one connection kept": THEIRS_KEPT,
    "HTTPS through the proxy": THEIRS_SECURE,
}
