"""A recording survives its file and every cut; what is redacted holds no key and still decodes."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote, unquote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pixel_emulator.core.endpoint.pixel.decoder import decode
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import (
    Alphabet,
    Call,
    CallType,
    Dialect,
    Exchange,
    Form,
    HttpRequest,
    JudgedCall,
    Outcome,
    Problem,
    RuleSource,
    Severity,
)
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.recordings.recording import End, Head, Redaction
from pixel_emulator.core.redaction.masking import hide, mask
from pixel_emulator.core.text.json_codec import Number
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.runtime.recording_writer import RecordingWriter
from tests.hits import changed, classified_hit, hit, redact
from tests.law_examples import examples

HEAD = Head(
    created=datetime(2030, 1, 31, tzinfo=UTC), run="r1", tool="0.1.0", redaction=Redaction.NONE
)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20).map(
    # JSON never gives a pair as two characters.
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["1.10", "1e21", "-0", "1e400", "0.1000000000000000055"]).map(Number)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PAYLOADS = st.dictionaries(TEXTS, VALUES, max_size=4)
HEADERS = st.dictionaries(st.sampled_from(["user-agent", "referer", "sec-fetch-site"]), TEXTS)
TARGETS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"<>'))


@st.composite
def calls(draw):
    form = draw(st.sampled_from(Form))
    alphabet = draw(st.sampled_from(Alphabet)) if form is Form.BASE64 else None
    return Call(
        type=draw(st.sampled_from(CallType)),
        form=form,
        payload=draw(st.none() | PAYLOADS),
        alphabet=alphabet,
        padded=draw(st.booleans()) if alphabet else None,
    )


PROBLEMS = st.builds(
    Problem,
    TEXTS,
    st.sampled_from(Severity),
    TEXTS,
    TEXTS,
    st.sampled_from(RuleSource),
)
TIMES = st.integers(0, 10**12).map(
    lambda ms: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
JUDGED = st.builds(
    JudgedCall,
    call=calls(),
    outcome=st.sampled_from(Outcome),
    problems=st.lists(PROBLEMS, max_size=2).map(tuple),
    source=st.none() | TEXTS,
)
EXCHANGES = st.builds(
    Exchange,
    seq=st.just(1),
    time=TIMES,
    request=st.builds(
        HttpRequest,
        target=TARGETS.map(lambda text: b"/" + text.encode()),
        method=TEXTS,
        http_version=TEXTS,
        headers=HEADERS.map(lambda headers: tuple(headers.items())),
        client=TEXTS,
        body=st.binary(max_size=20) | TEXTS.map(lambda text: text.encode(errors="surrogatepass")),
    ),
    status=st.integers(100, 599),
    calls=st.lists(JUDGED, max_size=3).map(tuple),
    digest=st.just("0a" * 32),
    step=TEXTS,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("laws") / "out.yaml"


ENDS = st.builds(
    End,
    calls=st.integers(0, 9),
    connections=st.integers(0, 9),
    gaps=st.lists(TEXTS, max_size=2).map(tuple),
    acted=st.dictionaries(TEXTS, TIMES, max_size=2),
)


@given(exchanges=st.lists(EXCHANGES, max_size=3), end=ENDS)
def test_a_recording_survives_its_file(path, exchanges, end):
    path.unlink(missing_ok=True)  # one without calls does not replace one
    recorder = RecordingWriter(path, HEAD)
    for exchange in exchanges:
        recorder.append(exchange)
    recorder.close(end)
    recording = read_recording(path)
    assert recording.exchanges == tuple(exchanges)
    assert recording.end == end
    assert not recording.torn


# -- cuts -----------------------------------------------------------------------------------

STEP = "mail.yaml : the mail is opened"
CUT_HITS = [
    changed(
        hit(1, "page", {"name": "Grüße: 😀 # z", "a.b": {"c": [1.5, []]}}),
        digest="1b" * 32,
        step=STEP,
    ),
    changed(classified_hit(2, HttpRequest(target=b"/v1/t", method="POST")), digest="2c" * 32),
]
SURROGATE = changed(hit(1, "page", {"name": "\ud800"}), digest="3d" * 32)


def written(path, hits):
    recorder = RecordingWriter(path, HEAD)
    for recorded in hits:
        recorder.append(recorded.exchange)
    acted = {STEP: datetime(2030, 1, 31, 9, tzinfo=UTC)}
    recorder.close(End(calls=len(hits), connections=12, gaps=("a gap",), acted=acted))
    return path.read_bytes(), read_recording(path).hits


@pytest.fixture(scope="module")
def whole(path):
    return written(path, CUT_HITS)


@pytest.fixture(scope="module")
def with_surrogate(path):
    return written(path, [SURROGATE])


def check_cut(path, whole, at, hits):
    """An entry is complete from the last character of its digest on."""
    begin = whole.index(b"exchanges:\n") + len(b"exchanges:")
    borders = [begin, *(match.end() for match in re.finditer(rb"digest: sha256:\w{64}", whole))]
    cut = path.with_name("cut.yaml")
    cut.write_bytes(whole[:at])
    if at < begin:
        with pytest.raises(InputError):
            read_recording(cut)
        return
    recording = read_recording(cut)
    assert recording.hits == hits[: sum(border <= at for border in borders) - 1]
    assert recording.end is None
    assert recording.evidence().gaps
    assert recording.torn is not any(at in (border, border + 1) for border in borders)


def test_a_cut_at_any_byte_leaves_the_complete_entries(path, whole):
    for at in range(len(whole[0])):
        check_cut(path, whole[0], at, whole[1])


@given(at=st.integers(0, 3_000))
def test_a_cut_leaves_the_complete_entries_with_lone_surrogates_too(path, with_surrogate, at):
    whole, hits = with_surrogate
    check_cut(path, whole, at % len(whole), hits)


@given(at=st.integers(0, 3_000), junk=st.binary(min_size=1, max_size=20))
def test_damage_never_crashes_and_never_goes_unnoticed_as_another_call(path, whole, at, junk):
    data, _ = whole
    at %= len(data)
    damaged = path.with_name("damaged.yaml")
    damaged.write_bytes(data[:at] + junk + data[at + len(junk) :])
    try:
        recording = read_recording(damaged)
    except InputError:
        return
    assert len(recording.hits) <= len(CUT_HITS) or recording.evidence().gaps


# -- redaction ------------------------------------------------------------------------------

PLAIN_KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{7,40}", fullmatch=True)
ODD_KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
OUR_WORDS = " ".join(
    [
        str(entry(hit(1, "track").exchange)),
        *RULES,
        *Dialect,
        *Outcome,
        *RuleSource,
        *CallType,
        str(HEAD),
        "pixel_recording",
    ]
)
UNUSUAL = st.sampled_from(["writeKey", "WriteKey", "write_key"])


@st.composite
def keyed(draw, keys=PLAIN_KEYS):
    """A payload with write keys in many places, and those that are hidden everywhere."""
    pool = draw(st.lists(keys, min_size=1, max_size=2))
    texts = st.sampled_from(pool) | TEXTS | st.sampled_from(pool).flatmap(
        lambda key: st.tuples(TEXTS, TEXTS).map(key.join)
    )  # fmt: skip
    inner = st.recursive(
        st.none() | st.integers(0, 9) | texts,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(texts | UNUSUAL, inner, max_size=3)
        ),
        max_leaves=8,
    )
    payload = draw(st.dictionaries(texts | UNUSUAL, inner, max_size=4))
    return payload | {"writeKey": pool[0]}


def keys_of(value, *, belongs=False):
    """A second, simple reading of what the write keys of a payload are."""
    if isinstance(value, dict):
        for key, member in value.items():
            named = re.search(r"(?i)(?:^|[.;])\s*write[ _-]?key\s*\Z", key) is not None
            yield from keys_of(member, belongs=belongs or named)
    elif isinstance(value, list):
        for member in value:
            yield from keys_of(member, belongs=belongs)
    elif isinstance(value, str) and belongs:
        yield value


def masked(value, keys, *, belongs=False):
    """A second, simple redaction of a payload."""
    if isinstance(value, dict):
        return {
            hide(key, keys): masked(
                member,
                keys,
                belongs=belongs
                or re.search(r"(?i)(?:^|[.;])\s*write[ _-]?key\s*\Z", key) is not None,
            )
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [masked(member, keys, belongs=belongs) for member in value]
    if isinstance(value, str):
        return mask(value) if belongs else hide(value, keys)
    return value


def escaped(piece, random):
    plain = len(piece) == 1 and ord(piece) < 0x10000
    return f"\\u{ord(piece):04X}" if plain and random.random() < 0.2 else piece


def spelled(payload, random):
    """JSON with blanks and with escapes where none are needed."""
    text = json.dumps(payload, ensure_ascii=random.random() < 0.5, indent=random.choice([None, 1]))
    if random.random() < 0.5:
        rewrite = partial(re.sub, r"\\u....|\\.|\w", lambda piece: escaped(piece[0], random))
        text = re.sub(r'"(?:[^"\\]|\\.)*"', lambda string: rewrite(string[0]), text)
    return text.encode(errors="surrogatepass")


def query_of(payload, random):
    data = spelled(payload, random)
    if random.random() < 0.2:
        return "data=" + quote(data)
    encoded = random.choice([base64.urlsafe_b64encode, base64.b64encode])(data).decode()
    encoded = encoded if random.random() < 0.5 else encoded.rstrip("=")
    if random.random() < 0.3:
        encoded = "\r\n".join(re.findall(".{1,40}", encoded))
    return "data=" + quote(encoded, safe=random.choice(["", "=/"]))


@given(payload=keyed(), random=st.randoms(use_true_random=False))
def test_the_redacted_url_decodes_to_the_redacted_payload(payload, random):
    try:
        query = query_of(payload, random)
    except UnicodeEncodeError:
        assume(False)
    request = HttpRequest(target=f"/v1/pixel/track?{query}".encode())
    before = classified_hit(1, request)
    after = redact(before)
    assert before.call is not None
    assert after.call is not None
    assume(before.call.payload == payload)
    keys = sorted({key for key in keys_of(payload) if len(key) >= 8}, key=len, reverse=True)
    # What a mask shows of one key may be another one, and is masked once more.
    assume(not any(other in mask(key) for key in keys for other in keys))
    assert after.call.payload == masked(payload, keys)
    assert decode(after.call.type, after.request.query, Dialect.DOCUMENTED).payload == (
        after.call.payload
    )
    assert replace(after.call, payload=None, problems=()) == replace(
        before.call, payload=None, problems=()
    )


@given(
    payload=keyed(PLAIN_KEYS | ODD_KEYS),
    random=st.randoms(use_true_random=False),
    extra=st.sampled_from(["", "&x={}", "&writeKey={}", "&data={}", "&{}=1"]),
)
def test_no_write_key_is_left_decoded_or_not(path, payload, random, extra):
    key = payload["writeKey"]
    try:
        query = query_of(payload, random) + extra.format(quote(key))
    except UnicodeEncodeError:
        assume(False)
    referer = f"https://example.com/?{query}"
    request = HttpRequest(
        target=f"/v1/pixel/track?{query}".encode(), headers=(("referer", referer),)
    )
    recorder = RecordingWriter(path, replace(HEAD, redaction=Redaction.WRITE_KEYS))
    recorder.append(changed(classified_hit(1, request), digest="0a" * 32).exchange)
    recorder.close(End(calls=1, connections=1))
    text = path.read_text(encoding="utf-8")
    decoded = [unquote(text), repr(read_recording(path).hits)]
    for run in re.findall(r"[A-Za-z0-9+/_-]{12,}", unquote(text)):
        raw = base64.b64decode(run.replace("-", "+").replace("_", "/") + "A" * (-len(run) % 4))
        decoded += [raw.decode(errors="replace")]
    for key in {key for key in keys_of(payload) if len(key) >= 8}:
        assume(key not in OUR_WORDS)
        assert all(key not in spelling for spelling in (text, *decoded))


@given(
    payload=keyed(),
    random=st.randoms(use_true_random=False),
    make=st.sampled_from(["json", "form", "text"]),
)
def test_no_write_key_of_a_body_is_left(path, payload, random, make):
    try:
        spelling = spelled({"batch": [payload]}, random)
        form = query_of(payload, random)
    except UnicodeEncodeError:
        assume(False)
    bodies = {"json": spelling, "form": form.encode(), "text": spelling + b" and more"}
    request = HttpRequest(target=b"/v1/batch", method="POST", body=bodies[make])
    recorder = RecordingWriter(path, replace(HEAD, redaction=Redaction.WRITE_KEYS))
    recorder.append(changed(classified_hit(1, request), digest="0a" * 32).exchange)
    recorder.close(End(calls=1, connections=1))
    [read] = read_recording(path).hits
    if make == "json":
        before, after = json.loads(spelling), json.loads(read.request.body)
        keys = sorted({key for key in keys_of(payload) if len(key) >= 8}, key=len, reverse=True)
        assume(not any(other in mask(key) for key in keys for other in keys))
        assert after == masked(before, keys)
    texts = [*decodings(read.request.body.decode("latin-1"), 2)]
    for key in {key for key in keys_of(payload) if len(key) >= 8}:
        assume(key not in OUR_WORDS)
        assert not any(key in text for text in texts)


def wrapped(text):
    return f"https://api.segment.io/v1/pixel/track?data={text}"


ENCODERS = st.sampled_from(
    [
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: wrapped(base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")),
        lambda text: quote(text, safe=""),
        lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
        json.dumps,
        lambda text: "".join(f"\\u{ord(character):04X}" for character in text),
    ]
)
PLACES = st.sampled_from(
    [
        lambda text: (f"/v1/pixel/track?data={in_base64({'event': 'x', 'a': [text]})}", ""),
        lambda text: (f"/v1/pixel/track?data={quote(json.dumps({text: {}}))}", ""),
        lambda text: (f"/v1/pixel/track?event=x&payload={quote(text)}", ""),
        lambda text: (f"/foo/{quote(text)}", ""),
        lambda text: ("/", f"https://example.com/?img={quote(text)}"),
    ]
)


def in_base64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def decodings(text, depth=5):
    """A second, simple look through everything that a text may say."""
    yield text
    inner = {
        unquote(text),
        re.sub(r"\\u([0-9a-fA-F]{4})", lambda escape: chr(int(escape[1], 16)), text),
    }
    inner |= {text.replace("\\", "")}
    for run in re.findall(r"[A-Za-z0-9+/_-]{12,}", text):
        for part in {run, *run.split("/")}:
            whole = part.translate({45: 43, 95: 47})[: len(part) - (len(part) % 4 == 1)]
            raw = base64.b64decode(whole + "=" * (-len(whole) % 4))
            inner |= {raw.decode()} if raw.isascii() else set()
    for nested in inner - {text} if depth else ():
        yield from decodings(nested, depth - 1)


@given(
    key=st.from_regex(r"[A-Za-z][A-Za-z0-9]{15,31}", fullmatch=True),
    encoders=st.lists(ENCODERS, max_size=3),
    place=PLACES,
)
def test_no_key_is_left_that_stands_encoded_up_to_three_times(key, encoders, place):
    text = json.dumps({"x": 1, "writeKey": key})
    for encode in encoders:
        text = encode(text)
    target, referer = place(text)
    request = HttpRequest(target=target.encode(), headers=(("referer", referer),))
    assume(any(key in text for text in decodings(target + referer)))  # what it can see at all
    after = redact(classified_hit(1, request)).request
    assert not any(key in text for text in decodings(after.target.decode() + after.headers[0][1]))


def one(query: bytes) -> bytes:
    """A query that one can read: with a raw space in it there is no payload."""
    return query.replace(b" ", b"+")


@pytest.mark.parametrize("redaction", Redaction)
def test_a_call_that_no_server_reads_survives_its_recording(path, redaction):
    target = b"/v1/pixel/track?event=Email Opened&writeKey=wk_test_0000000000&userId=u"
    made = changed(classified_hit(1, HttpRequest(target=target)), digest="0a" * 32)
    recorder = RecordingWriter(path, replace(HEAD, redaction=redaction))
    recorder.append(made.exchange)
    recorder.abandon()
    recording = read_recording(path)
    [read] = recording.hits
    assert (
        (made.exchange.status, made.outcome)
        == (read.exchange.status, read.outcome)
        == (400, Outcome.DROPPED)
    )
    assert read.call is not None
    assert read.call.payload is None
    assert recording.edits == ()


@pytest.mark.parametrize("redaction", Redaction)
@given(
    query=(st.binary(max_size=60) | st.from_regex(rb"(data|a.b)=[ -~]*", fullmatch=True)).map(one)
)
@example(query=b"data={%22writeKey%22:%22wk_test_000%22}")
def test_what_was_recorded_was_not_edited(path, redaction, query):
    request = HttpRequest(target=b"/v1/pixel/track?" + query)
    for dialect in Dialect:
        made = changed(classified_hit(1, request), call=decode(CallType.TRACK, query, dialect))
        recorder = RecordingWriter(path, replace(HEAD, redaction=redaction, dialect=dialect))
        recorder.append(changed(made, digest="0a" * 32).exchange)
        recorder.abandon()
        assert read_recording(path).edits == ()


@given(
    query=(
        st.binary(max_size=60)
        | st.from_regex(rb"(data|writeKey|a.b|%64ata)=[ -~]*", fullmatch=True)
    ).map(one),
    header=TEXTS,
    known=st.lists(ODD_KEYS, max_size=2),
)
@example(query=b"data=%7b", header="?data=&data", known=[""])
@examples(200)
def test_redaction_never_raises_and_what_it_withholds_stays_dropped(query, header, known):
    request = HttpRequest(target=b"/v1/pixel/track?" + query, headers=(("referer", header),))
    before = classified_hit(1, request)
    after = redact(before, known)
    assert before.call is not None
    assert after.call is not None
    assert after.call.is_decoded == before.call.is_decoded
    again = decode(CallType.TRACK, after.request.query, Dialect.DOCUMENTED)
    assert again.is_decoded == before.call.is_decoded
