#!/usr/bin/env bash
# Playwright's HAR lists a pixel that never left the browser among the others, with status -1.
#
# Versions: npm playwright-core 1.65.1; Debian 12 chromium-headless-shell 156; PyPI haralyzer 2.4.0.
#           Seen on 2026-11-30.
# Guess:    an aborted request is left out of the HAR, or has status 0, as browsers export it.
# Seen:     it has a URL, a time and a response with status -1; only the private field
#           `_failureText` tells. haralyzer counts two GET requests, the server saw one.
# Matters:  whoever counts entries to prove that pixels fired, or imports the HAR as a
#           recording, counts what an ad blocker or `route.abort()` kept from the server.
# Source:   Playwright's HAR tracer starts every entry with status -1 and fills it in when
#           a response arrives; HAR 1.2 has no such value.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq haralyzer==2.4.0
npm install --silent --no-save --ignore-scripts --prefix "$tmp" playwright-core@1.65.1
browser=$(command -v chromium-headless-shell) || { echo 'install the package chromium-headless-shell first'; exit 1; }

cat >"$tmp/run.mjs" <<'JS'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { chromium } from 'playwright-core'

let requests = 0
const server = http.createServer((request, response) => { requests += 1; response.end() })
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const pixel = `http://127.0.0.1:${server.address().port}/v1/pixel/track?event=`
const browser = await chromium.launch({ executablePath: process.argv[2], args: ['--no-sandbox'] })
const context = await browser.newContext({ recordHar: { path: process.argv[3] } })
const page = await context.newPage()
await page.route('**/*Blocked', (route) => route.abort())
await page.setContent(`<img src="${pixel}Blocked"><img src="${pixel}Opened">`, { waitUntil: 'load' })
await context.close()
await browser.close()
server.close()
for (const { request, response, time } of JSON.parse(readFileSync(process.argv[3])).log.entries)
  console.log(request.url.split('=')[1], 'status', response.status, time > 0 ? 'with a time,' : 'without a time,', response._failureText ?? 'no failure')
console.log('requests at the server:', requests)
JS
cat >"$tmp/run.py" <<'PY'
import json, sys
from haralyzer import HarParser, HarPage

har = json.load(open(sys.argv[1]))
page = HarPage(har["log"]["pages"][0]["id"], har_parser=HarParser(har))
print("GET requests for haralyzer:", len(page.get_requests))
PY
cat >"$tmp/expected" <<'TEXT'
Blocked status -1 with a time, net::ERR_FAILED
Opened status 200 with a time, no failure
requests at the server: 1
GET requests for haralyzer: 2
TEXT
{
  node "$tmp/run.mjs" "$browser" "$tmp/run.har"
  "$tmp/venv/bin/python" "$tmp/run.py" "$tmp/run.har"
} >"$tmp/seen"

echo "versions: playwright-core 1.65.1, $("$browser" --version 2>/dev/null), haralyzer 2.4.0"
echo 'guess:    one entry, or one with status 0'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
