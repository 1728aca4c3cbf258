"""docs/problem-codes.md is made from the catalogue of problems."""

import os
from pathlib import Path

from pixel_emulator.cli.decode import MAX_URL, SEVERITIES, SOURCES, example_remarks
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.text.display import cut

PAGE = Path(__file__).parents[1] / "docs" / "problem-codes.md"
HEAD = """\
# Problem codes

[Manual](../README.md#more) · In a clone, type `uv run pixel-emulator` for `pixel-emulator`.

Each call is checked for the problems below, and its worst problem decides its outcome.
`pixel-emulator explain CODE` prints what stands here about one code; `pixel-emulator decode URL`
finds the problems of a URL. Names in italics stand for what differs from call to call. The write
key `wk_example` in the examples is made up.

This page is made from `pixel_emulator/core/problems/messages.py`, and a test holds it to that.
"""


def page():
    """Return the page that the catalogue makes."""
    parts = [
        HEAD,
        table("severity", SEVERITIES.items()),
        table("evidence", SOURCES.items()),
        index(),
        *map(section, RULES.values()),
    ]
    return "\n".join(parts)


def table(title, rows):
    lines = [f"| `{name}` | {meaning} |\n" for name, meaning in rows]
    return f"| {title} | what it means |\n| --- | --- |\n{''.join(lines)}"


def index():
    rows = [
        f"| [`{rule.code}`](#{rule.code}) | {rule.severity} | {rule.source} |\n"
        for rule in RULES.values()
    ]
    return f"| code | severity | evidence |\n| --- | --- | --- |\n{''.join(rows)}"


def section(rule):
    fact = rule.fact.replace("{", "*").replace("}", "*")
    remarks = "".join(f" ({remark})" for remark in example_remarks(rule))
    return f"""\
## {rule.code}

{rule.severity}, {rule.source}

- **What is wrong**: {fact}.
- **What it means**: {rule.effect}
- **How to mend it**: {rule.mend}
- **An example**{remarks}:

```text
{cut(rule.example.whole_url(), MAX_URL)}
```
"""


def test_the_page_is_made_from_the_catalogue():
    """PIXEL_GOLDEN=update rewrites the page; read the difference as a person would."""
    if os.environ.get("PIXEL_GOLDEN") == "update":
        PAGE.write_text(page(), encoding="utf-8")
    assert page() == PAGE.read_text(encoding="utf-8")
