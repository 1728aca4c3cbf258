#!/usr/bin/env bash
# Segment's own event validator refuses an ISO timestamp, and takes what the API drops.
#
# Versions: npm @segment/loosely-validate-event 2.0.0. Seen on 2026-11-30, Node 20.
# Guess:    whatever the API keeps is valid, whatever it drops is not.
# Seen:     a `timestamp` as text is refused, be it a perfect ISO 8601 one: only a Date
#           object passes, which no JSON can hold. A numeric userId, properties as a list
#           or a text, and an empty page name pass, which the API lists as drop reasons.
# Matters:  whoever checks received calls with it gets refusals for good calls and
#           silence for lost ones. It checks an SDK's arguments, not what is on the wire.
# Source:   `index.js`: the type table says `timestamp: 'date'`, and names no type for
#           `properties` or `name`; Segment's Delivery Overview lists the drop reasons.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" @segment/loosely-validate-event@2.0.0

cat >"$tmp/run.mjs" <<'JS'
import validate from '@segment/loosely-validate-event'
const track = { type: 'track', userId: 'u1', event: 'Order Completed' }
for (const [name, call] of Object.entries({
  'ISO timestamp': { ...track, timestamp: '2026-11-30T12:00:00Z' },
  'Date object': { ...track, timestamp: new Date() },
  'userId 5': { ...track, userId: 5 },
  'properties as list': { ...track, properties: [1] },
  'properties as text': { ...track, properties: 'x' },
  'empty page name': { type: 'page', userId: 'u1', name: '' },
})) {
  try {
    validate(call)
    console.log(`${name}: valid`)
  } catch (error) {
    console.log(`${name}: ${error.message}`)
  }
}
JS
cat >"$tmp/expected" <<'TEXT'
ISO timestamp: "timestamp" must be a date.
Date object: valid
userId 5: valid
properties as list: valid
properties as text: valid
empty page name: valid
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: @segment/loosely-validate-event 2.0.0, Node $(node --version)"
echo 'guess:    the first two are valid, the other four are not'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
