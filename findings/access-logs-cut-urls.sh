#!/usr/bin/env bash
# HAProxy and Varnish cut a pixel's URL in their access logs, without any sign of it.
#
# Versions: Debian 12 haproxy 2.6.12, varnish 7.1.1. Seen on 2026-11-30.
# Guess:    a request line is logged whole, or marked; HAProxy's `log … len` is the limit.
# Seen:     HAProxy keeps 1,023 characters of method and URL, whatever `len 65535` says;
#           varnishncsa keeps about 250 of the URL. The rest of the line is complete.
# Matters:  a cut flat form ends in a shorter last value, and lacks the parameters after
#           it: a wrong call, read from a log line that looks well-formed.
# Source:   HAProxy's manual, `tune.http.logurilen` (1024); Varnish's parameter
#           `vsl_reclen` (255 bytes).
set -euo pipefail
tmp=$(mktemp -d)
haproxy='' varnishd=''
trap 'kill $haproxy $varnishd; wait || true; rm -rf "$tmp"' EXIT

cd "$tmp"
apt-get download -qq -o APT::Sandbox::User=root \
  'haproxy=2.6.12-*' 'liblua5.3-0=5.3.6-*' 'libopentracing-c-wrapper0=1.1.3-*' 'libopentracing1=1.6.0-*' \
  'varnish=7.1.1-*' 'libvarnishapi3=7.1.1-*' 'libjemalloc2=5.3.0-*'
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu:$tmp/root/usr/lib/x86_64-linux-gnu/varnish
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
send() { curl --silent --output answer --retry 30 --retry-connrefused --retry-delay 1 "http://127.0.0.1:$1"; }
flat_form() { printf '/v1/pixel/track?userId=u1&text=%s&event=Opened' "$(printf 'x%.0s' $(seq "$1"))"; }

port=$(free_port)
cat >haproxy.cfg <<CFG
global
  log stdout len 65535 format raw local0
defaults
  mode http
  log global
  log-format %r
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend pixels
  bind 127.0.0.1:$port
  http-request return status 200
CFG
root/usr/sbin/haproxy -f haproxy.cfg -db >haproxy.log 2>/dev/null &
haproxy=$!
send "$port$(flat_form 1500)"
until grep -q pixel haproxy.log; do sleep 0.1; done

port=$(free_port)
cat >pixels.vcl <<'VCL'
vcl 4.1;
backend default none;
sub vcl_recv { return (synth(200)); }
VCL
root/usr/sbin/varnishd -F -n "$tmp/work" -a "127.0.0.1:$port" -T none -j none -s malloc,16m -f "$tmp/pixels.vcl" >varnishd.log 2>&1 &
varnishd=$!
send "$port$(flat_form 300)"
until root/usr/bin/varnishncsa -n "$tmp/work" -d -F '%U%q %s' >varnish.log && grep -q pixel varnish.log; do sleep 0.2; done

{
  grep -m1 pixel haproxy.log | tr -d '\n' | wc -c
  cat haproxy.log varnish.log | grep pixel | sed -E 's/x{100,}/x…x/'
} >seen
cat >expected <<'TEXT'
1023
GET /v1/pixel/track?userId=u1&text=x…x
/v1/pixel/track?userId=u1&text=x…x 200
TEXT
echo "versions: $(root/usr/sbin/haproxy -v | head -1), $(root/usr/sbin/varnishd -V 2>&1 | head -1)"
echo 'guess:    both lines have …&event=Opened'
echo 'seen (length in HAProxy, then the lines):'
cat seen
diff expected seen
