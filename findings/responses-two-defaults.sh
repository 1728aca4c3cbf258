#!/usr/bin/env bash
# responses notices a pixel that was never sent in a `with` block, not under its decorator.
#
# Versions: PyPI responses 0.26.3. Seen on 2026-11-30.
# Guess:    both ways of using it have the same default for `assert_all_requests_are_fired`.
# Seen:     `with responses.RequestsMock()` fails if a registered URL was not requested;
#           `@responses.activate` and `with responses.mock` pass.
# Matters:  moving a contract test from the block to the decorator, the form that its
#           README leads with, turns "the pixel is sent" into a test of nothing.
# Source:   `RequestsMock.__init__` has True as default; the module's own instance, which the
#           decorator uses, is made with False.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq responses==0.26.3

cat >"$tmp/run.py" <<'PY'
import responses

url = "https://api.segment.io/v1/pixel/track"

@responses.activate
def decorated():
    responses.get(url)

def module_block():
    with responses.mock as mock:
        mock.get(url)

def own_block():
    with responses.RequestsMock() as mock:
        mock.get(url)

for test in decorated, module_block, own_block:
    try:
        test()
        print(test.__name__, "passed")
    except AssertionError:
        print(test.__name__, "failed: not requested")
PY
cat >"$tmp/expected" <<'TEXT'
decorated passed
module_block passed
own_block failed: not requested
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo 'version: responses 0.26.3'
echo 'guess:   three times the same'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
