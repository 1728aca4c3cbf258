#!/usr/bin/env bash
# Squid's access log holds no query at all: every pixel reads `/v1/pixel/track?`.
#
# Versions: Debian 12 squid 5.7. Seen on 2026-11-30.
# Guess:    the default log format has the URL as it was asked for, as nginx, Apache and Caddy write it.
# Seen:     everything behind the question mark is removed; the server got it whole.
# Matters:  a proxy is the natural place to look for the pixels of a mail client. Its log
#           counts requests, and can never say which call it was.
# Source:   squid.conf: `strip_query_terms`, on by default, for the users' privacy.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

mkdir "$tmp/packages"
(
  cd "$tmp/packages"
  apt-get download -qq -o APT::Sandbox::User=root 'squid=5.7-*' 'squid-common=5.7-*' 'squid-langpack=20220130-*' \
    'libecap3=1.0.1-*' 'libnetfilter-conntrack3=1.0.9-*' 'libnfnetlink0=1.0.2-*'
)
for package in "$tmp"/packages/*.deb; do dpkg -x "$package" "$tmp/root"; done
export LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
proxy=$(free_port) origin=$(free_port)

mkdir "$tmp/run"
chmod 777 "$tmp" "$tmp/run"
cat >"$tmp/squid.conf" <<CFG
http_port 127.0.0.1:$proxy
http_access allow all
cache deny all
access_log stdio:$tmp/run/access.log
cache_log $tmp/run/cache.log
coredump_dir $tmp/run
pid_filename none
pinger_enable off
shutdown_lifetime 0 seconds
mime_table $tmp/root/usr/share/squid/mime.conf
icon_directory $tmp/root/usr/share/squid/icons
error_directory $tmp/root/usr/share/squid/errors/templates
unlinkd_program $tmp/root/usr/lib/squid/unlinkd
logfile_daemon $tmp/root/usr/lib/squid/log_file_daemon
CFG
(cd "$tmp/packages" && exec python3 -m http.server --bind 127.0.0.1 "$origin") >"$tmp/origin.log" 2>&1 &
server=$!
"$tmp/root/usr/sbin/squid" -N -f "$tmp/squid.conf" >"$tmp/squid.log" 2>&1 &
squid=$!
trap 'kill "$server" "$squid"; wait || true; rm -rf "$tmp"' EXIT
url="http://127.0.0.1:$origin/v1/pixel/track?userId=u1&event=Opened"
curl --silent --output "$tmp/answer" --retry 20 --retry-connrefused --retry-delay 1 --proxy "http://127.0.0.1:$proxy" "$url"
until grep -q pixel "$tmp/run/access.log"; do sleep 0.1; done

{
  grep -o '/v1/pixel[^ ]*' "$tmp/origin.log" | head -1
  grep -o '/v1/pixel[^ ]*' "$tmp/run/access.log"
} >"$tmp/seen"
printf '%s\n' '/v1/pixel/track?userId=u1&event=Opened' '/v1/pixel/track?' >"$tmp/expected"

echo "version: $("$tmp/root/usr/sbin/squid" -v | head -1)"
echo 'guess:   both lines the same'
echo 'seen (server, then the log of squid):'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
