#!/usr/bin/env bash
# `get_body` of Python's email package shows the first HTML part only; mail readers show all.
#
# Versions: Python's email package; npm mailparser 3.14.2, postal-mime 4.0.0. Seen on 2026-11-30.
# Guess:    `get_body(("html",))` returns the HTML that a reader sees.
# Seen:     of a multipart/mixed with two text/html parts, as mailing lists and gateways make
#           it when they append a footer, it returns the first. mailparser and postal-mime
#           join both, as clients do that show inline parts one after the other.
# Matters:  the pixel that a gateway appended fires at every reader and is in no test.
# Source:   the documentation of `get_body`: the best candidate for *the* body, one part.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" mailparser@3.14.2 postal-mime@4.0.0

cat >"$tmp/two.eml" <<'MAIL'
Subject: Sale
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<p>Hello</p>
--b
Content-Type: text/html

<p>Footer</p><img src="https://api.segment.io/v1/pixel/track?userId=u1">
--b--
MAIL
cat >"$tmp/run.mjs" <<'JS'
import { readFileSync } from 'node:fs'
import { simpleParser } from 'mailparser'
import PostalMime from 'postal-mime'
const mail = readFileSync(process.argv[2])
const tell = (name, html) => console.log(name, html.includes('Hello'), html.includes('/v1/pixel/'))
tell('mailparser', (await simpleParser(mail)).html)
tell('postal-mime', (await PostalMime.parse(mail)).html)
JS
cat >"$tmp/run.py" <<'PY'
import email, email.policy, sys
with open(sys.argv[1], "rb") as file:
    html = email.message_from_binary_file(file, policy=email.policy.default).get_body(("html",)).get_content()
print("get_body", str("Hello" in html).lower(), str("/v1/pixel/" in html).lower())
PY
cat >"$tmp/expected" <<'TEXT'
get_body true false
mailparser true true
postal-mime true true
TEXT
{
  python3 "$tmp/run.py" "$tmp/two.eml"
  sed 's/$/\r/' "$tmp/two.eml" >"$tmp/crlf.eml"
  node "$tmp/run.mjs" "$tmp/crlf.eml"
} >"$tmp/seen"

echo "versions: $(python3 --version), mailparser 3.14.2, postal-mime 4.0.0"
echo 'guess:    both parts three times'
echo 'seen (first part, second part):'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
