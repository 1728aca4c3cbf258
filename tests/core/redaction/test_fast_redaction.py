"""The fast path writes a call exactly as `redact` and `yaml_writer` do."""

import base64
import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType, Dialect, Exchange, Form, HttpRequest
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.recordings.fast_entry import entry_text
from pixel_emulator.core.redaction.fast_redaction import masked_fields, sole_key, unmasked_fields
from pixel_emulator.core.redaction.key_finder import keys_in_request
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.runtime.history import Classifier
from tests.law_examples import examples

KEY = "wk_test_0000000000000000000000aB"
OTHER = "wk_test_1111111111111111111111cD"
CHROME = (
    ("host", "api.segment.io"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Safari/537.36"),
    ("accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"),
    ("referer", "https://mail.example.com/read?id=7"),
    ("sec-fetch-dest", "image"),
)
NOW = datetime(2030, 1, 31, 9, tzinfo=UTC)


def b64(text: str | bytes, *, url: bool = True) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return (base64.urlsafe_b64encode(raw) if url else base64.b64encode(raw)).decode()


def made(target: bytes | str, headers=CHROME, step="", **request) -> Exchange:
    raw = target.encode() if isinstance(target, str) else target
    classifier = Classifier(Dialect.DOCUMENTED, {KEY: "shop"})
    pixel_request = HttpRequest(target=raw, headers=headers, **request)
    return classifier.classify(7, pixel_request, NOW, step).exchange


def pixel(payload, **options) -> str:
    return encode(CallType.TRACK, payload, base="", **options)


def track(**fields):
    return {"writeKey": KEY, "userId": "user_1", "event": "Order Completed", **fields}


def exactly(exchange: Exchange, known=()) -> str:
    """Return the entry after `redact`."""
    return yaml_writer.write([entry(redact(exchange, known))])


def raw(payload, byte=b"Z") -> str:
    """A pixel whose JSON is not ASCII; each Z in it becomes this byte."""
    data = json.dumps(payload, ensure_ascii=False).encode().replace(b"Z", byte)
    return f"/v1/pixel/track?data={b64(data)}"


USUAL = {
    "as it comes": track(),
    "with values of all kinds": track(properties={"a": [1, 2.50, None, True, {"b": "x"}], "c": {}}),
    "with ids": track(
        messageId="0b1ee2a4-3f5c-4d7e-8a9b-0c1d2e3f4a5b",
        anonymousId="507f191e810c19729de860ea",
        context={"page": {"url": "https://shop.example/a/b?utm_source=mail&utm_campaign=spring"}},
    ),
    "with apostrophes": track(properties={"title": "Ada's order, 'fast'"}),
    "damaged": track(properties={"x": "{{ name }}"}),
    "dropped": {"writeKey": KEY, "event": "Order Completed"},
    "with a messageId": track(messageId="m1"),
    "with a long value": track(properties={"x": "word " * 500}),
}


@pytest.mark.parametrize("payload", USUAL.values(), ids=USUAL)
@pytest.mark.parametrize("padded", [False, True])
def test_a_usual_call_takes_the_fast_path(payload, padded):
    exchange = made(pixel(payload, padded=padded))
    assert masked_fields(exchange) is not None
    assert entry_text(exchange) == exactly(exchange)


@pytest.mark.parametrize("style", [{"indent": 2, "ensure_ascii": False}, {"ensure_ascii": False}])
def test_other_json_styles_take_the_fast_path(style):
    exchange = made(f"/v1/pixel/track?data={b64(json.dumps(track(a=[1, 2], b='é 😀 x'), **style))}")
    assert masked_fields(exchange) is not None
    assert entry_text(exchange) == exactly(exchange)


def test_a_call_whose_key_is_known_takes_the_fast_path():
    exchange = made(pixel(track()))
    assert masked_fields(exchange, (KEY, OTHER)) is not None
    assert entry_text(exchange, known=(KEY, OTHER)) == exactly(exchange, (KEY, OTHER))


HIDDEN = {
    "the key": KEY,
    "in a text": f"x{KEY}x",
    "in base64": b64(KEY),
    "in the middle of base64": b64(f"ab{KEY}cd"),
    "in base64, shifted": b64(f"a{KEY}")[1:],
    "in standard base64": b64(f"??>>{KEY}", url=False),
    "in base64 twice": b64(b64(f"writeKey={OTHER}")),
    "in base64 three times": b64(b64(b64(f"writeKey={OTHER}"))),
    "another one in a URL": f"https://api.segment.io/v1/pixel/track?writeKey={OTHER}",
    "another one in a URL, escaped": f"https://x.example/?u=write%4bey%3D{OTHER}",
    "another pixel": pixel({"writeKey": OTHER}),
    "another pixel, escaped": quote(pixel({"writeKey": OTHER})),
    "a snippet": f'analytics.load; {{"writeKey":"{OTHER}"}}',
    "broken JSON": f"{{'write_key': '{OTHER}'",
    "a script": f"https://cdn.example/analytics.js/v1/{OTHER}/analytics.min.js",
    "a project": f"https://cdn.example/v1/projects/{OTHER}/settings",
    "a project in base64": b64(f"https://cdn.example/v1/projects/{OTHER}/settings"),
    "in capitals": f"WRITEKEY={OTHER}",
    "the snippet": f"analytics.load('{OTHER}')",
    "the snippet, spelled otherwise": f"window.analytics ['load'] (`{OTHER}`)",
    "the snippet in base64": b64(f"analytics.load('{OTHER}')"),
    "a client": f"new  Analytics('{OTHER}')",
    "credentials": f"Authorization: Basic {b64(OTHER + ':')}",
    "a user": f"https://{OTHER}:@api.segment.io/v1/track",
    "a prefix and a suffix": f"segmentWriteKeyProd: {OTHER}",
    "a list": f"writeKeys=[{OTHER}]",
    "brackets": f"writeKey[]={OTHER}",
    "a dot": f"write.key={OTHER}",
    "XML": f"<write-key>{OTHER}</write-key>",
    "with a letter that is an i": f"wr\u0131teKey={OTHER}",
    "with a letter that is an s": f"/project\u017f/{OTHER}/",
    "percent escapes": "".join(f"%{ord(character):02X}" for character in KEY),
    "a backslash": f"writ\\u0065Key={OTHER}",
    "a newline": f"write\nKey={OTHER}",
    "non-ASCII in base64": b64(f"é=é&write-key={OTHER}"),
    "a name that is not all ASCII": b64("éwrite\u212aey=ключключключ"),
    "the same, shifted": b64("ééwrite\u212aey=ключключключ"),
    "the same, shifted twice": b64("€write\u212aey=ключключключ"),
}
PLACES = {
    "a value": lambda text: track(properties={"x": text}),
    "a key": lambda text: track(properties={text: "x"}),
    "an id": lambda text: track(userId=text),
    "the messageId": lambda text: track(messageId=text),
    "before the key": lambda text: {"name": text, **track()},
    "deep": lambda text: track(context={"a": [[{"b": [text]}]]}),
}


@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_a_call_with_a_hidden_key_takes_the_slow_path(text, place, ensure_ascii):
    data = b64(json.dumps(place(text), ensure_ascii=ensure_ascii))
    exchange = made(f"/v1/pixel/track?data={data}")
    assert masked_fields(exchange) is None
    assert entry_text(exchange) == exactly(exchange)
    assert KEY not in entry_text(exchange)


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_a_key_in_a_header_a_step_or_the_host_takes_the_slow_path(text):
    target = pixel(track())
    if not {"\n", "\u0131", "\u017f"} & set(text):
        exchange = made(target, headers=(*CHROME, ("referer", text)))
        assert entry_text(exchange) == exactly(exchange)
    for exchange in (made(target, step=text), made(target, host=text), made(target, method=text)):
        assert entry_text(exchange) == exactly(exchange)
    assert masked_fields(made(target, step=f"step {KEY}")) is None
    assert masked_fields(made(target, host=f"{KEY}.example")) is None
    assert masked_fields(made(target, headers=(("referer", f"https://a.example/{KEY}"),))) is None
    assert masked_fields(made(target, headers=(("referer", f"?writeKey={OTHER}"),))) is None


SPELLINGS = [
    '{"writeKey":"%s","writeKey":"%s"}',
    '{"a":{"writeKey":"%s"},"writeKey":"%s"}',
    '{"write_key":"%s","writeKey":"%s"}',
    '{"writeKey" : "%s","a":"%s"}',
    '{"writeKey":\n"%s","a":"b","c":"%s"}',
    '{"writeKey":"%s","a":["writeKey","%s"]}',
    '{"writeKey":"%s","write":{"key":"%s"}}',
    '{"writeKey":"%s","a":{"segment_write_key":"%s"}}',
    '{"writeKey":"%s","writeKeys":["b","%s"]}',
    '{"writeKey":"%s","Write Keys":{"eu":{"prod":"%s"}}}',
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_an_escaped_key_takes_the_slow_path(text):
    exchange = made(f"/v1/pixel/track?data={b64(text.replace('%s', KEY, 1).replace('%s', OTHER))}")
    assert masked_fields(exchange) is None
    assert entry_text(exchange) == exactly(exchange)


@pytest.mark.parametrize(
    "target",
    [
        pixel(track(), form=Form.FLAT),
        pixel(track(), form=Form.JSON),
        pixel(track(writeKey="short")),
        pixel(track(writeKey="schlüssel_mit_umlaut")),
        pixel({"userId": "u"}),
        pixel(track()) + "&writeKey=x",
        pixel(track()).replace("track", "Track/"),
        pixel(track(properties={"x": "50% off"})),
        "/v1/pixel/track?data="
        + b64(json.dumps(track()))[:40]
        + "%0A"
        + b64(json.dumps(track()))[40:],
        pixel(track()) + "&",
        pixel(track())[:60] + "\r\n" + pixel(track())[60:],
        raw(track(writeKey="schlüssel_ä")),
        raw(track(x="Z"), b"\xff"),
        pixel(track(x=json.loads("[" * 101 + "]" * 101))),
        pixel(track(x=json.loads("[" * 150 + "]" * 150))),
        "/v1/pixel/track?data=%%%",
        "/v1/pixel/nothing",
    ],
)
def test_other_requests_take_the_slow_path(target):
    exchange = made(target)
    assert masked_fields(exchange) is None
    assert entry_text(exchange) == exactly(exchange)
    assert entry_text(exchange, masks=False) == yaml_writer.write([entry(exchange)])


def test_a_known_key_in_a_value_takes_the_slow_path():
    exchange = made(pixel(track(properties={"x": f"see {OTHER}"})))
    assert masked_fields(exchange) is not None
    assert masked_fields(exchange, (OTHER,)) is None
    assert entry_text(exchange, known=(OTHER,)) == exactly(exchange, (OTHER,))


@pytest.mark.parametrize("payload", USUAL.values(), ids=USUAL)
def test_without_masking_nothing_is_masked(payload):
    exchange = made(pixel(payload))
    assert unmasked_fields(exchange) is not None
    assert entry_text(exchange, masks=False) == yaml_writer.write([entry(exchange)])
    assert KEY in entry_text(exchange, masks=False)
    assert mask(KEY) in entry_text(exchange)


PLACEHOLDERS = [
    "7d" * 32,
    "7000001",
    "7001-01-01T00:00:00.000Z",
    "7aBc1",
    '"7": 7',
    " []",
    "P-7",
    "7",
]


@pytest.mark.parametrize("text", PLACEHOLDERS)
@pytest.mark.parametrize("masks", [True, False])
def test_text_of_a_client_is_not_taken_for_a_field_of_the_template(text, masks):
    for request in (
        {"headers": (("user-agent", text), ("referer", f"https://a.example/{text}"))},
        {"method": text},
        {"host": f"{text}.example"},
        {"client": text},
        {"http_version": text},
        {"step": text},
    ):
        exchange = made(pixel(track()), **request)
        expected = exactly(exchange) if masks else yaml_writer.write([entry(exchange)])
        assert entry_text(exchange, masks=masks) == expected


def test_an_empty_payload_is_written_as_after_redact():
    exchange = made(pixel({}))
    assert entry_text(exchange, masks=False) == yaml_writer.write([entry(exchange)])


PIECES = st.sampled_from(
    [*HIDDEN.values(), KEY[:9], KEY[-9:], "writ", "ekey", "=", ":", "/", "a1B2"]
)
TEXTS = st.lists(PIECES | st.text(max_size=6), max_size=4).map("".join)
VALUES = st.recursive(
    TEXTS | st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=3), st.booleans(), st.booleans())
@examples(400)
def test_any_call_is_written_as_after_redact(extra, padded, first):
    fields = {**extra, **track()} if first else track(properties=extra)
    exchange = made(pixel(fields, padded=padded))
    assert entry_text(exchange) == exactly(exchange)
    assert entry_text(exchange, known=(OTHER,)) == exactly(exchange, (OTHER,))


@given(st.dictionaries(TEXTS, VALUES, max_size=3), st.booleans())
@examples(200)
def test_a_sole_key_is_the_only_one_that_the_search_finds(extra, padded):
    for fields in ({**extra, **track()}, track(properties=extra)):
        exchange = made(pixel(fields, padded=padded))
        key = sole_key(exchange)
        assert key is None or {*keys_in_request(exchange.request).keys} == {key}
