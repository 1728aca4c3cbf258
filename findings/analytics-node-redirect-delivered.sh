#!/usr/bin/env bash
# analytics-node calls a redirected batch delivered, although nobody ever received its body.
#
# Versions: npm @segment/analytics-node 3.1.0. Seen on 2026-11-30, Node 20.
# Guess:    a 302 is an error, or the POST is repeated at the new address.
# Seen:     the redirect is followed as a GET without a body; its 200 counts, the
#           callback gets no error, no `error` event is emitted, nothing is retried.
# Matters:  a moved host (http to https, a proxy's login page) loses every call in
#           silence; a check of callbacks or of the last status proves nothing.
# Source:   the SDK leaves `redirect` of fetch at its default; the Fetch standard turns
#           a POST into a GET for 301 and 302.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" @segment/analytics-node@3.1.0

cat >"$tmp/run.mjs" <<'JS'
import http from 'node:http'
import { Analytics } from '@segment/analytics-node'

const server = http.createServer((request, response) => {
  let size = 0
  request.on('data', (chunk) => { size += chunk.length })
  request.on('end', () => {
    console.log(request.method, request.url, size ? 'with a body' : 'no body')
    if (request.url === '/v1/batch') response.writeHead(302, { location: '/moved' })
    response.end()
  })
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const analytics = new Analytics({ writeKey: 'placeholder', host: `http://127.0.0.1:${server.address().port}` })
analytics.on('error', (error) => console.log('error event', error.code))
analytics.track({ userId: 'u1', event: 'Order Completed' }, (error) => console.log('callback error:', error))
await analytics.closeAndFlush({ timeout: 20000 })
server.close()
JS
cat >"$tmp/expected" <<'TEXT'
POST /v1/batch with a body
GET /moved no body
callback error: undefined
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: @segment/analytics-node 3.1.0, Node $(node --version)"
echo 'guess:    an error, or a second POST'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
