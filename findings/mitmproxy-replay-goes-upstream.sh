#!/usr/bin/env bash
# mitmproxy's server replay answers a recorded pixel once; the second goes to the real server.
#
# Versions: PyPI mitmproxy 12.2.3 (Python 3.12 or newer). Seen on 2026-11-30.
# Guess:    a replayed request is answered from the recording as often as it is sent.
# Seen:     each recorded flow is used up by its first replay. What is not, or no longer,
#           in the recording is forwarded, and the client sees 200 from both.
# Matters:  an open pixel fires as often as the mail is opened. A retry, a second open or a
#           second test case reaches production from a test that looks isolated.
# Source:   options `server_replay_reuse` (false) and `server_replay_extra` ("forward").
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq mitmproxy==12.2.3

cat >"$tmp/run.py" <<'PY'
import asyncio, http.server, sys, threading, urllib.request
from mitmproxy import io, options
from mitmproxy.test import tflow, tutils
from mitmproxy.tools.dump import DumpMaster

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Answered-By", "upstream")
        self.end_headers()
    def log_message(self, *args): pass

upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=upstream.serve_forever, daemon=True).start()
port, path = upstream.server_port, "/v1/pixel/track?userId=u1"
recorded = tflow.tflow(
    req=tutils.treq(method=b"GET", host="127.0.0.1", port=port, path=path.encode(), content=b""),
    resp=tutils.tresp(content=b"", headers=((b"X-Answered-By", b"recording"), (b"Content-Length", b"0"))),
)
with open(sys.argv[1], "wb") as file:
    io.FlowWriter(file).add(recorded)

async def main():
    settings = options.Options(listen_host="127.0.0.1", listen_port=0, confdir=sys.argv[2])
    master = DumpMaster(settings, with_termlog=False, with_dumper=False)
    settings.update(server_replay=[sys.argv[1]])
    running = asyncio.create_task(master.run())
    proxyserver = master.addons.get("proxyserver")
    while not proxyserver.listen_addrs():
        await asyncio.sleep(0.05)
    proxy = f"http://127.0.0.1:{proxyserver.listen_addrs()[0][1]}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    for number in 1, 2, 3:
        answer = await asyncio.to_thread(opener.open, f"http://127.0.0.1:{port}{path}")
        print("request", number, answer.status, "answered by", answer.headers["X-Answered-By"])
    master.shutdown()
    await running

asyncio.run(main())
PY
cat >"$tmp/expected" <<'TEXT'
request 1 200 answered by recording
request 2 200 answered by upstream
request 3 200 answered by upstream
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp/recorded.mitm" "$tmp/conf" >"$tmp/seen"

echo 'version: mitmproxy 12.2.3'
echo 'guess:   three times the recording'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
