#!/usr/bin/env bash
# VCR.py replays the answer of one pixel to another that differs in an empty id.
#
# Versions: PyPI vcrpy 9.4.2, requests 2.34.2. Seen on 2026-11-30.
# Guess:    matching on the query tells `?userId=&event=E` from `?event=E`, and `%FF` from
#           `%FE`; `filter_query_parameters` takes out the named parameter and no other.
# Seen:     parameters with an empty value do not exist for it, neither when matching nor
#           when it writes a filtered URL; invalid UTF-8 is all one character.
# Matters:  an empty userId is the fault that makes the real endpoint drop a call. A
#           cassette recorded with it is replayed for a call without it, and a cassette
#           whose write key was filtered no longer shows it.
# Source:   `vcr/request.py`, `query`: `sorted(parse_qsl(q))`, without keep_blank_values.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq vcrpy==9.4.2 requests==2.34.2

cat >"$tmp/run.py" <<'PY'
import http.server, pathlib, sys, threading
import requests, vcr

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1/pixel/track"
folder = pathlib.Path(sys.argv[1])
pairs = ("?userId=&event=E", "?event=E"), ("?x=%FF", "?x=%FE"), ("?x=a%2Bb", "?x=a+b")
for number, (recorded, asked) in enumerate(pairs):
    cassette = str(folder / f"{number}.yaml")
    with vcr.use_cassette(cassette):
        requests.get(url + recorded)
    try:
        with vcr.use_cassette(cassette, record_mode="none"):
            requests.get(url + asked)
        print(recorded, "answers", asked)
    except vcr.errors.CannotOverwriteExistingCassetteException:
        print(recorded, "does not answer", asked)
with vcr.use_cassette(str(folder / "f.yaml"), filter_query_parameters=["writeKey"]):
    requests.get(url + "?writeKey=placeholder&userId=&event=E")
print("filtered:", (folder / "f.yaml").read_text().partition("/track")[2].split()[0])
PY
cat >"$tmp/expected" <<'TEXT'
?userId=&event=E answers ?event=E
?x=%FF answers ?x=%FE
?x=a%2Bb does not answer ?x=a+b
filtered: ?event=E
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp" >"$tmp/seen"

echo 'versions: vcrpy 9.4.2, requests 2.34.2'
echo 'guess:    no recorded call answers another; filtered: ?userId=&event=E'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
