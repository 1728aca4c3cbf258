#!/usr/bin/env bash
# One NaN among the properties makes segment-analytics-python send a batch that is not JSON.
#
# Versions: PyPI segment-analytics-python 2.4.0. Seen on 2026-11-30.
# Guess:    NaN is refused by `track`, dropped as other unsupported values are, or
#           sent as null, as Segment's Node SDK does.
# Seen:     the body holds the bare word NaN. A strict parser refuses the whole
#           batch, so up to 99 other calls go with it.
# Matters:  NaN is what pandas gives for a missing number. The fault shows neither
#           in `track` nor in the property that caused it.
# Source:   `consumer.py` and `request.py` call `json.dumps` without `allow_nan=False`;
#           `utils.clean` passes every number.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq segment-analytics-python==2.4.0

cat >"$tmp/run.py" <<'PY'
import http.server, json, threading
from segment.analytics.client import Client

bodies = []
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Client("placeholder", host=f"http://127.0.0.1:{server.server_port}", upload_interval=3)
client.track("u1", "Order Completed", {"revenue": float("nan")})
client.track("u2", "Order Completed", {"revenue": 19.99})
client.flush()

def refuse(word):
    raise ValueError(f"{word} is not JSON")

print("bodies:", len(bodies), "holding NaN:", sum('"revenue": NaN' in body for body in bodies))
try:
    json.loads(bodies[0], parse_constant=refuse)
except ValueError as error:
    print("strict parser:", error, "- with the call of u2:", '"u2"' in bodies[0])
PY
cat >"$tmp/expected" <<'TEXT'
bodies: 1 holding NaN: 1
strict parser: NaN is not JSON - with the call of u2: True
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo 'version: segment-analytics-python 2.4.0'
echo 'guess:   an error, or null'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
