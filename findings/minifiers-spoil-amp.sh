#!/usr/bin/env bash
# Two HTML minifiers turn a right `&amp;` into parameters that no longer have their name.
#
# Versions: PyPI minify-html-onepass 0.18.1, minify-html 0.18.1; npm html-minifier-terser 7.2.0. Seen on 2026-11-30.
# Guess:    a minifier may write `&` for `&amp;`; the URL that a browser reads stays the same.
# Seen:     minify_html_onepass writes `&amp` without its semicolon where a bare `&` would
#           begin an entity (`&times`): a browser reads the parameter `amptimestamp`.
#           html-minifier-terser with `minifyURLs` resolves the escaped text as a URL: a browser
#           reads the parameter `;userId`, and the token and the scheme are gone, too.
#           minify_html, and terser without that option, are right.
# Matters:  the pixel fires, is answered 200, and the id or the time is missing under its name.
# Source:   the HTML standard reads `&amp` before a letter as text within attributes; terser's
#           README hands `minifyURLs` to relateurl, which gets the attribute before unescaping.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq minify-html-onepass==0.18.1 minify-html==0.18.1 html5lib==1.1
npm install --silent --no-save --ignore-scripts --prefix "$tmp" html-minifier-terser@7.2.0

cat >"$tmp/run.mjs" <<'JS'
import { readFileSync } from 'node:fs'
import { minify } from 'html-minifier-terser'
const site = process.argv[2]
console.log(await minify(readFileSync(0, 'utf8'), site ? { minifyURLs: site } : {}))
JS
cat >"$tmp/run.py" <<'PY'
import subprocess, sys
import html5lib, minify_html, minify_html_onepass

mail = '<img src="https://api.segment.io/v1/pixel/track?event=E&amp;userId={{ id }}&amp;timestamp=1" width="1">'
def terser(*site):
    return subprocess.run(["node", sys.argv[1], *site], input=mail, capture_output=True, text=True, check=True).stdout

for name, html in {
    "original": mail,
    "minify_html": minify_html.minify(mail),
    "minify_html_onepass": minify_html_onepass.minify(mail),
    "terser": terser(),
    "terser minifyURLs": terser("https://shop.example/"),
}.items():
    image = html5lib.parse(html, namespaceHTMLElements=False).find(".//img")
    print(f"{name}: {image.get('src').partition('segment.io')[2]}")
PY
cat >"$tmp/expected" <<'TEXT'
original: /v1/pixel/track?event=E&userId={{ id }}&timestamp=1
minify_html: /v1/pixel/track?event=E&userId={{ id }}&timestamp=1
minify_html_onepass: /v1/pixel/track?event=E&userId={{ id }}&amptimestamp=1
terser: /v1/pixel/track?event=E&userId={{ id }}&timestamp=1
terser minifyURLs: /v1/pixel/track?event=E&%3BuserId=%7B%7B+id+%7D%7D&%3Btimestamp=1
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp/run.mjs" >"$tmp/seen"

echo "versions: minify-html 0.18.1, minify-html-onepass 0.18.1, html-minifier-terser 7.2.0, html5lib 1.1"
echo 'guess:    five times what a browser reads in the original'
echo 'seen (the src, as html5lib reads it):'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
