#!/usr/bin/env bash
# A CA limited to `127.0.0.1` as a DNS name is no CA at all for rustls, whatever the host.
#
# Versions: PyPI primp 2.0.1 (rustls, webpki); OpenSSL 3.0 and curl 7.88 of Debian 12. Seen on 2026-11-30.
# Guess:    a permitted name that matches nothing matters only to names that need it.
# Seen:     with permitted DNS names `localhost` and `127.0.0.1` rustls refuses every leaf of
#           that CA, also one for localhost: MalformedNameConstraint. With `example.com` in its
#           place it accepts it. OpenSSL accepts both.
# Matters:  a test proxy limits its own CA to what it emulates, and often lists loopback as
#           it lists hosts. Deno, uv and Rust clients then send no pixel, all others do.
# Source:   RFC 5280 4.2.1.10 has a form of its own for addresses; webpki parses each
#           constraint before it compares, and takes no DNS name that looks like IPv4.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq primp==2.0.1

cat >"$tmp/run.py" <<'PY'
import http.server, ssl, subprocess, sys, threading
import primp

def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=sys.argv[1])

def make(name, second):
    key = "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"
    openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2",
            "-subj", "/CN=CA of a test", "-addext", "keyUsage=critical,keyCertSign",
            "-addext", f"nameConstraints=critical,permitted;DNS:localhost,permitted;DNS:{second}")
    openssl("req", *key, "-keyout", f"{name}-leaf.key", "-out", f"{name}-leaf.csr", "-subj", "/CN=localhost")
    with open(f"{sys.argv[1]}/san", "w") as file:
        file.write("subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("x509", "-req", "-in", f"{name}-leaf.csr", "-CA", f"{name}.pem", "-CAkey", f"{name}.key",
            "-CAcreateserial", "-days", "2", "-extfile", "san", "-out", f"{name}-leaf.pem")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass

for name, second in ("a", "example.com"), ("b", "127.0.0.1"):
    make(name, second)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{sys.argv[1]}/{name}-leaf.pem", f"{sys.argv[1]}/{name}-leaf.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, ca = f"https://127.0.0.1:{server.server_port}/", f"{sys.argv[1]}/{name}.pem"
    curl = subprocess.run(["curl", "--silent", "--noproxy", "*", "--cacert", ca, "--write-out", "%{http_code}", url],
                          capture_output=True, text=True)
    try:
        rustls = primp.Client(ca_cert_file=ca).get(url).status_code
    except Exception as error:
        rustls = "MalformedNameConstraint" if "MalformedNameConstraint" in str(error) else error
    print(f"localhost and {second}: OpenSSL {curl.stdout}, rustls {rustls}")
PY
cat >"$tmp/expected" <<'TEXT'
localhost and example.com: OpenSSL 200, rustls 200
localhost and 127.0.0.1: OpenSSL 200, rustls MalformedNameConstraint
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp" >"$tmp/seen"

echo "versions: primp 2.0.1, $(openssl version | cut -d' ' -f1-2), $(curl --version | cut -d' ' -f1-2 | head -1)"
echo 'guess:    200 everywhere'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
