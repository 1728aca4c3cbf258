"""Files on disk: documents and recordings, whole and torn."""

import json
import re

import pytest

from pixel_emulator.files import read_write
from pixel_emulator.files.file_io import read_bytes
from pixel_emulator.files.read_write import read_document, read_recording
from pixel_emulator.files.yaml_loader import load
from pixel_emulator.runtime.recording_writer import RecordingWriter
from tests.recordings import END, HEAD, input_error, old_layout, recorded


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
        (b"type: track", b"type: trak", ':12:7: exchanges[0].calls[0].type: "trak" is none of'),
        (b"seq: 2", b"seq: two", "exchanges[1].seq: must be a whole number"),
        (b"      outcome: delivered\n", b"", "calls[0].outcome: must be text, but is missing"),
        (b"  form:", b"  type: page\n      form:", '"type" stands here twice'),
        (b"  form:", b" form:", ":14:6: not YAML"),
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


# -- recordings of the old layout -----------------------------------------------------------

OLD = """# mine
pixel_recording: 1
created: "2030-01-31T23:10:01.042Z"
run: fd385ee2560c3f34
shard: null
tool: "0.1.0"
dialect: documented
redaction: write-keys
calls:
- seq: 1
  time: "2030-01-31T23:10:01.286Z"
  type: track
  outcome: delivered
  form: flat
  payload:
    event: E
    userId: u
  problems: []
  source: app
  request:
    method: GET
    url: https://api.segment.io/v1/pixel/track?event=E&userId=u
    http: HTTP/1.1
    client: "127.0.0.1"
    headers: {}
    status: 200
  digest: sha256:9b733796001a23b76d7c87c19e5190e6968ace6d44622ab503b54f08e26afc5b
- seq: 2
  time: "2030-01-31T23:10:01.286Z"
  step: a step
  outcome: unhandled
  problems: []
  request:
    method: GET
    url: https://api.segment.io/other
    http: HTTP/1.1
    client: "127.0.0.1"
    headers: {}
    status: 404
  digest: sha256:0b733796001a23b76d7c87c19e5190e6968ace6d44622ab503b54f08e26afc5b
end:
  calls: 2
  connections: 1
"""
NEW = (
    OLD.replace("calls:\n-", "exchanges:\n-")
    .replace(
        OLD[OLD.index("  type: track") : OLD.index("  request:")],
        """\
  calls:
    - type: track
      outcome: delivered
      form: flat
      payload:
        event: E
        userId: u
      problems: []
      source: app
""",
    )
    .replace("  outcome: unhandled\n  problems: []\n", "  calls: []\n")
)


def test_a_recording_of_the_old_layout_is_refused_with_the_way_out(path):
    path.write_text(OLD)
    text = input_error(read_recording, path)
    assert text.count("\n") == 0
    assert text.endswith("rewrite it with `pixel-emulator recording migrate FILE`")
    path.write_text(json.dumps(load(OLD, "")))
    assert "recording migrate" in input_error(read_recording, path)


def test_a_large_recording_of_the_old_layout_is_refused_at_once(path, monkeypatch):
    path.write_text(OLD)
    monkeypatch.setattr(read_write, "read_bytes", lambda _: pytest.fail("read as a whole"))
    assert "recording migrate" in input_error(read_recording, path)


def test_an_old_recording_is_rewritten_in_todays_layout(path):
    path.write_text(OLD)
    assert read_write.migrate_recording(path)
    assert path.read_text() == NEW
    assert read_recording(path).evidence().gaps == ()
    assert not read_write.migrate_recording(path)
    assert path.read_text() == NEW


@pytest.mark.parametrize("indent", [None, 2])
def test_an_old_recording_in_json_is_rewritten_as_yaml(path, indent):
    path.write_text(json.dumps(load(OLD, ""), indent=indent))
    assert read_write.migrate_recording(path)
    assert path.read_text() == NEW.replace("# mine\n", "")
    path.write_text(json.dumps(load(NEW, ""), indent=indent))
    assert not read_write.migrate_recording(path)


@pytest.mark.parametrize("tail", ["", "end: null\n", "end:\n  calls: 0\n  connections: 0\n"])
def test_an_old_recording_without_calls_is_rewritten(path, tail):
    head = OLD[: OLD.index("- seq")]
    for old in (head, head.replace("calls:", "calls: []")):
        path.write_text(old + tail)
        assert read_write.migrate_recording(path)
        assert read_recording(path).exchanges == ()
        assert (read_recording(path).end is None) is ("connections" not in tail)


def test_a_recorded_file_is_the_same_after_the_old_layout(path, whole):
    old = old_layout(whole.decode())
    assert "\ncalls:\n- seq: 1\n" in old
    path.write_text(old)
    assert read_write.migrate_recording(path)
    assert path.read_bytes() == whole


def test_a_cut_recording_is_cut_after_its_migration(path):
    """Wherever an old recording was cut, it has the same calls and gaps as one of today."""
    data = OLD.encode()
    borders = [match.end() for match in re.finditer(rb"digest: sha256:\w{64}", data)]
    begin = data.index(b"calls:\n") + len(b"calls:\n")
    for at in range(begin, len(data)):
        path.write_bytes(data[:at])
        assert read_write.migrate_recording(path)
        recording = read_recording(path)
        assert len(recording.hits) == sum(border <= at for border in borders)
        assert recording.end is None
        whole_entries = any(at in (border, border + 1) for border in (begin - 1, *borders))
        assert recording.torn is not whole_entries


def test_an_edited_entry_stays_edited(path):
    path.write_text(OLD.replace("event: E\n", "event: F\n"))
    assert read_write.migrate_recording(path)
    (gap,) = read_recording(path).evidence().gaps
    assert "its payload is not what its URL says" in gap


def test_a_migrated_file_keeps_its_permissions_and_its_links(path):
    path.write_text(OLD)
    path.chmod(0o640)
    link = path.with_name("link.yaml")
    link.symlink_to(path)
    assert read_write.migrate_recording(link)
    assert link.is_symlink()
    assert path.read_text() == NEW
    assert path.stat().st_mode & 0o777 == 0o640
    assert {*path.parent.iterdir()} == {path, link}


def test_a_migrated_file_may_go_to_a_new_file(path):
    path.write_text(OLD)
    output = path.with_name("new.yaml")
    assert read_write.migrate_recording(path, output)
    assert (path.read_text(), output.read_text()) == (OLD, NEW)
    assert "exists already" in input_error(read_write.migrate_recording, path, output)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty"),
        ("expect: []\n", "is a scenario; a recording begins with"),
        ("expect: []\ncalls:\n- a\n", "is a scenario; a recording begins with"),
        ("[", "not YAML"),
        (OLD.replace("recording: 1", "recording: 2"), "newer version"),
        (OLD.replace("dialect: documented", "dialect: x"), '"x" is none of'),
        (OLD.replace("- seq: 1", "- seq: ]"), "not YAML"),
        ('{"log": {"version": "1.2", "creator": {}, "entries": []}}', "is a HAR"),
    ],
)
def test_what_is_no_recording_is_not_migrated(path, content, expected):
    path.write_text(content)
    assert expected in input_error(read_write.migrate_recording, path)
    assert path.read_text() == content
    assert [*path.parent.iterdir()] == [path]


def test_a_recording_that_is_being_written_is_not_migrated(path):
    path.unlink(missing_ok=True)
    recorder = RecordingWriter(path, HEAD)
    assert "is being recorded to by this process" in input_error(read_write.migrate_recording, path)
    recorder.abandon()


def test_a_missing_file_is_not_migrated(path):
    path.unlink(missing_ok=True)
    assert "cannot read this file: No such file" in input_error(read_write.migrate_recording, path)
