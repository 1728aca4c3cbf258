#!/usr/bin/env bash
# mitmproxy's filters ignore case, also within base64, unless they are told otherwise.
#
# Versions: PyPI mitmproxy 12.2.3 (Python 3.12 or newer). Seen on 2026-11-30.
# Guess:    `~u` takes a regular expression, case counts, as in Python and grep.
# Seen:     `~u eyJhIjoxfQ` matches the URL with `EYJHIJOXFQ`. Case counts inside
#           `"(?-i:…)"`, quoted, and with MITMPROXY_CASE_SENSITIVE_FILTERS=1.
# Matters:  views, intercepts, `save.har` and replacements that pick one pixel by its
#           `data`, its write key or `userId` take others along.
# Source:   `flowfilter.py`, `maybe_ignore_case`.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq mitmproxy==12.2.3

cat >"$tmp/run.py" <<'PY'
from mitmproxy import flowfilter
from mitmproxy.test import tflow, tutils

flow = tflow.tflow(req=tutils.treq(path=b"/v1/pixel/track?data=EYJHIJOXFQ"))
for expression in "~u eyJhIjoxfQ", '~u "(?-i:eyJhIjoxfQ)"':
    print(expression, "matches" if flowfilter.match(expression, flow) else "does not match")
PY
cat >"$tmp/expected" <<'TEXT'
~u eyJhIjoxfQ matches
~u "(?-i:eyJhIjoxfQ)" does not match
-- MITMPROXY_CASE_SENSITIVE_FILTERS=1
~u eyJhIjoxfQ does not match
~u "(?-i:eyJhIjoxfQ)" does not match
TEXT
{
  env -u MITMPROXY_CASE_SENSITIVE_FILTERS "$tmp/venv/bin/python" "$tmp/run.py"
  echo '-- MITMPROXY_CASE_SENSITIVE_FILTERS=1'
  MITMPROXY_CASE_SENSITIVE_FILTERS=1 "$tmp/venv/bin/python" "$tmp/run.py"
} >"$tmp/seen"

echo 'version: mitmproxy 12.2.3; the URL holds data=EYJHIJOXFQ'
echo 'guess:   neither matches'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
