#!/usr/bin/env bash
# Handlebars and mustache.js escape `=`, mustache.js also `/`: a URL in a text part is broken.
#
# Versions: npm handlebars 4.7.10, mustache 4.2.0, nunjucks 3.2.4; PyPI chevron 0.14.0. Seen on 2026-11-30.
# Guess:    automatic escaping means & < > and quotes; the same Mustache template gives the same text everywhere.
# Seen:     `{{url}}` writes `?data&#x3D;eyJh&#x3D;&#x3D;` in JavaScript, `?data=eyJh==` with
#           chevron in Python; mustache.js writes `https:&#x2F;&#x2F;` on top.
# Matters:  a browser decodes it in HTML; a text part, a JSON body, an AMP variable or a search for
#           the pixel's URL in the template's output does not find one.
# Source:   handlebars `utils.js` and mustache.js `entityMap`: for attributes without quotes.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq chevron==0.14.0
npm install --silent --no-save --ignore-scripts --prefix "$tmp" handlebars@4.7.10 mustache@4.2.0 nunjucks@3.2.4

cat >"$tmp/run.mjs" <<'JS'
import Handlebars from 'handlebars'
import Mustache from 'mustache'
import nunjucks from 'nunjucks'
const [template, values] = ['{{url}}', { url: process.argv[2] }]
console.log('handlebars', Handlebars.compile(template)(values))
console.log('mustache.js', Mustache.render(template, values))
console.log('nunjucks', nunjucks.renderString(template, values))
JS
url='https://shop.example/p?data=eyJh=='
cat >"$tmp/expected" <<'TEXT'
handlebars https://shop.example/p?data&#x3D;eyJh&#x3D;&#x3D;
mustache.js https:&#x2F;&#x2F;shop.example&#x2F;p?data&#x3D;eyJh&#x3D;&#x3D;
nunjucks https://shop.example/p?data=eyJh==
chevron https://shop.example/p?data=eyJh==
TEXT
{
  node "$tmp/run.mjs" "$url"
  "$tmp/venv/bin/python" -c 'import chevron, sys; print("chevron", chevron.render("{{url}}", {"url": sys.argv[1]}))' "$url"
} >"$tmp/seen"

echo "versions: handlebars 4.7.10, mustache 4.2.0, nunjucks 3.2.4, chevron 0.14.0, Node $(node --version)"
echo "guess:    $url each time"
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
