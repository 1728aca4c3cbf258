#!/usr/bin/env bash
# The legacy analytics-python retries a call that was refused for good, if the refusal is JSON.
#
# Versions: PyPI analytics-python 1.4.post1. Seen on 2026-11-30.
# Guess:    400 is final: one attempt, whatever the body. 201 and 204 are successes.
# Seen:     one attempt for 400 with a text; with a JSON body that has no `code`, such as
#           Segment's own `{"success": false, "message": …}`, the SDK trips over a
#           KeyError of its own, takes it for a network fault and tries again (up to
#           10 times by default). 201 and 204 are failures, and retried.
# Matters:  a test double that answers 204, or says why it refuses, is sent each call
#           many times over: duplicates, and minutes of back-off in `flush`.
# Source:   `request.py`: only 200 returns; `payload['code']` is read unguarded.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq analytics-python==1.4.post1

cat >"$tmp/run.py" <<'PY'
import http.server, logging, threading
from analytics.client import Client

logging.disable()
requests, answer = [], None
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        requests.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
for answer in (200, b""), (400, b"no"), (400, b'{"success": false, "message": "no"}'), (204, b""):
    errors = []
    requests.clear()
    client = Client("placeholder", host=f"http://127.0.0.1:{server.server_port}", max_retries=2,
                    on_error=lambda error, calls: errors.append(type(error).__name__))
    client.track("u1", "Order Completed")
    client.flush()
    client.join()
    print(answer[0], answer[1].decode() or "-", "| attempts:", len(requests), "| error:", *(errors or ["none"]))
PY
cat >"$tmp/expected" <<'TEXT'
200 - | attempts: 1 | error: none
400 no | attempts: 1 | error: APIError
400 {"success": false, "message": "no"} | attempts: 3 | error: KeyError
204 - | attempts: 3 | error: APIError
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo 'version: analytics-python 1.4.post1, max_retries=2'
echo 'guess:   one attempt each, no error for 204'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
