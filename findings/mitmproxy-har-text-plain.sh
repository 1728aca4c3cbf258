#!/usr/bin/env bash
# mitmproxy's HAR export garbles the UTF-8 body of analytics.js, which is JSON sent as text/plain.
#
# Versions: PyPI mitmproxy 12.2.3 (Python 3.12 or newer). Seen on 2026-11-30.
# Guess:    `postData.text` is the text that was sent; JSON is UTF-8.
# Seen:     with `Content-Type: text/plain`, as analytics-next 1.84.3 sends each call, the
#           bytes are read as Latin-1: "Café" is written as "CafÃ©". With
#           application/json, or a charset, it is right.
# Matters:  names and cities of a recorded fixture are damaged in the file, without a
#           warning, though the SDK and the wire were right.
# Source:   `net/http/headers.py`, `infer_content_encoding`: Latin-1 as fallback.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq mitmproxy==12.2.3

cat >"$tmp/run.py" <<'PY'
from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.test import tflow, tutils

for content_type in "text/plain", "text/plain; charset=utf-8", "application/json":
    request = tutils.treq(
        method=b"POST", path=b"/v1/t", content='{"event":"Café"}'.encode(),
        headers=http.Headers(content_type=content_type),
    )
    har = SaveHar().make_har([tflow.tflow(req=request, resp=True)])
    print(content_type, har["log"]["entries"][0]["request"]["postData"]["text"])
PY
cat >"$tmp/expected" <<'TEXT'
text/plain {"event":"CafÃ©"}
text/plain; charset=utf-8 {"event":"Café"}
application/json {"event":"Café"}
TEXT
PYTHONIOENCODING=utf-8 "$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo 'version: mitmproxy 12.2.3'
echo 'guess:   {"event":"Café"} each time'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
