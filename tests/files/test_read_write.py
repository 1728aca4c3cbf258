"""Files on disk: documents and recordings, whole and torn."""

import pytest

from pixel_emulator.files import read_write
from pixel_emulator.files.file_io import read_bytes
from pixel_emulator.files.read_write import read_document, read_recording
from pixel_emulator.runtime.recording_writer import RecordingWriter
from tests.recordings import END, HEAD, input_error, recorded


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.yaml"


@pytest.fixture
def whole(path):
    recorder = RecordingWriter(path, HEAD)
    recorder.append(recorded(1))
    recorder.append(recorded(2, name="Grüße 😀 \ud800"))
    recorder.close(END)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"type: track", b"type: trak", ':11:3: calls[0].type: "trak" is none of'),
        (b"seq: 2", b"seq: two", "calls[1].seq: must be a whole number"),
        (b"  outcome: delivered\n", b"", ":9:3: calls[0].outcome: must be text, but is missing"),
        (b"  form:", b"  type: page\n  form:", '"type" stands here twice'),
        (b"  form:", b" form:", ":13:2: not YAML"),
        (b"recording: 1", b"recording: 2", ":1:1: pixel_recording: was written by a newer"),
        (b"Email", b"\xffmail", "byte 0xFF is not UTF-8"),
        (b"calls: 2", b"calls: two", "end.calls: must be a whole number"),
        (b"Email Opened", b"[" * 30_000, "nested deeper than 200 levels"),
    ],
)
def test_damage_is_named_with_its_line_and_column(path, whole, old, new, expected):
    path.write_bytes(whole.replace(old, new))
    assert expected in input_error(read_recording, path)
    assert input_error(read_recording, path).startswith(f"{path}:")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty: it is no recording, or its run was killed as it began"),
        (b"\xef\xbb\xbf", "is empty; a recording begins with `pixel_recording: 1`"),
        (b"\n", "is empty; a recording begins with `pixel_recording: 1`"),
        (b"expect: []\n", "is a scenario; a recording begins with `pixel_recording: 1`"),
        (b"\x89PNG\r\n\x1a\n", ":1:1: byte 0x89 is not UTF-8"),
        (b"[]", "is of type array"),
    ],
)
def test_a_file_that_is_no_recording_is_reported(path, content, expected):
    path.write_bytes(content)
    assert expected in input_error(read_recording, path)


@pytest.mark.parametrize("read", [read_recording, read_document, read_bytes])
def test_a_file_that_cannot_be_read_is_named(tmp_path, read):
    for name, reason in (("missing", "No such file"), (".", "Is a directory"), ("a\0b", "null")):
        text = input_error(read, tmp_path / name)
        assert text.startswith(f"{tmp_path / name}: cannot read this file: ")
        assert reason in text


def test_a_file_without_an_end_is_not_read_for_ever():
    assert "is larger than" in input_error(read_bytes, "/dev/zero")


def test_a_document_has_positions_and_may_have_a_byte_order_mark(path):
    path.write_bytes(b"\xef\xbb\xbfa: 1\nb: [2]\n")
    document = read_document(path)
    assert document.data == {"a": 1, "b": [2]}
    assert str(document.positions["b", 0]) == f"{path}:2:5"


def test_a_number_at_the_very_end_may_have_lost_digits(path, whole):
    path.write_bytes(whole.removesuffix(b"\n"))
    recording = read_recording(path)
    assert (len(recording.hits), recording.end, recording.torn) == (2, None, True)


@pytest.mark.parametrize(("cut", "is_one"), [(b"", True), (b"pixel_", False)])
def test_a_recording_is_recognised(path, whole, cut, is_one):
    path.write_bytes(whole.replace(cut, b"", 1))
    assert read_write.is_recording(path) is is_one


def test_a_payload_that_was_edited_makes_the_evidence_incomplete(path, whole):
    path.write_bytes(whole.replace(b"event: Email Opened", b"event: Email Closed", 1))
    (gap,) = read_recording(path).evidence().gaps
    assert gap == f"{path}: entry 1: its payload is not what its URL says; was it edited?"


def test_a_recording_that_an_editor_saved_without_its_last_newline_is_whole(path, whole):
    path.write_bytes(whole[: whole.index(b"\nend:")])
    assert not read_recording(path).torn
    flow = whole[: whole.index(b"\nend:")] + b"\nend: {calls: 2, connections: 1}"
    path.write_bytes(flow)
    assert read_recording(path).evidence().gaps == ()
