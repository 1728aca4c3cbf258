#!/usr/bin/env bash
# A pixel in `<noscript>` becomes visible source text in nh3, and a live image in xss and sanitize-html.
#
# Versions: PyPI nh3 0.3.8; npm dompurify 3.5.0 with jsdom 29.1.1, xss 1.0.17, sanitize-html 2.17.5.
#           Seen on 2026-11-30.
# Guess:    what stands in a tag that is not allowed goes with it, or stays inside it.
# Seen:     nh3 shows the reader `<img src="https://…">` as text. xss shows the tags of
#           noscript as text and keeps the image, sanitize-html drops the tags and keeps the
#           image, DOMPurify drops all of it.
# Matters:  a web page's fallback pixel, pasted into a mail and cleaned, fires for every reader
#           beside the scripted call, or stands as source text in the mail.
# Source:   the HTML standard parses noscript as text where scripting is on, as elements
#           where it is off; the libraries differ in which of the two they are.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq nh3==0.3.8
npm install --silent --no-save --ignore-scripts --prefix "$tmp" dompurify@3.5.0 jsdom@29.1.1 xss@1.0.17 sanitize-html@2.17.5

cat >"$tmp/run.mjs" <<'JS'
import DOMPurify from 'dompurify'
import { JSDOM } from 'jsdom'
import sanitizeHtml from 'sanitize-html'
import xss from 'xss'
const html = process.argv[2]
console.log('dompurify', DOMPurify(new JSDOM('').window).sanitize(html))
console.log('xss', xss(html))
console.log('sanitize-html', sanitizeHtml(html, { allowedTags: ['p', 'img'] }))
JS
html='<p>Hi</p><noscript><img src="https://shop.example/p"></noscript>'
cat >"$tmp/expected" <<'TEXT'
nh3 <p>Hi</p>&lt;img src="https://shop.example/p"&gt;
dompurify <p>Hi</p>
xss <p>Hi</p>&lt;noscript&gt;<img src="https://shop.example/p">&lt;/noscript&gt;
sanitize-html <p>Hi</p><img src="https://shop.example/p" />
TEXT
{
  "$tmp/venv/bin/python" -c 'import nh3, sys; print("nh3", nh3.clean(sys.argv[1]))' "$html"
  node "$tmp/run.mjs" "$html"
} >"$tmp/seen"

echo "versions: nh3 0.3.8, dompurify 3.5.0, jsdom 29.1.1, xss 1.0.17, sanitize-html 2.17.5, Node $(node --version)"
echo 'guess:    four times the same'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
