#!/usr/bin/env bash
# One escaped half of an emoji makes libyaml refuse a whole recording that PyYAML itself wrote.
#
# Versions: PyPI PyYAML 6.0.4, ryaml 0.5.1; Debian 12 ruby 3.1 (libyaml 0.2.5). Seen on 2026-11-30.
# Guess:    what `yaml.safe_dump` writes, `yaml.load` with the C loader, Ruby and Rust read.
# Seen:     the text of a lone surrogate is written as `"\uD83D"`; the Python loader reads it
#           back, PyYAML's CSafeLoader, Ruby's Psych and ryaml refuse the file.
# Matters:  JavaScript cuts texts in the middle of an emoji, JSON carries the half, and one
#           such call makes the fixture of all the others unreadable for other teams.
# Source:   libyaml `scanner.c`: an escape in the range D800 to DFFF is an invalid code.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq PyYAML==6.0.4 ryaml==0.5.1

cat >"$tmp/run.py" <<'PY'
import json, sys
import ryaml, yaml

call = json.loads(r'{"event": "Party \ud83d"}')
with open(sys.argv[1], "w") as file:
    yaml.safe_dump([call, {"event": "Opened"}], file)
text = open(sys.argv[1]).read()
readers = {
    "PyYAML SafeLoader": lambda: yaml.load(text, yaml.SafeLoader),
    "PyYAML CSafeLoader": lambda: yaml.load(text, yaml.CSafeLoader),
    "ryaml": lambda: ryaml.loads(text),
}
for name, read in readers.items():
    try:
        print(name, "reads", len(read()), "calls")
    except (yaml.YAMLError, ryaml.InvalidYamlError):
        print(name, "refuses the file")
PY
cat >"$tmp/expected" <<'TEXT'
PyYAML SafeLoader reads 2 calls
PyYAML CSafeLoader refuses the file
ryaml refuses the file
Psych refuses the file
TEXT
{
  "$tmp/venv/bin/python" "$tmp/run.py" "$tmp/calls.yaml"
  ruby -ryaml -e 'begin
    puts "Psych reads #{YAML.load_file(ARGV[0]).length} calls"
  rescue Psych::SyntaxError
    puts "Psych refuses the file"
  end' "$tmp/calls.yaml"
} >"$tmp/seen"

echo "versions: PyYAML 6.0.4, ryaml 0.5.1, libyaml $(ruby -rpsych -e 'puts Psych::LIBYAML_VERSION') in $(ruby --version | cut -d' ' -f1-2)"
echo 'guess:    each reads two calls'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
