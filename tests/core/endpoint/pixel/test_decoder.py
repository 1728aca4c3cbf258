"""The endpoint: routes, decoding, encoding."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixel_emulator.core.endpoint.pixel.decoder import PixelDecoder, decode
from pixel_emulator.core.endpoint.routes import route
from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.model import Alphabet, CallType, Dialect, Form, HttpRequest, Payload
from pixel_emulator.core.text import json_codec

CASES = Path(__file__).parents[3] / "cases"
VECTORS = [
    json.loads(line)
    for line in (CASES / "decode_vectors.jsonl").read_text(encoding="utf-8").splitlines()
]
REAL_URLS = [
    line.split("\t") for line in (CASES / "pixel_urls.tsv").read_text(encoding="utf-8").splitlines()
]
PAYLOADS = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    ),
)


def strict(url):
    request = request_from_url(url)
    decoder = route("GET", request.path).decoder
    assert isinstance(decoder, PixelDecoder)
    [decoded] = decoder.decode(request, Dialect.STRICT)
    return decoded.call


def codes(call):
    return [problem.code for problem in call.problems]


def b64(data, *, url=True):
    encoded = base64.urlsafe_b64encode(data) if url else base64.b64encode(data)
    return encoded.decode()


# -- decoding -------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_the_strict_dialect_decodes_as_segments_2018_source_does(vector):
    request = request_from_url(vector["url"])
    if vector.get("status") == 404:
        assert route("GET", request.path).decoder is None
        return
    call = strict(vector["url"])
    assert call.type == vector["type"]
    assert call.form == {"data": "base64", "flat": "flat"}[vector["form"]]
    if vector.get("dropped"):
        assert call.payload is None
        assert "bad_request" in codes(call)
        return
    payload = json.loads(json_codec.write(call.payload))
    payload.pop("receivedAt", None)
    vector["body"].pop("receivedAt", None)
    assert payload == vector["body"]


@pytest.mark.parametrize(("url", "origin"), REAL_URLS, ids=range(len(REAL_URLS)))
def test_real_urls_decode_as_a_person_would_expect(url, origin):
    call = strict(url)
    assert call.is_decoded
    if "data=ey" in url or "data=ew" in url:
        assert call.form is Form.BASE64
        assert "writeKey" in call.payload
    else:
        assert call.form is Form.FLAT
    assert not [problem for problem in call.problems if problem.severity == "drop"], origin


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        (b64(b'{"a":1}').rstrip("="), {"a": 1}),
        (b64(b'{"a":1}'), {"a": 1}),
        (b64(b'{"a":1}').replace("=", "%3D"), {"a": 1}),
        (b64(b'{"a":"~>?"}', url=False).replace("+", "%2B"), {"a": "~>?"}),
        (b64(b'{"a":"???"}', url=False), {"a": "???"}),
        ("eyJh%0D%0AIjoxfQ", {"a": 1}),
        ("eyJhIjoxfR", {"a": 1}),  # trailing bits may be set
        (b64(b'{"a":1,"a":2}'), {"a": 2}),
        (b64(b' {"a":12345678901234567890}\n'), {"a": 12345678901234567890}),
        (b64(b'{"a":"\xe2\x82"}'), {"a": "\ufffd\ufffd"}),
        (b64(b'{"a":"\\ud800"}'), {"a": "\ud800"}),
        (b64(b'{"a":"' + b"x" * 32_760 + b'"}'), {"a": "x" * 32_760}),
    ],
)
def test_base64_that_segment_reads(data, payload):
    call = strict(f"/v1/pixel/track?data={data}")
    assert call.payload == payload
    assert call.form is Form.BASE64


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b64(b'{"aab":">"}', url=False), "raw `+`"),
        ("eyJhIjoxfQ=", "padding"),
        ("eyJhIjoxfQ===", "padding"),
        ("eyJh%09IjoxfQ", "character `\\t`"),
        ("eyJhIjoxfSAg====", "padding"),
        ("ab-_ab+/".replace("+", "%2B"), "mixes"),
        ("ab-_abc%2B", "mixes"),
        ("{%22a%22:1}", "not base64"),
        ("e", "impossible length"),
        (b64(b"[1]"), "of type array"),
        (b64(b"null"), "of type null"),
        (b64(b'"x"'), "of type string"),
        (b64(b'{"a":1} x'), "not JSON"),
        (b64(b'\xef\xbb\xbf{"a":1}'), "byte order mark"),
        (b64(b'{"a":NaN}'), "not JSON"),
        (b64(b"{&quot;a&quot;:1}"), "HTML-escaped"),
        (b64(b"{'a': 1}"), "Python repr"),
        (b64(b64(b'{"a":1}').encode()), "base64 twice"),
        (b64('{"a":1}'.encode("utf-16-le")), "UTF-16"),
        (b64(b"{{ payload }}"), "template"),
        (b64(b'{"a":"' + b"x" * 32_761 + b'"}'), "32,769 bytes"),
        (b64(b'{"a":' + b"[" * 16_000 + b"]" * 16_000 + b"}"), "nested deeper"),
        ("%0D%0A", "not JSON"),
    ],
)
def test_data_that_segment_drops_has_the_reason(data, words):
    call = strict(f"/v1/pixel/track?data={data}")
    assert call.payload is None
    [problem] = [candidate for candidate in call.problems if candidate.code == "bad_request"]
    assert words in problem.message
    assert problem.severity == "drop"


@pytest.mark.parametrize(
    ("data", "alphabet", "padded"),
    [
        ("eyJhIjoxfQ", Alphabet.URL, False),
        ("eyJhIjoxfQ==", Alphabet.URL, True),
        ("eyJhIjoiPz8/In0", Alphabet.STD, False),
        ("eyJhIjoifn5-fiJ9", Alphabet.URL, False),
        ("eyJhIjoifn5%2BfiJ9", Alphabet.STD, False),
        ("eyJhIjoiPz8/IiB9Cg==", Alphabet.STD, True),
    ],
)
def test_how_the_base64_was_written_is_recorded(data, alphabet, padded):
    call = strict(f"/v1/pixel/track?data={data}")
    assert (call.alphabet, call.padded) == (alphabet, padded)


def test_raw_json_is_damaged_where_documented_and_dropped_where_strict():
    query = b"data=%7B%22a%22:1.10%7D"
    documented = decode(CallType.TRACK, query, Dialect.DOCUMENTED)
    assert documented.form is Form.JSON
    assert documented.payload == {"a": 1.1}
    assert codes(documented) == ["raw_json"]
    assert decode(CallType.TRACK, query, Dialect.STRICT).payload is None


def test_a_pair_that_cannot_be_read_is_reported():
    call = strict("/v1/pixel/track?writeKey=wk_secret%zz&userId=1")
    assert call.payload == {"userId": "1"}
    assert codes(call) == ["malformed_parameter"]
    assert "writeKey" in call.problems[0].message
    assert "wk_secret" not in call.problems[0].message


def test_parameters_next_to_data_are_ignored_and_reported():
    call = strict("/v1/pixel/track?writeKey=x&data=eyJhIjoxfQ&data=zzz")
    assert call.payload == {"a": 1}
    assert codes(call) == ["repeated_data", "ignored_parameters"]


def test_an_empty_data_means_the_flat_form():
    call = strict("/v1/pixel/track?data=&event=x")
    assert call.form is Form.FLAT
    assert call.payload == {"data": "", "event": "x"}
    assert codes(call) == ["empty_data"]


def test_a_lone_surrogate_in_a_top_level_key_is_replaced():
    """Go decodes these keys, and keeps their values as raw text."""
    call = strict(f"/v1/pixel/track?data={b64(rb'{"\ud800a": {"\ud800": 1}}')}")
    assert call.payload == {"\ufffda": {"\ud800": 1}}


def test_an_undecoded_ampersand_is_reported_in_both_dialects():
    for dialect in Dialect:
        call = decode(CallType.TRACK, b"userId=u&amp;event=e", dialect)
        assert call.payload == {"userId": "u", "amp;event": "e"}
        assert codes(call) == ["amp_parameter"]


def test_an_undecoded_ampersand_is_reported_where_an_escape_is_wrong_or_hides_an_equals_sign():
    call = strict("/v1/pixel/track?userId=u&AMP;event=%zz&amp;a%3Db=1")
    assert codes(call) == ["malformed_parameter", "amp_parameter", "amp_parameter"]
    assert [problem.message[30:39] for problem in call.problems[1:]] == ["amp;a. An", "AMP;event"]


@pytest.mark.parametrize(
    ("text", "lone"),
    [
        (r'{"a":"\ud83c\udf89"}', False),
        (r'{"a":"\\ud800"}', False),
        (r'{"a":"\ud83c"}', True),
        (r'{"a":"\udf89\ud83c"}', True),
        (r'{"a":"\ud83cx\udf89"}', True),
        (r'{"a":"\ud83c\n"}', True),
        (r'{"a":"\u00fc"}', False),
    ],
)
def test_lone_surrogates_are_noted(text, lone):
    call = strict(f"/v1/pixel/track?data={b64(text.encode())}")
    assert call.payload == json.loads(text)
    assert codes(call) == (["lone_surrogate"] if lone else [])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"a":1,"a":1}', "duplicate_json_key"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b'{"a":"\xef\xbf\xbd\xff"}', "invalid_utf8"),
    ],
)
def test_oddities_of_the_json_text_are_noted(data, code):
    assert codes(strict(f"/v1/pixel/track?data={b64(data)}")) == [code]


def test_a_replacement_character_that_was_sent_is_no_oddity():
    assert codes(strict(f"/v1/pixel/track?data={b64('{"a":"�"}'.encode())}")) == []


@given(st.sampled_from(list(CallType)), st.binary(max_size=200), st.sampled_from(list(Dialect)))
def test_decode_never_raises(call_type, query, dialect):
    call = decode(call_type, query, dialect)
    assert call.is_decoded == (not any(problem.code == "bad_request" for problem in call.problems))


@given(st.binary(max_size=100), st.sampled_from(list(Dialect)))
def test_decode_never_raises_whatever_the_data(data, dialect):
    decode(CallType.TRACK, b"data=" + data, dialect)
    decode(CallType.TRACK, b"data=" + base64.urlsafe_b64encode(data), dialect)


@pytest.mark.parametrize("levels", [300, 5_000, 9_000])
def test_deep_data_is_read(levels):
    """Segment's edge keeps top-level values as raw JSON, so depth alone drops nothing."""
    data = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
    payload = strict(f"/v1/pixel/track?data={b64(data)}").payload
    assert json_codec.depth(json_codec.write(payload)) == levels + 1


# -- encoding -------------------------------------------------------------------------------


@given(st.sampled_from(list(CallType)), PAYLOADS, st.sampled_from(list(Alphabet)), st.booleans())
def test_decode_is_the_inverse_of_encode(call_type, payload, alphabet, padded):
    call = strict(encode(call_type, payload, alphabet=alphabet, padded=padded))
    assert (call.type, call.payload) == (call_type, payload)


@given(PAYLOADS)
def test_raw_json_survives_its_url(payload):
    request = request_from_url(encode(CallType.TRACK, payload, form=Form.JSON))
    assert decode(CallType.TRACK, request.query, Dialect.DOCUMENTED).payload == payload


def test_the_flat_form_survives_its_url():
    payload: Payload = {"userId": "u&1", "properties": {"tags": ["a", "b"], "name": "ü +"}}
    request = request_from_url(encode(CallType.TRACK, payload, form=Form.FLAT))
    assert decode(CallType.TRACK, request.query, Dialect.STRICT).payload == payload


# -- pasted URLs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "scheme", "host", "target"),
    [
        ("https://api.segment.io/v1/pixel/track?a=b", "https", "api.segment.io",
         b"/v1/pixel/track?a=b"),
        ("HTTP://API.segment.io:80/x#frag", "http", "API.segment.io:80", b"/x"),
        ("//cdn.example.com/x?y", "https", "cdn.example.com", b"/x?y"),
        ("api.segment.io/v1/pixel/page?a", "https", "api.segment.io", b"/v1/pixel/page?a"),
        ("/v1/pixel/track?event=Email Opened", "https", "api.segment.io",
         b"/v1/pixel/track?event=Email%20Opened"),
        ("v1/pixel/track?a.b/c=d", "https", "api.segment.io", b"/v1/pixel/track?a.b/c=d"),
        ('/x?{"a": "ü"}', "https", "api.segment.io", '/x?{"a":%20"ü"}'.encode()),
        ("/x?\udcff", "https", "api.segment.io", b"/x?\xff"),
        ("https://api.segment.io", "https", "api.segment.io", b"/"),
        ("https://api.segment.io?x", "https", "api.segment.io", b"/?x"),
        ("\ufeff https://a.example/x?y= \r\n", "https", "a.example", b"/x?y="),
        ("\t/v1/pixel/page?x=a b \t ", "https", "api.segment.io", b"/v1/pixel/page?x=a%20b"),
        ("https://ü.example:80/x", "https", "%C3%BC.example:80", b"/x"),
        ("localhost:8080/v1/pixel/page?x", "https", "localhost:8080", b"/v1/pixel/page?x"),
    ],
)  # fmt: skip
def test_a_pasted_url_becomes_the_request_it_would_make(text, scheme, host, target):
    request = request_from_url(text)
    assert (request.scheme, request.host, request.target) == (scheme, host, target)


@given(st.text() | st.text(alphabet="0.:/?#@ %\n\x80ü\ud800\udcff"))
@example("0.\x80/")
@example("https://ü.example/x?\n")
@example("https://a\n b/")
def test_any_pasted_text_becomes_some_request(text):
    request = request_from_url(text)
    again = request_from_url(request.url)
    assert request.target.startswith(b"/")
    assert request.url.isascii()
    assert request.url.isprintable()
    assert (again.scheme, again.host, again.url) == (request.scheme, request.host, request.url)


def test_the_url_of_a_request_is_printable():
    request = HttpRequest(target=b'/v1/pixel/track?a= "\xff\n')
    assert request.url == "https://api.segment.io/v1/pixel/track?a=%20%22%FF%0A"
