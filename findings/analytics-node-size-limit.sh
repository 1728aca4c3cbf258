#!/usr/bin/env bash
# analytics-node's limit of 32 KB counts percent escapes and the letter i, not bytes.
#
# Versions: npm @segment/analytics-node 3.1.0. Seen on 2026-11-30, Node 20.
# Guess:    a call over 32 KB fails with "Event exceeds maximum event size"; others pass.
# Seen:     300,000 letters x are sent, callback without error; 33,000 letters i are refused.
# Matters:  the endpoint's limit is 32 KB a call. A call over it looks delivered to its
#           sender, so whoever checks a batch must measure each call in it.
# Source:   `plugins/segmentio/context-batch.js`, `calculateSize`: the number of parts of
#           `encodeURI(JSON)` split at `/%..|i/`; the known trick for bytes has a dot there.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" @segment/analytics-node@3.1.0

cat >"$tmp/run.mjs" <<'JS'
import http from 'node:http'
import { Analytics } from '@segment/analytics-node'

let received = 0
const server = http.createServer((request, response) => {
  request.on('data', (chunk) => { received += chunk.length })
  request.on('end', () => response.end('{}'))
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const host = `http://127.0.0.1:${server.address().port}`
for (const [letter, times] of [['x', 300000], ['i', 33000]]) {
  received = 0
  let outcome = 'no error'
  const analytics = new Analytics({ writeKey: 'placeholder', host })
  analytics.on('error', () => {})
  analytics.track({ userId: 'u1', event: 'E', properties: { text: letter.repeat(times) } },
    (error) => { if (error) outcome = error.message })
  await analytics.closeAndFlush({ timeout: 20000 })
  console.log(`${times} x "${letter}": ${outcome}, ${received > times ? 'sent' : 'not sent'}`)
}
server.close()
JS
cat >"$tmp/expected" <<'TEXT'
300000 x "x": no error, sent
33000 x "i": Event exceeds maximum event size of 32 KB, not sent
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: @segment/analytics-node 3.1.0, Node $(node --version)"
echo 'guess:    both are refused'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
