#!/usr/bin/env bash
# Extra parameters for a pixel URL erase its `data`, or are glued on with a second `?`.
#
# Versions: PyPI requests 2.34.2, aiohttp 3.14.5, httpx 0.28.1, urllib3 2.8.0;
#           npm axios 1.21.1, ky 1.14.3, got 14.6.6. Seen on 2026-11-30.
# Guess:    parameters given beside a URL that has a query are added to it.
# Seen:     httpx, got and ky replace the whole query; httpx and got do so even
#           for an empty dict; urllib3 writes a second question mark.
# Matters:  a cache buster added to a finished pixel URL sends a call without
#           data, or with broken base64; the endpoint answers 200 either way.
# Source:   got documents that `searchParams` overrides the URL's query; httpx
#           says so in `_urls.py` ("Replace any params keyword with the raw query").
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq requests==2.34.2 aiohttp==3.14.5 httpx==0.28.1 urllib3==2.8.0
npm install --silent --no-save --ignore-scripts --prefix "$tmp" axios@1.21.1 got@14.6.6 ky@1.14.3

cat >"$tmp/run.mjs" <<'JS'
import axios from 'axios'
import got from 'got'
import ky from 'ky'
const url = process.argv[2]
await axios.get(url + '&by=axios', { params: { cb: 1 } })
await got(url + '&by=got', { searchParams: { cb: 1 } })
await got(url + '&by=got-empty', { searchParams: {} })
await ky(url + '&by=ky', { searchParams: { cb: 1 } })
JS
cat >"$tmp/run.py" <<'PY'
import asyncio, http.server, subprocess, sys, threading
import aiohttp, httpx, requests, urllib3

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path.partition("/track")[2] or "(no query)", flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1/pixel/track?data=eyJh"

async def with_aiohttp():
    async with aiohttp.ClientSession() as session:
        await session.get(url + "&by=aiohttp", params={"cb": "1"})

requests.get(url + "&by=requests", params={"cb": "1"})
asyncio.run(with_aiohttp())
httpx.get(url + "&by=httpx", params={"cb": "1"})
httpx.get(url + "&by=httpx-empty", params={})
urllib3.request("GET", url + "&by=urllib3", fields={"cb": "1"})
subprocess.run(["node", sys.argv[1], url], check=True)
PY
cat >"$tmp/expected" <<'TEXT'
?data=eyJh&by=requests&cb=1
?data=eyJh&by=aiohttp&cb=1
?cb=1
(no query)
?data=eyJh&by=urllib3?cb=1
?data=eyJh&by=axios&cb=1
?cb=1
(no query)
?cb=1
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp/run.mjs" >"$tmp/seen"

echo 'versions: requests 2.34.2, aiohttp 3.14.5, httpx 0.28.1, urllib3 2.8.0, axios 1.21.1, got 14.6.6, ky 1.14.3'
echo 'guess:    nine times data and the extra parameter'
echo 'seen, in the order requests, aiohttp, httpx, httpx {}, urllib3, axios, got, got {}, ky:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
