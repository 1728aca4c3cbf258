#!/usr/bin/env bash
# premailer and lxml percent-encode the blanks of a template token inside `src`.
#
# Versions: PyPI premailer 3.10.0, lxml 6.1.3, css-inline 0.24.0, jinja2 3.1.6. Seen on 2026-11-30.
# Guess:    a tool that moves styles into attributes leaves the URLs of images alone.
# Seen:     `{{ user.id }}` in a `src` becomes `{{%20user.id%20}}`, in a text it stays; css-inline
#           changes neither. lxml's HTML serialiser, below premailer, does the same.
# Matters:  the sending service no longer finds its token: every reader's pixel says the same
#           `{{ user.id }}`, which the endpoint keeps as a user.
# Source:   libxml2 escapes URI attributes when it writes HTML; premailer uses `method="html"`.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq premailer==3.10.0 lxml==6.1.3 css-inline==0.24.0 jinja2==3.1.6

cat >"$tmp/run.py" <<'PY'
import re
import css_inline, jinja2, lxml.html, premailer

mail = '<html><body><p>{{ user.id }}</p><img src="https://api.segment.io/v1/pixel/track?userId={{ user.id }}"></body></html>'
tools = {
    "css-inline": css_inline.inline,
    "lxml": lambda html: lxml.html.tostring(lxml.html.fromstring(html), encoding="unicode"),
    "premailer": premailer.transform,
}
for name, tool in tools.items():
    html = tool(mail)
    print(f"{name}: text {re.search('<p>(.*?)</p>', html)[1]} - src {re.search('userId=([^\"]*)', html)[1]}", end=" - ")
    try:
        print("filled in:", jinja2.Template(html).render(user={"id": "u1"}).count("u1"))
    except jinja2.TemplateSyntaxError as error:
        print("jinja2:", error.message)
PY
cat >"$tmp/expected" <<'TEXT'
css-inline: text {{ user.id }} - src {{ user.id }} - filled in: 2
lxml: text {{ user.id }} - src {{%20user.id%20}} - jinja2: unexpected '%'
premailer: text {{ user.id }} - src {{%20user.id%20}} - jinja2: unexpected '%'
TEXT
"$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo 'versions: css-inline 0.24.0, lxml 6.1.3, premailer 3.10.0, jinja2 3.1.6'
echo 'guess:    the token stays, and is filled in twice'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
