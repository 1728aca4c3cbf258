#!/usr/bin/env bash
# jsonschema with a FormatChecker takes any text as `date-time`, and does check `date`.
#
# Versions: PyPI jsonschema 4.26.0, rfc3339-validator 0.1.4, jsonschema-rs 0.61.2, fastjsonschema 2.22.3.
#           Seen on 2026-11-30.
# Guess:    with `format_checker=FormatChecker()` a format is checked, or an unknown one is an error.
# Seen:     "soon" is a valid date-time until the package rfc3339-validator is installed
#           beside it, without a word; "soon" is no valid date. `@` is a valid email. The two
#           other implementations refuse both.
# Matters:  a tracking plan says `"timestamp": {"format": "date-time"}`. The same plan is green
#           in one repository and red in another, by what else happens to be installed.
# Source:   the documentation of `FormatChecker`: formats that need a package are not checked
#           without it; the extra `jsonschema[format]` brings them.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq jsonschema==4.26.0 jsonschema-rs==0.61.2 fastjsonschema==2.22.3

cat >"$tmp/run.py" <<'PY'
import fastjsonschema, jsonschema, jsonschema_rs

def with_fastjsonschema(schema, value):
    try:
        fastjsonschema.validate(schema, value)
        return True
    except fastjsonschema.JsonSchemaValueException:
        return False

for name, value in ("date", "soon"), ("date-time", "soon"), ("email", "@"):
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string", "format": name}
    checker = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    print(name, value,
          "jsonschema", checker.is_valid(value),
          "jsonschema-rs", jsonschema_rs.Draft7Validator(schema, validate_formats=True).is_valid(value),
          "fastjsonschema", with_fastjsonschema(schema, value))
PY
cat >"$tmp/expected" <<'TEXT'
date soon jsonschema False jsonschema-rs False fastjsonschema False
date-time soon jsonschema True jsonschema-rs False fastjsonschema False
email @ jsonschema True jsonschema-rs False fastjsonschema False
with rfc3339-validator
date-time soon jsonschema False jsonschema-rs False fastjsonschema False
TEXT
{
  "$tmp/venv/bin/python" "$tmp/run.py"
  "$tmp/venv/bin/pip" install -qq rfc3339-validator==0.1.4
  echo 'with rfc3339-validator'
  "$tmp/venv/bin/python" "$tmp/run.py" | grep date-time
} >"$tmp/seen"

echo 'versions: jsonschema 4.26.0, jsonschema-rs 0.61.2, fastjsonschema 2.22.3, rfc3339-validator 0.1.4'
echo 'guess:    False everywhere'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
