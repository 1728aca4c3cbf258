#!/usr/bin/env bash
# With `allow_unicode=True` PyYAML does not read back what it wrote: U+0085 becomes a space.
#
# Versions: PyPI PyYAML 6.0.4; npm js-yaml 5.5.0. Seen on 2026-11-30.
# Guess:    `safe_load(safe_dump(x, allow_unicode=True)) == x` for every text.
# Seen:     at the end of a word U+0085 is written as it is inside single quotes, and read
#           as a folded line break. U+2028 is written so, too: PyYAML reads it right, a
#           YAML 1.2 reader sees two more blanks.
# Matters:  U+0085 is the "…" of a Windows mail that somebody decoded as Latin-1, U+2028 what
#           editors paste. Subjects and titles change when a recording is read.
# Source:   `emitter.py`, `write_single_quoted`, writes every break and its indentation; YAML
#           1.2 no longer counts U+0085, U+2028 and U+2029 as line breaks.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq PyYAML==6.0.4
npm install --silent --no-save --ignore-scripts --prefix "$tmp" js-yaml@5.5.0

cat >"$tmp/run.mjs" <<'JS'
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
console.log('js-yaml', Array.from(load(readFileSync(0, 'utf8')), (character) => character.codePointAt().toString(16)).join(' '))
JS
cat >"$tmp/run.py" <<'PY'
import subprocess, sys
import yaml

for text in "Sale\x85", "a\u2028b":
    print("text   ", *(f"{ord(character):x}" for character in text))
    written = yaml.safe_dump(text, allow_unicode=True)
    print("PyYAML ", *(f"{ord(character):x}" for character in yaml.safe_load(written)), flush=True)
    subprocess.run(["node", sys.argv[1]], input=written.encode(), check=True)
PY
cat >"$tmp/expected" <<'TEXT'
text    53 61 6c 65 85
PyYAML  53 61 6c 65 20
js-yaml 53 61 6c 65 85 20 20
text    61 2028 62
PyYAML  61 2028 62
js-yaml 61 2028 20 20 62
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" "$tmp/run.mjs" >"$tmp/seen"

echo "versions: PyYAML 6.0.4, js-yaml 5.5.0, Node $(node --version)"
echo 'guess:    three equal lines, twice'
echo 'seen (code points):'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
