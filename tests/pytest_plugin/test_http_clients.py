"""HTTP clients as users write them, with `pixels.proxy`, `.ca`, `.url` and `.env`."""

import shlex
import sys

import pytest

from tests.programs import NODE, needs_node

pytest_plugins = ["pytester"]

CLIENTS = """
import asyncio, ssl, urllib.request
from urllib.parse import urlsplit
import aiohttp, httpx, requests, urllib3

def heard(pixels):
    pixels.expect(track="A")
    (call,) = pixels.calls
    return call.request.scheme, urlsplit(call.request.url).hostname

def by_requests(url, proxy=None, ca=None):
    proxies = {"https": proxy} if proxy else None
    requests.get(url, proxies=proxies, verify=str(ca) if ca else True, timeout=10)

def by_httpx(url, proxy=None, ca=None):
    verify = ssl.create_default_context(cafile=ca) if ca else True
    with httpx.Client(proxy=proxy, verify=verify) as client:
        client.get(url)

def by_httpx_async(url, proxy=None, ca=None):
    async def get():
        verify = ssl.create_default_context(cafile=ca) if ca else True
        async with httpx.AsyncClient(proxy=proxy, verify=verify) as client:
            await client.get(url)
    asyncio.run(get())

def by_aiohttp(url, proxy=None, ca=None):
    async def get():
        context = ssl.create_default_context(cafile=ca) if ca else True
        async with aiohttp.ClientSession(trust_env=True) as client:
            async with client.get(url, proxy=proxy, ssl=context) as answer:
                await answer.read()
    asyncio.run(get())

def by_urllib3(url, proxy=None, ca=None):
    if proxy:
        manager = urllib3.ProxyManager(proxy, ca_certs=str(ca) if ca else None, retries=False)
    else:
        manager = urllib3.PoolManager(retries=False)
    with manager:
        manager.request("GET", url)

def by_urllib(url, proxy=None, ca=None):
    handlers = [urllib.request.ProxyHandler({"https": proxy})] if proxy else []
    context = ssl.create_default_context(cafile=ca) if ca else None
    handlers += [urllib.request.HTTPSHandler(context=context)]
    urllib.request.build_opener(*handlers).open(url, timeout=10).read()

ALL = [by_requests, by_httpx, by_httpx_async, by_aiohttp, by_urllib3, by_urllib]
"""
HEAD = """
    import os, subprocess, sys
    import pytest
    import clients
    from client import url
    from clients import heard
    SEGMENT = "https://api.segment.io"
    each_client = pytest.mark.parametrize("get", clients.ALL, ids=lambda get: get.__name__)
"""
PASSING = (
    HEAD
    + """
    @each_client
    def test_proxy_and_ca(pixels, get):
        get(url(SEGMENT, "A"), pixels.proxy, pixels.ca)
        assert heard(pixels) == ("https", "api.segment.io")

    @each_client
    def test_proxy_and_bundle(pixels, get):
        get(url(SEGMENT, "A"), pixels.proxy, pixels.bundle)
        assert heard(pixels) == ("https", "api.segment.io")

    @each_client
    def test_url(pixels, get):
        get(url(pixels, "A"))
        assert heard(pixels) == ("http", "127.0.0.1")

    # urllib3 itself reads no variables.
    @pytest.mark.parametrize("name", [
        client.__name__ for client in clients.ALL if client is not clients.by_urllib3
    ])
    def test_env(pixels, name):
        code = f"import clients; clients.{name}({url(SEGMENT, 'A')!r})"
        subprocess.run([sys.executable, "-c", code], env=os.environ | pixels.env, check=True)
        assert heard(pixels) == ("https", "api.segment.io")
"""
)
FAILING = (
    HEAD
    + """
    @each_client
    def test_another_event(pixels, get):
        get(url(SEGMENT, "B"), pixels.proxy, pixels.ca)
        pixels.expect(track="A")

    @each_client
    def test_a_client_that_does_not_trust_the_ca(pixels, get):
        with pytest.raises(Exception, match="(?i)certificate"):
            get(url(SEGMENT, "A"), pixels.proxy)  # what it expects: nothing
"""
)
NODE_TESTS = f"""
    import os, subprocess
    import pytest
    from client import url
    from clients import heard
    NODE = {NODE!r}
    FETCH = "fetch(process.argv[1]).then(answer => answer.arrayBuffer())"

    def fetch(target, env):
        subprocess.run([NODE, "-e", FETCH, target], env=os.environ | env, check=True)

    def test_env(pixels):
        fetch(url("https://api.segment.io", "A"), pixels.env)
        assert heard(pixels) == ("https", "api.segment.io")

    def test_url(pixels):
        fetch(url(pixels, "A"), {{}})
        assert heard(pixels) == ("http", "127.0.0.1")

    def test_another_event(pixels):
        fetch(url(pixels, "B"), {{}})
        pixels.expect(track="A")
"""
ELSEWHERE = f"pixel_emulator_command = {shlex.join([sys.executable, '-m', 'pixel_emulator'])}"
both_ways = pytest.mark.parametrize("ini", ["", ELSEWHERE], ids=["here", "elsewhere"])


@pytest.mark.thorough
@both_ways
def test_each_python_client_is_recorded(inner, ini):
    result = inner(ini=ini, apart=True, clients=CLIENTS, test_it=PASSING)
    result.assert_outcomes(passed=6 + 6 + 6 + 5)


@pytest.mark.thorough
def test_each_python_client_can_fail(inner):
    """Its calls are judged, and a call that never came through is no call."""
    result = inner(apart=True, clients=CLIENTS, test_it=FAILING)
    result.assert_outcomes(failed=12)
    for said in ("AssertionError: track: A: wanted 1, got 0", "it does not trust the CA"):
        result.stdout.fnmatch_lines([f"*{said}*"] * 6)


@pytest.mark.thorough
@needs_node
@both_ways
def test_node_is_heard(inner, ini):
    inner(ini=ini, apart=True, clients=CLIENTS, test_it=NODE_TESTS).assert_outcomes(
        passed=2, failed=1
    )
