#!/usr/bin/env bash
# Ruby reads the YAML texts `1,000` and `1,2` as the numbers 1000 and 12, and `:track` as a Symbol.
#
# Versions: Debian 12 ruby 3.1 with Psych 4.0; PyPI PyYAML 6.0.4. Seen on 2026-11-30.
# Guess:    no YAML version knows commas in numbers, so writers need no quotes for them.
# Seen:     PyYAML writes them without quotes and reads texts; Psych, on the same libyaml,
#           makes integers of them, and refuses `:track` in its safe loader.
# Matters:  a price or a list of ids in a recorded call is another value in a Ruby test:
#           revenue "1,2" is 12.
# Source:   `psych/scalar_scanner.rb`, INTEGER: a digit may follow a comma; symbols begin
#           with a colon.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq PyYAML==6.0.4

"$tmp/venv/bin/python" >"$tmp/call.yaml" -c 'import yaml
print(yaml.safe_dump({"price": "1,000", "revenue": "1,2", "event": ":track"}, sort_keys=False), end="")'
cat >"$tmp/run.rb" <<'RUBY'
require "yaml"
text = STDIN.read
puts YAML.unsafe_load(text).map { |name, value| "#{name} #{value.inspect}" }
begin
  YAML.safe_load(text)
rescue Psych::DisallowedClass => error
  puts error.message
end
RUBY
cat >"$tmp/expected" <<'TEXT'
price: 1,000
revenue: 1,2
event: :track
price 1000
revenue 12
event :track
Tried to load unspecified class: Symbol
TEXT
{
  cat "$tmp/call.yaml"
  ruby "$tmp/run.rb" <"$tmp/call.yaml"
} >"$tmp/seen"

echo "versions: PyYAML 6.0.4, $(ruby --version | cut -d' ' -f1-2), Psych $(ruby -rpsych -e 'puts Psych::VERSION')"
echo 'guess:    three texts'
echo 'seen (first three lines: written by PyYAML):'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
