"""Reading entry by entry gives the same as reading as a whole, for any size, in little memory."""

import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.recordings import entry, recording
from pixel_emulator.core.recordings.recording import End, Head
from pixel_emulator.files import file_io, read_write
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.files.recording_stream import RecordingStream
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.runtime.recording_writer import RecordingWriter
from tests.hits import changed, hit

HEAD = Head(created=datetime(2030, 1, 31, 9, tzinfo=UTC), run="r1", tool="0.1.0")
DIGEST = "0a" * 32


def write(path, *payloads):
    path.unlink(missing_ok=True)
    recorder = RecordingWriter(path, HEAD)
    for seq, payload in enumerate(payloads, 1):
        recorder.append(changed(hit(seq, "track", payload), digest=DIGEST).exchange)
    recorder.close(End(calls=len(payloads), connections=1))
    return path.read_text(encoding="utf-8")


def as_a_whole(path, text):
    return recording.parse(parse_document(text, str(path)))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("stream") / "calls.yaml"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[]))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(min_size=1, max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(min_size=1, max_size=9), VALUES, max_size=4), max_size=4))
def test_it_is_read_as_yaml_reads_it(path, payloads):
    payloads = [{"userId": "u", "event": "E", "messageId": "m", **payload} for payload in payloads]
    text = write(path, *payloads)
    recording = read_recording(path)
    assert recording == as_a_whole(path, text)
    assert not recording.torn


def test_only_the_first_entry_of_a_kind_is_read_as_yaml(path, monkeypatch):
    """Without the fast path, 300,000 calls take minutes."""
    write(path, *({"userId": f"u{n}", "event": "E", "messageId": f"m{n}"} for n in range(50)))
    learn, texts = entry.FastEntryReader.learn, []

    def counted(self, text, hit):
        texts.append(text)
        learn(self, text, hit)

    monkeypatch.setattr(entry.FastEntryReader, "learn", counted)
    assert len(read_recording(path).hits) == 50
    assert len(texts) == 1


def result(read, *arguments):
    """Return the result of a reader, or its message."""
    try:
        return read(*arguments)
    except InputError as error:
        return str(error)


def edited(text, old, new, number):
    """Return the text with a value of entry `number` changed."""
    start = text.index(f"- seq: {number}\n")
    return text[:start] + text[start:].replace(old, new, 1)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seq: ", "seq: 1"),
        ("seq: ", "seq: 0"),
        ("event: E", "event: F"),
        ("event: E", "event: 'E'"),
        ("  payload:\n", "  payload: # mine\n"),
        ("2030-", "1999-"),
        ("09:00", "99:00"),
        ("https:", "http:"),
        ("/v1/pixel/track", "/v1/pixel/page"),
        ("data=", "data=e30"),
        ("    url: ", "    url:   "),
        ("outcome: delivered", "outcome: dropped"),
        ("outcome: delivered", "outcome: devoured"),
        ("  digest: sha256:0a", "  digest: sha256:0A"),
        ("  digest: ", "  digest: x"),
        ("status: 200", "status: 400"),
        ("severity: note", "severity: nota"),
        ("method: GET", "method: HEAD"),
        ("  problems:", "  step: a\n  problems:"),
        ("  problems:", "  type: track\n  problems:"),
        ("  time:", "  time: 1\n  time:"),
        ("  outcome:", " outcome:"),
        ("  calls:\n    - ", "  calls:\n  - "),
        ("  calls:", "  calls: []\n  were:"),
        ("    status:", "    body: a\n    status:"),
        ("    status:", "    body_base64: YQ==\n    status:"),
        ("event: E", "event: \x00"),
    ],
)
def test_what_was_edited_is_read_as_yaml_reads_it(path, old, new, number):
    calls = ({"userId": f"u{n}", "event": "E", "messageId": f"m{n}"} for n in range(3))
    text = write(path, *calls)
    changed = edited(text, old, new, number)
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    results = [result(read_recording, path), result(as_a_whole, path, changed)]
    assert results[0] == results[1]


def test_a_recording_may_be_larger_than_a_file_that_is_read_as_a_whole(path, monkeypatch):
    text = write(path, {"event": "E", "userId": "u"})
    monkeypatch.setattr(file_io, "MAX_BYTES", 100)
    assert len(read_recording(path).hits) == 1
    assert read_write.is_recording(path)
    path.write_text(text.replace("exchanges:\n- ", "exchanges:\n - ").replace("\n  ", "\n   "))
    with pytest.raises(InputError, match="is larger than 100 bytes"):
        read_recording(path)


@pytest.mark.thorough
def test_its_text_is_never_in_memory_as_a_whole(path):
    write(path, *({"userId": "u", "event": "E", "messageId": f"{n:01000}"} for n in range(4_000)))
    assert path.stat().st_size > 12_000_000
    with path.open("rb") as file:
        assert RecordingStream.is_streamed(file)
        tracemalloc.start()
        count = sum(1 for _ in RecordingStream(file, str(path)).exchanges())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 4_000
    assert peak < 6_000_000
