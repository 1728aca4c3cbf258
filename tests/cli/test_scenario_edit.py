"""`scenario new` and `scenario update`, on files."""

import stat

import pytest

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import CallType
from pixel_emulator.files.read_write import overwrite, write_new
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings

KEY = "wk_test_0000000000000000"
OPENED = """\
# head
expect:
  - track: Opened   # a comment
    properties: {n: 1}
  - track: Closed
    properties: {n: 1}
"""


@pytest.fixture
def record(tmp_path):
    """Makes recordings of track calls; each argument is an event with a number."""

    def make(*calls, name="calls.yaml", closed=True):
        settings = Settings(record=str(tmp_path / name))
        journal = Journal(settings, sink=open_recording(settings))
        journal.connected()
        for event, n in calls:
            payload = {"writeKey": KEY, "userId": "u", "event": event, "properties": {"n": n}}
            journal.record(request_from_url(encode(CallType.TRACK, payload)))
        if closed:
            journal.close()
        return tmp_path / name

    return make


@pytest.fixture
def scenario(tmp_path):
    """Writes a scenario file."""

    def write(text=OPENED, name="s.yaml"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_a_draft_is_met_by_its_recording(run_cli, record, tmp_path):
    recording, path = record(("Opened", 1), ("Opened", 1), ("$x", 2)), tmp_path / "new.yaml"
    code, out, err = run_cli("scenario", "new", recording, "-o", path)
    assert (code, out, err) == (0, "", "")
    assert run_cli("verify", path, recording)[0] == 0
    text = path.read_text()
    assert text.startswith("name: calls\n")
    assert KEY not in text
    code, out, _ = run_cli("scenario", "new", recording, "--name", "calls")
    assert (code, out) == (0, text)


def test_a_draft_names_the_schema_that_is_beside_it(run_cli, record, tmp_path):
    recording, folder = record(("Opened", 1)), tmp_path / "scenarios"
    folder.mkdir()
    (folder / "scenario.schema.json").write_text(run_cli("scenario", "schema")[1])
    assert run_cli("scenario", "new", recording, "-o", folder / "new.yaml")[0] == 0
    first, second, *_ = (folder / "new.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=scenario.schema.json"
    assert second == "name: calls"


def test_a_recording_names_no_schema(record):
    assert b"$schema" not in record(("Opened", 1)).read_bytes()


def test_several_recordings_are_one_run(run_cli, record):
    recordings = record(("A", 1), name="a.yaml"), record(("B", 1), name="b.yaml")
    code, out, _ = run_cli("scenario", "new", *recordings)
    assert code == 0
    assert out.index("track: A") < out.index("track: B")


def test_a_recording_given_twice_would_count_twice(run_cli, record, scenario):
    twice = [record(("A", 1))] * 2
    code, _, err = run_cli("scenario", "new", *twice)
    assert code == 2
    assert "holds the same run as" in err
    both = [word for path in twice for word in ("--recording", path)]
    assert run_cli("scenario", "update", scenario(), *both)[0] == 2


def test_a_draft_never_replaces_a_file(run_cli, record, scenario):
    code, _, err = run_cli("scenario", "new", record(("A", 1)), "-o", scenario())
    assert code == 2
    assert "exists already; `scenario update` rewrites a scenario" in err
    assert scenario().read_text() == OPENED


def test_a_draft_of_incomplete_evidence_warns(run_cli, record):
    code, out, err = run_cli("scenario", "new", record(("A", 1), closed=False))
    assert code == 3
    assert "track: A" in out
    assert "the draft may lack calls" in err


def test_an_update_shows_what_changes_and_the_file_is_met_then(run_cli, record, scenario):
    recording, path = record(("Opened", 2), ("Opened", 2), ("Closed", 1)), scenario()
    code, out, err = run_cli("scenario", "update", path, "--recording", recording)
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [f"--- a/{path}", f"+++ b/{path}", "@@ -1,6 +1,7 @@"]
    assert "-    properties: {n: 1}\n+    times: 2\n+    properties: {n: 2}\n" in out
    assert path.read_text() == OPENED.replace("1}", "2}", 1).replace(
        "a comment\n", "a comment\n    times: 2\n"
    )
    assert run_cli("verify", path, recording)[0] == 0
    assert run_cli("scenario", "update", path, "--recording", recording) == (
        *(0, ""),
        f"{path}: nothing changes, it is met\n",
    )


def test_check_writes_nothing_and_fails_if_something_would_change(run_cli, record, scenario):
    path, now = scenario(), record(("Opened", 2), ("Closed", 1), name="now.yaml")
    code, out, _ = run_cli("scenario", "update", path, "--recording", now, "--check")
    assert code == 1
    assert "+    properties: {n: 2}" in out
    assert path.read_text() == OPENED
    same = record(("Opened", 1), ("Closed", 1), name="same.yaml")
    assert run_cli("scenario", "update", path, "--recording", same, "--check")[:2] == (0, "")


@pytest.mark.parametrize("lines", ["5", "6", "5,6"])
def test_only_restricts_it_to_some_lines(run_cli, record, scenario, lines):
    path, recording = scenario(), record(("Opened", 2), ("Closed", 2), ("More", 1))
    assert run_cli("scenario", "update", path, "--recording", recording, "--only", lines)[0] == 0
    head, _, tail = OPENED.rpartition("n: 1")
    assert path.read_text() == f"{head}n: 2{tail}"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("2", "s.yaml:2: no expectation stands here; they begin at line 3, 5"),
        ("99", "no expectation stands here"),
        ("x", '--only takes line numbers, such as 35,38; not "x"'),
        ("3,,5", 'not ""'),
        ("0", 'not "0"'),
    ],
)
def test_lines_without_an_expectation_are_refused(run_cli, record, scenario, lines, message):
    arguments = scenario(), "--recording", record(("A", 1)), "--only", lines
    code, out, err = run_cli("scenario", "update", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_without_a_recording_it_says_how_to_make_one(run_cli, scenario):
    code, _, err = run_cli("scenario", "update", scenario())
    assert code == 2
    assert "pixel-emulator run --record calls.yaml --scenario" in err


def test_what_cannot_be_rewritten_is_listed(run_cli, record, scenario):
    path = scenario("expect:\n  - {track: A, times: 0}\n  - track: B\n")
    code, out, err = run_cli("scenario", "update", path, "--recording", record(("A", 1), ("B", 1)))
    assert (code, out) == (1, "")
    assert f"{path}:2:5: expect[0]: is kept, because it is a ban; 1 call came" in err


def test_nothing_is_accepted_from_incomplete_evidence(run_cli, record, scenario):
    path, recording = scenario(), record(("Opened", 2), closed=False)
    code, out, err = run_cli("scenario", "update", path, "--recording", recording)
    assert (code, out) == (3, "")
    assert "nothing is accepted while calls may be missing" in err
    assert path.read_text() == OPENED
    more = "--recording", recording, "--allow-open"
    assert run_cli("scenario", "update", path, *more)[0] == 0


def test_other_files_and_given_values_count_and_stay(run_cli, record, scenario):
    terms = scenario("define:\n  price: {n: 1}\n", name="terms.yaml")
    text = """\
use: [terms.yaml]
let: [event]
expect:
  - {track: $event, properties: $price, userId: v}
"""
    path, arguments = scenario(text), ("--recording", record(("A", 2)), "--let", "event=A")
    code, _, err = run_cli("scenario", "update", path, *arguments)
    assert code == 1
    assert f"{path}:4:21: expect[0].properties: is kept, because it is no literal value" in err
    assert path.read_text() == text.replace("userId: v", "userId: u")
    assert terms.read_text() == "define:\n  price: {n: 1}\n"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_permissions_links_and_the_folder_stay_as_they_are(run_cli, record, scenario, mode):
    path, recording = scenario(), record(("Opened", 2), ("Closed", 2))
    path.chmod(mode)
    link = path.with_name("link.yaml")
    link.symlink_to(path.name)
    before = {path_there.name for path_there in path.parent.iterdir()}
    assert run_cli("scenario", "update", link, "--recording", recording)[0] == 0
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert link.is_symlink()
    assert "n: 2" in path.read_text()
    assert {path_there.name for path_there in path.parent.iterdir()} == before


@pytest.mark.parametrize("write", [overwrite, write_new])
def test_a_file_that_cannot_be_written_is_a_mistake(tmp_path, write):
    with pytest.raises(InputError, match="cannot write this file: No such file or directory"):
        write(tmp_path / "missing" / "s.yaml", "text")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_newlines_and_a_byte_order_mark_stay(run_cli, record, scenario, newline, mark):
    path = scenario(mark + OPENED.replace("\n", newline).encode())
    recording = record(("Opened", 2), ("Opened", 2), ("New", 1))
    assert run_cli("scenario", "update", path, "--recording", recording)[0] == 0
    data = path.read_bytes()
    assert data.startswith(mark + b"# head")
    assert data.count(b"\n") == data.count(newline.encode()) == 7
