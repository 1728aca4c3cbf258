#!/usr/bin/env bash
# A call that Segment takes is too long a URL for the usual test servers.
#
# Versions: PyPI aiohttp 3.14.5, pytest-httpserver 1.2.0; npm mockttp 4.6.5 on Node 20. Seen on 2026-11-30.
# Guess:    a test server takes any URL that the service takes: 32 KB of JSON make a URL of 43,700.
# Seen:     aiohttp answers 400 above 8,190 bytes, Node's server and so Mockttp 431 above
#           16 KB of headers, both before any handler runs; pytest-httpserver takes it.
# Matters:  a pixel with a large basket is missing from the double's list of requests; the
#           sender ignores the status of an image, and "no such call" is wrong.
# Source:   aiohttp `max_line_size=8190`; Node `--max-http-header-size` (16 KiB).
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq aiohttp==3.14.5 pytest-httpserver==1.2.0
npm install --silent --no-save --ignore-scripts --prefix "$tmp" mockttp@4.6.5

cat >"$tmp/run.mjs" <<'JS'
import { getLocal } from 'mockttp'
const server = getLocal()
await server.start()
await server.forGet('/v1/pixel/track').thenReply(200)
console.log(server.port)
process.stdin.resume()
JS
cat >"$tmp/run.py" <<'PY'
import asyncio, http.client, logging, subprocess, sys, threading
from aiohttp import web
from pytest_httpserver import HTTPServer

logging.disable()
sizes = 8_000, 15_000, 43_700

def probe(name, port):
    answers = []
    for size in sizes:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/v1/pixel/track?data=".ljust(size, "a"))
        answers.append(f"{size}: {connection.getresponse().status}")
        connection.close()
    print(name, *answers, flush=True)

async def with_aiohttp():
    async def handler(request): return web.Response()
    app = web.Application()
    app.router.add_get("/v1/pixel/track", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await asyncio.to_thread(probe, "aiohttp", runner.addresses[0][1])
    await runner.cleanup()

asyncio.run(with_aiohttp())
node = subprocess.Popen(["node", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
probe("mockttp", int(node.stdout.readline()))
node.kill()
with HTTPServer() as server:
    server.expect_request("/v1/pixel/track").respond_with_data("")
    probe("pytest-httpserver", server.port)
PY
cat >"$tmp/expected" <<'TEXT'
aiohttp 8000: 200 15000: 400 43700: 400
mockttp 8000: 200 15000: 200 43700: 431
pytest-httpserver 8000: 200 15000: 200 43700: 200
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp/run.mjs" >"$tmp/seen" 2>"$tmp/log"

echo "versions: aiohttp 3.14.5, mockttp 4.6.5 on Node $(node --version), pytest-httpserver 1.2.0"
echo 'guess:    200 everywhere'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
