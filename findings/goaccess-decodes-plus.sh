#!/usr/bin/env bash
# GoAccess counts the good pixel and the broken one as the same request.
#
# Versions: Debian 12 goaccess 1.7. Seen on 2026-11-30.
# Guess:    requests are listed as logged, or with both `+` and `%2B` decoded as a form does.
# Seen:     `%2B` is shown as `+`, and a raw `+` stays: `data=ab+c` and `data=ab%2Bc` are
#           one line with two hits, and `%252B` is shown as the `%2B` that it is not.
# Matters:  a raw `+` in base64 is a space, and the endpoint drops the call; `%2B` is right.
#           Whoever copies a URL out of the report checks neither of the two that were sent.
# Source:   GoAccess's manual: request fields are percent-decoded once, twice with
#           `--double-decode`; nothing treats `+` as a space.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cd "$tmp"
apt-get download -qq -o APT::Sandbox::User=root 'goaccess=1:1.7-*' 'libmaxminddb0=1.7.1-*'
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$tmp/root/usr/lib/x86_64-linux-gnu

for data in ab+c ab%2Bc ab%252Bc; do
  printf '192.0.2.1 - - [30/Nov/2026:12:00:00 +0000] "GET /v1/pixel/track?data=%s HTTP/1.1" 200 42 "-" "-"\n' "$data"
done >access.log
root/usr/bin/goaccess access.log --no-global-config --log-format=COMBINED --output=report.json >log 2>&1
python3 - >seen <<'PY'
import json
for request in json.load(open("report.json"))["requests"]["data"]:
    print(request["hits"]["count"], request["data"])
PY
printf '%s\n' '2 /v1/pixel/track?data=ab+c' '1 /v1/pixel/track?data=ab%2Bc' >expected

echo "version: $(root/usr/bin/goaccess --version 2>&1 | grep -m1 GoAccess)"
echo 'guess:   three requests with one hit each'
echo 'seen:'
cat seen
diff expected seen
