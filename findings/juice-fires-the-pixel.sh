#!/usr/bin/env bash
# juice's `juiceResources` fires the tracking pixel while it builds the mail, and removes it.
#
# Versions: npm juice 12.2.0 (and 11.1.1). Seen on 2026-11-30, Node 20.
# Guess:    it inlines style sheets; an image with an absolute URL stays a link.
# Seen:     each image up to 8 KB is downloaded and becomes a data URL. The build makes one
#           real call; the finished mail holds no pixel. `webResources: {images: false}` keeps it.
# Matters:  an open is booked for every build, and none for every reader. The picture looks right.
# Source:   juice documents `webResources` with a link to web-resource-inliner, whose default
#           is `images: 8`.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" juice@12.2.0

cat >"$tmp/run.mjs" <<'JS'
import http from 'node:http'
import juice from 'juice'

const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
const server = http.createServer((request, response) => {
  console.log('  requested:', request.url)
  response.setHeader('Content-Type', 'image/gif')
  response.end(gif)
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const url = `http://127.0.0.1:${server.address().port}/v1/pixel/track?userId=u1&amp;event=Opened`
const mail = `<style>p { color: red }</style><p>Hello</p><img src="${url}" width="1" height="1">`
for (const options of [{}, { webResources: { images: false } }]) {
  console.log(JSON.stringify(options))
  await new Promise((done) => juice.juiceResources(mail, options, (error, html) => {
    console.log('  in the mail:', html.includes(url) ? 'the pixel' : html.match(/src="([^,]*),/)[1])
    done()
  }))
}
server.close()
JS
cat >"$tmp/expected" <<'TEXT'
{}
  requested: /v1/pixel/track?userId=u1&event=Opened
  in the mail: data:image/gif;base64
{"webResources":{"images":false}}
  in the mail: the pixel
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: juice 12.2.0, Node $(node --version)"
echo 'guess:    nothing is requested, the pixel stays'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
