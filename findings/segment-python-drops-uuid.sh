#!/usr/bin/env bash
# segment-analytics-python drops a property that is a UUID, and a whole list that holds one.
#
# Versions: PyPI segment-analytics-python 2.4.0. Seen on 2026-11-30.
# Guess:    a UUID is sent as text (dates, Decimals and Enums are converted), or `track` raises.
# Seen:     the call is sent without the property; `[UUID, "text"]` goes as a whole.
#           The only word of it is a log record; `on_error` is not called. A time and
#           a timedelta share this fate, a date and a datetime do not.
# Matters:  `order_id` is often a UUID. The call arrives, is kept, and has no order.
#           A test that expects a subset of the properties stays green.
# Source:   `utils.py`: `_clean_dict` catches TypeError and only logs it.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq segment-analytics-python==2.4.0

cat >"$tmp/run.py" <<'PY'
import datetime, decimal, http.server, json, logging, threading, uuid
from segment.analytics.client import Client

logging.disable()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps(body["batch"][0]["properties"]), flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = Client("placeholder", host=f"http://127.0.0.1:{server.server_port}",
                on_error=lambda error, calls: print("on_error", error))
client.track("u1", "Order Completed", {
    "order_id": uuid.UUID(int=1),
    "coupon_ids": [uuid.UUID(int=2), "spring"],
    "slot": datetime.time(12, 30),
    "day": datetime.date(2026, 11, 30),
    "revenue": decimal.Decimal("1.10"),
})
client.flush()
PY
cat >"$tmp/expected" <<'TEXT'
{"day": "2026-11-30", "revenue": 1.1}
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo 'version: segment-analytics-python 2.4.0'
echo 'guess:   five properties, or an error'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
