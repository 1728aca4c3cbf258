"""A hit without its write keys."""

import base64
import json
from dataclasses import replace
from hashlib import sha256, sha512
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from pixel_emulator.core.endpoint.pixel.data_parameter import MAX_DATA
from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.model import Form, HttpRequest, Problem, RuleSource, Severity
from pixel_emulator.core.recordings.fast_entry import entry_text
from pixel_emulator.core.redaction.fast_redaction import sole_key
from pixel_emulator.core.redaction.known_keys import keys_of
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.redaction.nested_encodings import nested_texts
from tests.hits import changed, classified_hit, redact

KEY = "wk_test_0000000000000000000000aB"
DASHED = "wk_test-22222222-2222222222222eF"
OTHER = "wk_test_1111111111111111111111cD"
MASK = mask(KEY)
ESCAPED = "".join(f"\\u{ord(character):04x}" for character in KEY)
URLS = (Path(__file__).parents[2] / "cases" / "pixel_urls.tsv").read_text(encoding="utf-8")


def b64(data, *, url=True):
    raw = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    return (base64.urlsafe_b64encode(raw) if url else base64.b64encode(raw)).decode()


def redacted(target, *, known=(), headers=(), method="GET"):
    request = HttpRequest(target=target.encode(), headers=headers, method=method)
    return redact(classified_hit(1, request), known)


def target(query):
    return f"/v1/pixel/track?{query}"


def target_of(hit):
    return hit.request.target.decode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"writeKey":"%s"}', {"writeKey": MASK}),
        ('{"a":{"b":[{"writeKey":"%s"}]}}', {"a": {"b": [{"writeKey": MASK}]}}),
        ('{"writeKey":["%s",{"x":"%s"},["%s"]]}', {"writeKey": [MASK, {"x": MASK}, [MASK]]}),
        ('{"writeKey":"%s","writeKey":"x"}', {"writeKey": mask("x")}),
        ('{"write\\u004bey":"%s"}', {"writeKey": MASK}),
        ('{"writeKey" \n:\t"%s"}', {"writeKey": MASK}),
        ('{"WriteKey":"%s","write_key":"%s"}', {"WriteKey": MASK, "write_key": MASK}),
        ('{"writeKey":"%s","a":"x%sx"}', {"writeKey": MASK, "a": f"x{MASK}x"}),
        ('{"writeKey":"%s","%s":1}', {"writeKey": MASK, MASK: 1}),
        ('{"a":"%s"}', {"a": KEY}),
        ('{"writeKey":5,"a":"%s"}', {"writeKey": 5, "a": KEY}),
        (
            '{"segmentWriteKey":"%s","WRITE_KEY_EU":"%s"}',
            {"segmentWriteKey": MASK, "WRITE_KEY_EU": MASK},
        ),
        ('{"write":{"key":"%s"},"a":"%s"}', {"write": {"key": MASK}, "a": MASK}),
        (
            '{"writeKeys":["%s"],"b":[{"write key":"%s"}]}',
            {"writeKeys": [MASK], "b": [{"write key": MASK}]},
        ),
        ('{"a":"analytics.load(\'%s\')","b":"%s"}', {"a": f"analytics.load('{MASK}')", "b": MASK}),
        ('{"a":"analytics.load(\\"%s\\")"}', {"a": f'analytics.load("{MASK}")'}),
        ('{"writeKeyboard":"%s"}', {"writeKeyboard": KEY}),
        ('{"writeKey":null,"a":{"writeKey":[]}}', {"writeKey": None, "a": {"writeKey": []}}),
    ],
)
def test_write_keys_are_masked_wherever_they_stand_in_the_payload(text, expected):
    hit = redacted(target(f"data={b64(text.replace('%s', KEY).encode())}"))
    assert hit.call.payload == expected


def test_a_key_in_json_escapes_is_masked_in_escapes():
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    hit = redacted(target(f"data={b64(f'{{"writeKey":"{escaped}","a":"{KEY}"}}'.encode())}"))
    assert hit.call.payload == {"writeKey": MASK, "a": MASK}
    data = base64.urlsafe_b64decode(target_of(hit).partition("data=")[2]).decode()
    assert data.count("\\u") == len(KEY)


def test_short_keys_are_masked_where_they_are_keys_only():
    hit = redacted(target(f"data={b64({'writeKey': 'track', 'event': 'track'})}"))
    assert hit.call.payload == {"writeKey": mask("track"), "event": "track"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"writeKey={KEY}&event=a+b", f"writeKey={MASK}&event=a+b"),
        (f"event=%61&write%4Bey={KEY}", f"event=%61&write%4Bey={MASK}"),
        (f"writeKey={KEY}&writeKey={OTHER}", f"writeKey={MASK}&writeKey={mask(OTHER)}"),
        (f"properties.writeKey={KEY}", f"properties.writeKey={MASK}"),
        (f"a=1&amp;writeKey={KEY}", f"a=1&amp;writeKey={MASK}"),
        (f"writeKey={KEY}&x={KEY}1&{KEY}=2", f"writeKey={MASK}&x={MASK}1&{MASK}=2"),
        (f"writeKey={KEY}%zz", f"writeKey={mask(KEY + '%zz')}%"),
        (
            f"writeKey[]={KEY}&writeKey%5B0%5D={OTHER}",
            f"writeKey[]={MASK}&writeKey%5B0%5D={mask(OTHER)}",
        ),
        (f"userId%3Du%26writeKey%3D{KEY}", f"userId%3Du%26writeKey%3D{MASK}"),
        (f"userId%3Du%26writeKey%3D{KEY}%26a=b", f"userId%3Du%26writeKey%3D{MASK}%26a=b"),
        (
            f"write.key={KEY}&segmentWriteKey={OTHER}",
            f"write.key={MASK}&segmentWriteKey={mask(OTHER)}",
        ),
        ("writeKeyboard=mechanical-2024", "writeKeyboard=mechanical-2024"),
        ("event=a%2fb&&=&writeKey", "event=a%2fb&&=&writeKey"),
    ],
)
def test_the_flat_form_is_masked_and_the_rest_stays_byte_for_byte(query, expected):
    assert target_of(redacted(target(query))) == target(expected)


def test_percent_escapes_of_a_key_are_kept():
    escaped = "".join(f"%{ord(character):02X}" for character in KEY)
    expected = "".join(f"%{ord(character):02X}" for character in MASK)
    hit = redacted(target(f"writeKey={escaped}"))
    assert target_of(hit) == target(f"writeKey={expected}")
    assert hit.call.payload == {"writeKey": MASK}


@pytest.mark.parametrize("breaks", ["", "%0D%0A", "%0a"])
@pytest.mark.parametrize("url", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_the_base64_keeps_its_alphabet_padding_and_breaks(url, padded, breaks):
    payload = {"writeKey": KEY, "a": "~~~>>>???", "b": "x"}
    data = b64(payload, url=url)
    data = quote(data if padded else data.rstrip("="), safe="=")
    data = data[:20] + breaks + data[20:60] + breaks + data[60:]
    before = classified_hit(1, HttpRequest(target=target(f"data={data}&x=1").encode()))
    after = redact(before)
    assert before.call is not None
    assert after.call is not None
    assert after.call.payload == {**payload, "writeKey": MASK}
    assert len(target_of(after)) == len(target_of(before))
    assert target_of(after).endswith("&x=1")
    assert target_of(after).count(breaks) == target_of(before).count(breaks)
    assert replace(after.call, payload=None) == replace(before.call, payload=None)


def test_raw_json_is_masked_in_place():
    data = quote(json.dumps({"writeKey": KEY, "a": "é +"}))
    hit = redacted(target(f"data={data}"))
    assert hit.call.form is Form.JSON
    assert target_of(hit) == target(f"data={data.replace(KEY, MASK)}")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("AAAAAAAAAAA!", id="bad base64"),
        pytest.param(b64(b'{"writeKey":"' + KEY.encode()), id="bad JSON"),
        pytest.param(b64([KEY]), id="no object"),
        pytest.param(b64({"writeKey": KEY, "a": "x" * MAX_DATA}), id="too large"),
        pytest.param(f"writeKey:{KEY}", id="no base64, no JSON"),
    ],
)
def test_data_that_cannot_be_read_is_withheld_but_for_its_start_length_and_digest(data):
    hit = redacted(target(f"data={data}&x=1"))
    digest = sha256(data.encode()).hexdigest()
    withheld = f"{data[:8]}...[{len(data) - 8}-characters-withheld,sha256:{digest}]"
    assert target_of(hit) == target(f"data={withheld}&x=1")
    assert hit.call.payload is None


def test_a_second_data_that_cannot_be_read_is_withheld_too():
    hit = redacted(target(f"data={b64({'a': 1})}&data={KEY}"))
    assert hit.call.payload == {"a": 1}
    assert KEY not in target_of(hit)
    assert "withheld" in target_of(hit)


def test_a_pair_with_a_bad_escape_stays_one_that_segment_discards():
    hit = redacted(target(f"data={KEY}%zz&event=x"))
    assert target_of(hit).endswith("]%&event=x")
    assert hit.call.payload == {"event": "x"}


def test_a_key_in_data_that_cannot_be_read_is_hidden_elsewhere():
    broken = b64(f"{{'writeKey': '{KEY}'}}".encode())
    assert KEY not in target_of(redacted(target(f"data={broken}&x={KEY}")))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/v1/projects/{KEY}/settings", f"/v1/projects/{MASK}/settings"),
        (f"/v1/projects//{KEY}/settings", f"/v1/projects//{MASK}/settings"),
        (f"/v1/projects/{DASHED}/settings", f"/v1/projects/{mask(DASHED)}/settings"),
        (f"/analytics.js/v1/{KEY}/a.js", f"/analytics.js/v1/{MASK}/a.js"),
        (f"/foo?payload={b64({'writeKey': KEY})}", f"/foo?payload={b64({'writeKey': MASK})}"),
        (f"/a/{b64({'writeKey': KEY})}", f"/a/{b64({'writeKey': MASK})}"),
        (f"/v1/track/data={b64({'writeKey': KEY})}", f"/v1/track/data={b64({'writeKey': MASK})}"),
        (f"/v1/t?writeKey={KEY}", f"/v1/t?writeKey={MASK}"),
        (f"/x?data={b64({'writeKey': KEY})}", f"/x?data={b64({'writeKey': MASK})}"),
        (f"/x?data={KEY}", None),
    ],
)
def test_what_is_no_pixel_call_is_redacted_too(path, expected):
    hit = redacted(path, method="POST")
    assert hit.call is None
    assert KEY not in target_of(hit)
    assert expected in (None, target_of(hit))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"https://example.com/?k={KEY}", f"https://example.com/?k={MASK}"),
        (f"x?data={b64({'writeKey': KEY})}", f"x?data={b64({'writeKey': MASK})}"),
        (f"https://x/p?data=abc&writeKey={OTHER}", f"https://x/p?data=abc&writeKey={mask(OTHER)}"),
        (f"https%3A%2F%2F%3FwriteKey%3D{OTHER}", f"https%3A%2F%2F%3FwriteKey%3D{mask(OTHER)}"),
        (f"Basic {b64((KEY + ':').encode())}", f"Basic {b64((MASK + ':').encode())}"),
        ("Mozilla/5.0 (é \ud83d; 100%)", "Mozilla/5.0 (é \ud83d; 100%)"),
    ],
)
def test_headers_are_redacted(value, expected):
    hit = redacted(target(f"data={b64({'writeKey': KEY})}"), headers=(("referer", value),))
    assert hit.request.headers == (("referer", expected),)


def test_known_keys_are_hidden_where_nothing_says_that_they_are_keys():
    hit = redacted(target(f"data={b64({'event': KEY})}&x={KEY}"), known=[KEY, "track", ""])
    assert hit.call.payload == {"event": MASK}
    assert target_of(hit).endswith(f"&x={MASK}")
    assert target_of(hit).startswith("/v1/pixel/track?")


def test_a_url_inside_the_payload_is_redacted_too():
    page = f"https://example.com/?writeKey={OTHER}&d={b64({'writeKey': KEY})}"
    hit = redacted(target(f"data={b64({'writeKey': KEY, 'context': {'page': page}})}"))
    expected = f"https://example.com/?writeKey={mask(OTHER)}&d={b64({'writeKey': MASK})}"
    assert hit.call.payload["context"]["page"] == expected


def pixel_url(key):
    return f"https://api.segment.io/v1/pixel/track?data={b64({'writeKey': key})}"


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(pixel_url, id="a second pixel URL"),
        pytest.param(lambda key: quote(pixel_url(key), safe=""), id="one percent-encoded"),
        pytest.param(lambda key: json.dumps({"writeKey": key}), id="JSON"),
        pytest.param(lambda key: json.dumps(json.dumps({"writeKey": key})), id="escaped JSON"),
        pytest.param(lambda key: f"it's {{'writeKey': '{key}'}}", id="nearly JSON"),
        pytest.param(lambda key: b64({"writeKey": key}), id="JSON in base64"),
        pytest.param(lambda key: "é/" + b64({"é": "é", "writeKey": key}), id="behind a path"),
    ],
)
def test_a_key_that_stands_encoded_in_a_value_is_masked_in_its_place(write):
    text, expected = write(OTHER), write(mask(OTHER))
    hit = redacted(target(f"data={b64({'writeKey': KEY, 'a': text})}"))
    assert hit.call.payload == {"writeKey": MASK, "a": expected}
    hit = redacted(target(f"writeKey={KEY}&a={quote(text)}"))
    assert hit.call.payload == {"writeKey": MASK, "a": expected}
    hit = redacted(target(""), headers=(("referer", f"https://x/?a={quote(text)}"),))
    assert unquote(hit.request.headers[0][1]) == f"https://x/?a={expected}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b64(b64(KEY.encode()).encode()), id="in base64 twice"),
        pytest.param(b64(b64({"writeKey": KEY}).encode()), id="in base64 twice, as JSON"),
        pytest.param(
            b64(quote(b64({"writeKey": KEY})).encode()), id="in base64 in escapes in base64"
        ),
        pytest.param(b64(ESCAPED.encode()), id="in JSON escapes in base64"),
        pytest.param(ESCAPED, id="in JSON escapes"),
        pytest.param(
            "".join(f"%25{ord(character):02x}" for character in KEY), id="percent-encoded twice"
        ),
        pytest.param(b64(KEY.encode()).replace("M", "%4D"), id="in escaped base64"),
    ],
)
def test_what_holds_a_key_that_cannot_be_masked_in_its_place_is_withheld(text):
    stars = f"{text[:8]}{'*' * (len(text) - 8)}"
    hit = redacted(target(f"data={b64({'a': f'{text} b', 'c': KEY})}"), known=[KEY])
    assert hit.call.payload == {"a": f"{stars} b", "c": MASK}


def test_a_key_in_pieces_withholds_its_whole_text():
    hit = redacted(target(f"data={b64({'a': 'x y wk.%74est0'})}"), known=["wk.test0"])
    assert hit.call.payload == {"a": "x y wk.%******"}


def test_keys_in_encoded_data_that_cannot_be_read_are_hidden_elsewhere():
    data = b64(b64({"writeKey": KEY}).encode())
    hit = redacted(target(f"data={data}&x={KEY}"))
    assert KEY not in target_of(hit)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(sha512(b"0").hexdigest() * 250, id="noise"),
        pytest.param("A" * 32_000, id="repeated"),
        pytest.param("eyJ3" * 8_000, id="JSON begins again and again"),
        pytest.param(b64(b64(b64(b"x" * 13_000).encode()).encode()), id="thrice"),
        pytest.param(" ".join([sha512(b"0").hexdigest()[:16]] * 1_900), id="short runs"),
        pytest.param("%2541" * 6_000, id="percent escapes"),
    ],
)
def test_decoding_nested_texts_reads_a_few_times_the_length(text):
    assert sum(map(len, nested_texts(text))) < 4 * len(text)


def test_a_method_may_be_a_key():
    hit = redacted(target(f"writeKey={KEY}"), method=KEY)
    assert hit.request.method == MASK


def test_problems_quote_no_key_and_no_part_of_one():
    hit = classified_hit(
        1, request_from_url(target(f"writeKey={KEY}&context.url=x/{KEY}%26data={KEY}{KEY}"))
    )
    messages = [f"has {KEY}", f'"…{KEY[3:]}"', f'"{KEY[:-4]}…"', "a harmless sentence, uncut"]
    problems = tuple(
        Problem("code", Severity.NOTE, f"a.{KEY}", message, RuleSource.INFERRED)
        for message in messages
    )
    redacted_problems = redact(changed(hit, problems=problems)).problems
    assert [problem.path for problem in redacted_problems] == [f"a.{MASK}"] * 4
    assert [problem.message for problem in redacted_problems] == [
        f"has {MASK}",
        f'"…{KEY[3:6]}…"',
        f'"{KEY[:3]}……"',
        messages[3],
    ]


@pytest.mark.parametrize("line", URLS.splitlines())
def test_no_key_of_a_real_url_is_left(line):
    before = classified_hit(1, request_from_url(line.split("\t")[0]))
    after = redact(before)
    assert before.call is not None
    assert after.call is not None
    payload = before.call.payload
    if payload is None:
        assert "withheld" in target_of(after)
        return
    key = payload.get("writeKey", "")
    assert after.call.payload == payload | ({"writeKey": mask(key)} if key else {})
    if len(key) >= 8:
        assert key not in repr(after)


def test_everything_else_stays_as_it_is():
    hit = classified_hit(7, request_from_url(target(f"data={b64({'userId': 'u', 'event': 'e'})}")))
    assert redact(hit) == hit


# -- bodies and credentials -----------------------------------------------------------------


def with_body(body, **fields):
    """Return the redacted request of one with this body."""
    raw = body if isinstance(body, bytes) else body.encode()
    request = HttpRequest(target=b"/v1/batch", method="POST", body=raw, **fields)
    return redact(classified_hit(1, request)).request


@pytest.mark.parametrize(
    "body",
    [
        '{"writeKey": "%s", "batch": [{"a": "x%sx"}]}',
        '[{"writeKey":"%s"}]',
        "writeKey=%s&a=%s",
        "a=1&write%%4Bey=%s",
        '{"writeKey":"%s"',
        '--b\r\nContent-Disposition: form-data; name="writeKey"\r\n\r\n%s\r\n--b--',
        '{"writeKey":"%s"}\n{"writeKey":"%s"}\n',
        "nothing to mask",
    ],
)
def test_write_keys_of_a_body_are_masked(body):
    count = body.replace("%%", "").count("%s")
    request = with_body(body % ((KEY,) * count))
    assert request.body.decode() == body % ((MASK,) * count)


def test_a_key_in_a_body_is_masked_in_nested_encodings():
    inner = json.dumps({"writeKey": KEY})
    for text in (b64(inner.encode()), quote(inner, safe=""), json.dumps(inner)[1:-1]):
        for body in (json.dumps({"a": text}), f"a={quote(text)}", f"a {text}"):
            after = with_body(body).body.decode()
            assert KEY not in "".join(nested_texts(after))
            assert KEY not in unquote(after)


def test_a_key_of_a_body_is_masked_in_the_url_and_the_headers_too():
    request = HttpRequest(
        target=f"/v1/batch?a={KEY}".encode(),
        method="POST",
        headers=(("referer", f"https://example.com/{KEY}"),),
        body=json.dumps({"writeKey": KEY}).encode(),
    )
    after = redact(classified_hit(1, request)).request
    assert after.target == f"/v1/batch?a={MASK}".encode()
    assert after.headers == (("referer", f"https://example.com/{MASK}"),)


def test_a_key_with_an_ampersand_in_a_broken_json_body_is_masked():
    key = "wk_test&000000000000aB"
    assert key.encode() not in with_body(f'{{"writeKey":"{key}"}} and more').body


def test_a_body_that_is_no_text_is_kept():
    assert with_body(b"\xff\x00\xfe").body == b"\xff\x00\xfe"


@pytest.mark.parametrize(
    "authorization",
    [
        f"Basic {b64(f'{KEY}:'.encode(), url=False)}",
        f"basic  {b64(f'{KEY}:secret'.encode(), url=False).rstrip('=')}",
        f"BASIC {b64(KEY.encode(), url=False)}",
    ],
)
def test_the_user_of_basic_credentials_is_masked_and_the_credentials_are_dropped(authorization):
    after = with_body(f'{{"a":"{KEY}"}}', authorization=authorization)
    assert after.body == f'{{"a":"{MASK}"}}'.encode()
    assert after.authorization == ""


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic ?", "Bearer abc", "Basic \ud800"])
def test_other_credentials_have_no_user(authorization):
    after = with_body(f'{{"a":"{KEY}"}}', authorization=authorization)
    assert after.body == f'{{"a":"{KEY}"}}'.encode()
    assert after.authorization == ""


def test_the_user_of_credentials_is_masked_in_a_usual_pixel_too():
    data = b64({"writeKey": OTHER, "event": KEY, "userId": "u"})
    request = HttpRequest(
        target=target(f"data={data}").encode(),
        authorization=f"Basic {b64(f'{KEY}:'.encode(), url=False)}",
    )
    exchange = changed(classified_hit(1, request), digest="0a" * 32).exchange
    assert sole_key(exchange) is None
    assert {*keys_of(exchange)} == {KEY, OTHER}
    assert KEY not in entry_text(exchange)
    assert MASK in entry_text(exchange)


def test_a_path_and_a_method_that_route_calls_are_kept():
    after = redacted(target("writeKey=v1%2Fpixel&event=e"), known=["v1/pixel", "pixel/track"])
    assert target_of(after).startswith("/v1/pixel/track?")
    assert after.call is not None
    assert after.call.payload == {"writeKey": mask("v1/pixel"), "event": "e"}


def test_payloads_are_not_shown_if_the_redacted_request_carries_other_calls():
    hit = classified_hit(1, HttpRequest(target=target("writeKey=a&event=e").encode()))
    two = changed(hit, calls=(hit.judged, hit.judged))
    assert [judged.call.payload for judged in redact(two).exchange.calls] == [None, None]
