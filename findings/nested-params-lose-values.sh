#!/usr/bin/env bash
# `params={"properties": {...}}` loses the values, and no client writes Segment's dots.
#
# Versions: PyPI requests 2.34.2, httpx 0.28.1; npm axios 1.21.1, undici 7.30.2. Seen on 2026-11-30.
# Guess:    a nested object becomes `properties.value=1`, `properties[value]=1`, or an error.
# Seen:     requests sends the keys as values (`properties=value`); undici sends
#           an empty text, for a Date too; httpx sends Python's repr; axios sends brackets.
#           An id that is None is left out by requests and axios, and sent as an
#           empty text by httpx and undici.
# Matters:  the flat form of a pixel wants `properties.value`. Each of these is
#           answered 200 and kept as something else, and an empty `userId` is a
#           dropped call where a missing one beside `anonymousId` is not.
# Source:   requests `models.py` iterates over any value that is iterable; undici
#           uses Node's querystring, which documents that objects become empty texts.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq requests==2.34.2 httpx==0.28.1
npm install --silent --no-save --ignore-scripts --prefix "$tmp" axios@1.21.1 undici@7.30.2

cat >"$tmp/run.mjs" <<'JS'
import axios from 'axios'
import { request } from 'undici'
const [url, query] = [process.argv[2], { properties: { value: 1 }, userId: null, at: new Date(0) }]
await axios.get(url + '/axios', { params: query })
await request(url + '/undici', { query })
JS
cat >"$tmp/run.py" <<'PY'
import http.server, subprocess, sys, threading
import httpx, requests

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
query = {"properties": {"value": 1}, "userId": None}
requests.get(url + "/requests", params=query)
httpx.get(url + "/httpx", params=query)
subprocess.run(["node", sys.argv[1], url], check=True)
PY
cat >"$tmp/expected" <<'TEXT'
/requests?properties=value
/httpx?properties=%7B%27value%27%3A+1%7D&userId=
/axios?properties%5Bvalue%5D=1&at=1970-01-01T00:00:00.000Z
/undici?properties=&userId=&at=
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp/run.mjs" >"$tmp/seen"

echo 'versions: requests 2.34.2, httpx 0.28.1, axios 1.21.1, undici 7.30.2'
echo 'guess:    the value 1 arrives under some name, or the call fails'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
