#!/usr/bin/env bash
# analytics-next sends `alias(new, old)` with the current user, not with `new`.
#
# Versions: npm @segment/analytics-next 1.84.3, jsdom 29.1.1. Seen on 2026-11-30, Node 20.
# Guess:    the first argument is the new id: it becomes `userId`, the second `previousId`.
# Seen:     after `identify('u1')`, `alias('new', 'old')` sends previousId `old` and
#           userId `u1`; `new` is in no field of the call.
# Matters:  an alias ties two ids together for good. A contract test that only counts alias
#           calls, or looks at previousId alone, passes while the wrong pair is tied.
# Source:   `core/events`: `addIdentity` writes the stored user's id over `userId` in every
#           call, alias included.
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
const analytics = AnalyticsBrowser.load({ writeKey: 'placeholder' })
await analytics.identify('u1')
await analytics.alias('new', 'old')
while (sent.length < 2) await new Promise((done) => setTimeout(done, 20))
const alias = sent.find((call) => call.type === 'alias')
console.log('previousId', alias.previousId, 'userId', alias.userId, 'new anywhere:', JSON.stringify(alias).includes('"new"'))
process.exit()
JS
cat >"$tmp/expected" <<'TEXT'
previousId old userId u1 new anywhere: false
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: @segment/analytics-next 1.84.3, jsdom 29.1.1, Node $(node --version)"
echo 'guess:    previousId old, userId new'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
