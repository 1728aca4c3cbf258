#!/usr/bin/env bash
# One stray `%` makes requests and urllib3 encode every other escape of the URL twice.
#
# Versions: PyPI requests 2.34.2, urllib3 2.8.0, aiohttp 3.14.5, httpx 0.28.1. Seen on 2026-11-30.
# Guess:    `%%user%%` is sent as it stands or as `%25%25user%25%25`; other
#           escapes, being valid, stay.
# Seen:     with one invalid escape anywhere, requests and urllib3 take no `%`
#           for an escape: `%20` goes out as `%2520`, `%2B` as `%252B`.
#           aiohttp mends the stray ones only; httpx and urllib send it all as it is.
# Matters:  `%%x%%` is an ordinary token of mailing tools, and `50%` ordinary
#           text. Somebody who fires an unfilled pixel with requests sees a
#           broken `data` and a wrong event name that no mail client would send.
# Source:   urllib3 `util/url.py`: `is_percent_encoded` compares the number of
#           valid escapes with the number of `%`, for the whole component.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq requests==2.34.2 aiohttp==3.14.5 httpx==0.28.1 urllib3==2.8.0

cat >"$tmp/run.py" <<'PY'
import asyncio, http.server, threading, urllib.request
import aiohttp, httpx, requests, urllib3

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/{{}}?userId=%%user%%&event=Email%20Opened"

async def with_aiohttp():
    async with aiohttp.ClientSession() as session:
        await session.get(url.format("aiohttp"))

requests.get(url.format("requests"))
urllib3.request("GET", url.format("urllib3"))
asyncio.run(with_aiohttp())
httpx.get(url.format("httpx"))
urllib.request.urlopen(url.format("urllib"))
PY
cat >"$tmp/expected" <<'TEXT'
/requests?userId=%25%25user%25%25&event=Email%2520Opened
/urllib3?userId=%25%25user%25%25&event=Email%2520Opened
/aiohttp?userId=%25%25user%25%25&event=Email%20Opened
/httpx?userId=%%user%%&event=Email%20Opened
/urllib?userId=%%user%%&event=Email%20Opened
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo 'versions: requests 2.34.2, urllib3 2.8.0, aiohttp 3.14.5, httpx 0.28.1'
echo 'guess:    event=Email%20Opened from each'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
