#!/usr/bin/env bash
# analytics-next sends calls made before `load()` grouped by method, under the last user's id.
#
# Versions: npm @segment/analytics-next 1.84.3, jsdom 29.1.1. Seen on 2026-11-30, Node 20.
# Guess:    calls queued before `load()` are replayed in the order in which they were made.
# Seen:     track A, identify u1, track B, identify u2, track C goes out as the three
#           tracks, then both identifies; all three tracks carry userId u2.
# Matters:  a page that calls the SDK before it has loaded books events on the wrong
#           user, and no assertion on order can hold.
# Source:   `core/buffer`: the queue is a map from method to calls; `core/events`,
#           `addIdentity`: `userId` is filled in late, after all identifies were applied.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" @segment/analytics-next@1.84.3 jsdom@29.1.1

cat >"$tmp/run.mjs" <<'JS'
import { JSDOM } from 'jsdom'

const page = new JSDOM('<!doctype html><title>Shop</title>', { url: 'https://shop.example/' })
const globals = { window: page.window, fetch: answer }
for (const name of ['document', 'location', 'navigator', 'localStorage', 'sessionStorage', 'CustomEvent', 'Event'])
  globals[name] = page.window[name]
for (const [name, value] of Object.entries(globals))
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
page.window.fetch = answer

const sent = []
async function answer(url, options) {
  if (String(url).includes('/settings'))
    return Response.json({ integrations: { 'Segment.io': { apiKey: 'placeholder' } } })
  sent.push(JSON.parse(options.body))
  return Response.json({ success: true })
}

const { AnalyticsBrowser } = await import('@segment/analytics-next')
const analytics = new AnalyticsBrowser()
analytics.track('A')
analytics.identify('u1')
analytics.track('B')
analytics.identify('u2')
const last = analytics.track('C')
await analytics.load({ writeKey: 'placeholder' })
await last
while (sent.length < 5) await new Promise((done) => setTimeout(done, 20))
for (const call of sent) console.log(call.type, call.event ?? '', 'userId', call.userId)
process.exit()
JS
cat >"$tmp/expected" <<'TEXT'
track A userId u2
track B userId u2
track C userId u2
identify  userId u1
identify  userId u2
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: @segment/analytics-next 1.84.3, jsdom 29.1.1, Node $(node --version)"
echo 'guess:    track A without a user, identify u1, track B as u1, identify u2, track C as u2'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
