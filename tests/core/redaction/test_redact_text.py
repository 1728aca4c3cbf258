"""Write keys in finished texts."""

import base64
import json
from textwrap import wrap
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.redaction.known_keys import redact_text
from pixel_emulator.core.redaction.masking import mask

KEY = "Zq7wKleak9XyTb3RmVn0PdHs5JfGc2Lu"
ODD = 'a1"b<c>&d é%7'


def b64(text):
    return base64.b64encode(text.encode()).decode()


NAMING = {
    "a URL": "https://x.example/?writeKey=%s&a=b",
    "JSON": '{"writeKey": "%s"}',
    "YAML": "    writeKey: %s",
    "JSON in JSON": '{"a": "{\\"write_key\\": \\"%s\\"}"}',
    "a list": "segmentWriteKeys: ['%s', 'x']",
    "Segment's settings": "GET https://api.segment.io/v1/projects/%s/settings",
    "settings alone": "see /projects/%s/settings",
    "a script": "/analytics.js/v1/%s/analytics.min.js",
    "a snippet": "analytics.load('%s')",
    "a client": 'new Analytics("%s")',
    "XML": "<writeKey>%s</writeKey>",
    "a header": "x-write-key: %s",
    "a user": "https://%s:@api.segment.io/v1/track",
    "brackets": "writeKey[]=%s",
    "over-escaped": "userId%%3Du%%26writeKey%%3D%s",
}


@pytest.mark.parametrize("text", NAMING.values(), ids=NAMING)
def test_a_key_that_the_text_names_is_masked_everywhere_in_it(text):
    named = (text % KEY) + f"\nand again {KEY}"
    assert redact_text(named) == (text % mask(KEY)) + f"\nand again {mask(KEY)}"


@pytest.mark.parametrize("text", NAMING.values(), ids=NAMING)
def test_it_is_found_in_base64_too(text):
    redacted = redact_text(f"x {b64(text % KEY)} y")
    assert redacted.startswith("x ")
    assert redacted.endswith(" y")
    for run in redacted.split()[1:2]:
        legible = base64.b64decode(run.replace("*", "A") + "===").decode("latin-1")
        assert KEY[12:] not in legible


@pytest.mark.parametrize(
    "text",
    [
        "writeKey: $wk",
        "writeKey: $/^wk_[a-z]{20}/",
        "writeKey={{ write_key_of_source }}",
        "writeKey=<YOUR_WRITE_KEY>",
        f"writeKey: {mask(KEY)}",
        f'{{"writeKey": "{mask("wk_test_0001")}"}}',
        f"?writeKey={mask(KEY)}…ail+Opened",
        f"?writeKey={mask(KEY)[:-5]}…ail+Opened",
        f"?writeKey={mask(KEY)[:13]}…ail+Opened",
        "/home/ada/projects/shop-frontend-2024/scenarios/checkout.yaml:7",
        "writeKeyboard: mechanical-keyboard-2024",
        "Segment drops a call whose write key belongs to no source",
        "0b1ee2a4-3f5c-4d7e-8a9b-0c1d2e3f4a5b",
    ],
)
def test_what_is_no_key_stays(text):
    assert redact_text(text) == text


SPELLINGS = {
    "as it is": lambda key: key,
    "JSON": lambda key: json.dumps(key)[1:-1],
    "in a URL": lambda key: quote(key, safe=""),
    "all percent": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()),
    "XML": lambda key: escape(key, {'"': "&quot;"}),
    "base64": b64,
    "base64, shifted": lambda key: b64(f"a{key}"),
    "base64 twice": lambda key: b64(b64(key)),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("key", [KEY, ODD])
def test_a_known_key_is_masked_however_it_is_spelled(key, spelling):
    text = f"before {spelling(key)} behind"
    redacted = redact_text(text, (key,))
    assert spelling(key) not in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" behind")
    assert redact_text(redacted, (key,)) == redacted


@pytest.mark.parametrize("size", range(1, len(KEY)))
def test_a_key_that_is_cut_shows_no_more_than_its_mask(size):
    front, end = (
        redact_text(f"x {KEY[:size]}… y", (KEY,)),
        redact_text(f"x …{KEY[-size:]} y", (KEY,)),
    )
    shown = len(KEY) // 3
    assert KEY[:size][shown:] == "" or KEY[:size] not in front
    assert size < 4 or KEY[-size:] not in end
    assert (len(front), len(end)) == (size + 5, size + 5)


@pytest.mark.parametrize("width", range(5, 40, 3))
def test_a_key_that_goes_on_in_the_next_line_is_masked(width):
    lines = wrap(f"the value is {KEY} and {KEY}", width, subsequent_indent="    ")
    redacted = redact_text("\n".join(lines), (KEY,)).split("\n")
    assert [*map(len, redacted)] == [*map(len, lines)]
    assert "".join(line.strip() for line in redacted).replace(" ", "").count(mask(KEY)) == 2


@given(st.text(), st.text(), st.sampled_from([*SPELLINGS]))
def test_no_text_is_changed_twice_and_none_keeps_the_key(before, after, spelling):
    text = f"{before} {SPELLINGS[spelling](KEY)} {after}"
    redacted = redact_text(text, (KEY,))
    assert KEY not in redacted
    assert redact_text(redacted, (KEY,)) == redacted


@given(st.text())
def test_without_a_key_no_text_is_changed(text):
    if "write" not in text.lower():
        assert redact_text(text) == text
