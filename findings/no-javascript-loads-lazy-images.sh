#!/usr/bin/env bash
# Turning JavaScript off makes Chromium load every `loading=lazy` pixel at once.
#
# Versions: npm playwright-core 1.65.1; Debian 12 chromium-headless-shell 156. Seen on 2026-11-30.
# Guess:    lazy loading is a matter of layout, and a full-page screenshot scrolls everything into view.
# Seen:     with JavaScript the lazy pixel 20,000 px down is not requested, neither by a full-page
#           screenshot; the first PDF requests it. Without JavaScript it is requested at once.
# Matters:  a mail is rendered without JavaScript to be like a mail client: that proves a lazy
#           pixel which clients that honour `lazy` never ask for unless somebody scrolls.
# Source:   the HTML standard: lazy loading only where scripting is enabled, against tracking by scroll position.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" playwright-core@1.65.1
browser=$(command -v chromium-headless-shell) || { echo 'install the package chromium-headless-shell first'; exit 1; }

cat >"$tmp/run.mjs" <<'JS'
import http from 'node:http'
import { chromium } from 'playwright-core'

const seen = new Set()
const server = http.createServer((request, response) => { seen.add(request.url.split('=')[1]); response.end() })
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const pixel = `http://127.0.0.1:${server.address().port}/v1/pixel/track?event=`
const browser = await chromium.launch({ executablePath: process.argv[2], args: ['--no-sandbox'] })
for (const javaScriptEnabled of [true, false]) {
  const page = await browser.newPage({ javaScriptEnabled })
  const tell = (step) => console.log(javaScriptEnabled ? 'JavaScript:' : 'none:', step, [...seen].sort().join(' '))
  seen.clear()
  await page.setContent(`<img src="${pixel}top"><div style="height: 20000px"></div><img loading="lazy" src="${pixel}lazy">`,
    { waitUntil: 'networkidle' })
  tell('rendered')
  await page.screenshot({ fullPage: true })
  await page.waitForLoadState('networkidle')
  tell('screenshot')
  if (javaScriptEnabled) {
    const asked = page.waitForRequest(/lazy/)
    await page.pdf()
    await asked
    tell('pdf')
  }
  await page.close()
}
await browser.close()
server.close()
JS
cat >"$tmp/expected" <<'TEXT'
JavaScript: rendered top
JavaScript: screenshot top
JavaScript: pdf lazy top
none: rendered lazy top
none: screenshot lazy top
TEXT
node "$tmp/run.mjs" "$browser" >"$tmp/seen"

echo "versions: playwright-core 1.65.1, $("$browser" --version 2>/dev/null)"
echo 'guess:    lazy comes with the screenshot, with JavaScript and without'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
