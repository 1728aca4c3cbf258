#!/usr/bin/env bash
# The npm package yaml, told to read YAML 1.1, reads the text `e400` as NaN.
#
# Versions: npm yaml 2.9.1, js-yaml 5.5.0; PyPI PyYAML 6.0.4. Seen on 2026-11-30, Node 20.
# Guess:    a number needs a digit before its exponent; `version: '1.1'` or `%YAML 1.1` makes
#           the package read what PyYAML, a 1.1 library, wrote without quotes.
# Seen:     `e400`, `E5` and `.e5` are NaN. PyYAML writes them without quotes and reads
#           texts, and so do js-yaml and this package in its default version 1.2.
# Matters:  ids cut from hexadecimal digits look like this: a recording written by
#           PyYAML is read by a Node test as NaN, also as a key.
# Source:   the package's YAML 1.1 schema: the pattern of floats has every digit optional.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq PyYAML==6.0.4
npm install --silent --no-save --ignore-scripts --prefix "$tmp" yaml@2.9.1 js-yaml@5.5.0

cat >"$tmp/run.mjs" <<'JS'
import { readFileSync } from 'node:fs'
import * as jsYaml from 'js-yaml'
import YAML from 'yaml'
const text = readFileSync(0, 'utf8')
console.log('js-yaml     ', jsYaml.load(text))
console.log('yaml        ', YAML.parse(text))
console.log('yaml as 1.1 ', YAML.parse(text, { version: '1.1' }))
console.log('by directive', YAML.parse(`%YAML 1.1\n---\n${text}`))
JS
cat >"$tmp/expected" <<'TEXT'
userIds: [e400, E5, .e5, e4f]
js-yaml      { userIds: [ 'e400', 'E5', '.e5', 'e4f' ] }
yaml         { userIds: [ 'e400', 'E5', '.e5', 'e4f' ] }
yaml as 1.1  { userIds: [ NaN, NaN, NaN, 'e4f' ] }
by directive { userIds: [ NaN, NaN, NaN, 'e4f' ] }
TEXT
"$tmp/venv/bin/python" -c 'import yaml
print(yaml.safe_dump({"userIds": ["e400", "E5", ".e5", "e4f"]}, default_flow_style=None), end="")' >"$tmp/ids.yaml"
{
  cat "$tmp/ids.yaml"
  node "$tmp/run.mjs" <"$tmp/ids.yaml"
} >"$tmp/seen"

echo "versions: PyYAML 6.0.4, js-yaml 5.5.0, yaml 2.9.1, Node $(node --version)"
echo 'guess:    four texts each time'
echo 'seen (first line: written by PyYAML):'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
