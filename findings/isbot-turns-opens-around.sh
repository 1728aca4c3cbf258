#!/usr/bin/env bash
# isbot calls Gmail's image proxy a bot and Gmail's prefetch a person.
#
# Versions: npm isbot 5.2.3. Seen on 2026-11-30.
# Guess:    a fetch that a reader caused is no bot, one that a machine made is.
# Seen:     an open in Gmail, Yahoo, HEY, Fastmail, Superhuman and Evolution is a bot; the
#           fetch that Gmail makes on its own is not.
# Matters:  as a filter in front of a tracking endpoint it throws real opens away and keeps
#           the machine's. Open rates fall, and no test with a browser shows it.
# Source:   isbot looks for words, and for agents that lack a browser's form. The agents
#           are from public lists (the tests of uap-core) and write-ups of vendors.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

npm install --silent --no-save --ignore-scripts --prefix "$tmp" isbot@5.2.3

cat >"$tmp/run.mjs" <<'JS'
import { isbot } from 'isbot'
const agents = {
  'open in Gmail': 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)',
  'open in Yahoo': 'YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html',
  'open in HEY': 'hey.com/imageproxy Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36',
  'open in Fastmail': 'FastmailUA/1.0',
  'open in Superhuman': 'Superhuman',
  'open in Evolution': 'Evolution/3.46.4',
  'open in Thunderbird': 'Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.8.0',
  'prefetch by Gmail': 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0',
}
for (const [name, agent] of Object.entries(agents)) console.log(`${name}: ${isbot(agent) ? 'bot' : 'person'}`)
JS
cat >"$tmp/expected" <<'TEXT'
open in Gmail: bot
open in Yahoo: bot
open in HEY: bot
open in Fastmail: bot
open in Superhuman: bot
open in Evolution: bot
open in Thunderbird: person
prefetch by Gmail: person
TEXT
node "$tmp/run.mjs" >"$tmp/seen"

echo "versions: isbot 5.2.3, Node $(node --version)"
echo 'guess:    the opens are persons, the prefetch is a bot'
echo 'seen:'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
