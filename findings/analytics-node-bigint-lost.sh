#!/usr/bin/env bash
# analytics-node never sends a call with a BigInt, and its callback reports success.
#
# Versions: npm @segment/analytics-node 3.1.0. Seen on 2026-11-30, Node 20.
# Guess:    `track` throws the TypeError of JSON.stringify, or the callback or the
#           `error` event gets it.
# Seen:     none of them: the callback is called first and without an error, the two
#           neighbours are sent, this call is not.
# Matters:  database drivers give 64-bit ids as BigInt. Counting callbacks counts a call
#           that no server ever saw; only the receiver's side can tell.
# Source:   `context-batch.js` calls JSON.stringify inside the delivery plugin, whose
#           errors the core's queue logs; `dispatch-emit.js` looks at `failedDelivery` only.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" @segment/analytics-node@3.1.0

cat >"$tmp/run.mjs" <<'JS'
import http from 'node:http'
import { Analytics } from '@segment/analytics-node'

const server = http.createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => { body += chunk })
  request.on('end', () => {
    console.log('received:', JSON.parse(body).batch.map((call) => call.event).join(', '))
    response.end('{}')
  })
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const analytics = new Analytics({ writeKey: 'placeholder', host: `http://127.0.0.1:${server.address().port}` })
analytics.on('error', (error) => console.log('error event', error.code))
for (const [event, id] of [['Before', 1], ['Big', 10n], ['After', 2]])
  analytics.track({ userId: 'u1', event, properties: { id } }, (error) => console.log('callback of', event, 'error:', error))
await analytics.closeAndFlush({ timeout: 20000 })
server.close()
JS
cat >"$tmp/expected" <<'TEXT'
callback of Big error: undefined
received: Before, After
callback of Before error: undefined
callback of After error: undefined
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: @segment/analytics-node 3.1.0, Node $(node --version)"
echo 'guess:    an error somewhere for the call with the BigInt'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
