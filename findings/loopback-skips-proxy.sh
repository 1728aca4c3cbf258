#!/usr/bin/env bash
# Go and Ruby never send a request for 127.0.0.1 through the proxy; everybody else does.
#
# Versions: Debian 12 golang 1.19, ruby 3.1, curl 7.88; PyPI requests 2.34.2, httpx 0.28.1. Seen on 2026-11-30.
# Guess:    without NO_PROXY every request uses HTTP_PROXY; or loopback is exempt everywhere.
# Seen:     Go and Ruby go direct for 127.0.0.1 and localhost, curl, urllib, requests and
#           httpx use the proxy. No variable turns the exemption off.
# Matters:  a test that points a pixel at a local server and watches the proxy sees it in one
#           language and "no call" in another.
# Source:   Go documents it at `http.ProxyFromEnvironment`; Ruby in `uri/generic.rb`, `find_proxy`.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq requests==2.34.2 httpx==0.28.1

cat >"$tmp/get.go" <<'GO'
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	response, err := http.Get(os.Args[1])
	if err != nil {
		panic(err)
	}
	io.Copy(os.Stdout, response.Body)
}
GO
cat >"$tmp/run.py" <<'PY'
import http.server, os, subprocess, sys, threading

def serve(answer):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())
        def log_message(self, *args): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"

target, proxy = serve("direct"), serve("proxy")
environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
environment |= {"http_proxy": proxy, "HTTP_PROXY": proxy}
for name, *command in (
    ("Go", "go", "run", f"{sys.argv[1]}/get.go"),
    ("Ruby", "ruby", "-rnet/http", "-e", "print Net::HTTP.get(URI(ARGV[0]))"),
    ("curl", "curl", "--silent"),
    ("urllib", sys.executable, "-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"),
    ("requests", sys.executable, "-c", "import sys, requests; print(requests.get(sys.argv[1]).text)"),
    ("httpx", sys.executable, "-c", "import sys, httpx; print(httpx.get(sys.argv[1]).text)"),
):
    result = subprocess.run([*command, target], env=environment, capture_output=True, text=True, check=True)
    print(f"{name}: {result.stdout.strip()}")
PY
cat >"$tmp/expected" <<'TEXT'
Go: direct
Ruby: direct
curl: proxy
urllib: proxy
requests: proxy
httpx: proxy
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp" >"$tmp/seen"

echo "versions: $(go version | cut -d' ' -f3), $(ruby --version | cut -d' ' -f1-2), $(curl --version | cut -d' ' -f1-2 | head -1), requests 2.34.2, httpx 0.28.1"
echo 'guess:    six times the same'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
