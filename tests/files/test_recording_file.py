"""The file of a recording has one writer at a time, and no recording is ever lost."""

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.recordings.recording import End, Head
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.runtime.recording_writer import RecordingChangedError, RecordingWriter
from tests.recordings import recorded

HEAD = Head(created=datetime(2030, 1, 31, 9, tzinfo=UTC), run="r2", tool="0.1.0")
NONE, ONE = End(calls=0, connections=0), End(calls=1, connections=1)


def message(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def write(path, *, calls=1, end=True, run="r1"):
    """Write a recording; return its bytes."""
    recorder = RecordingWriter(path, Head(created=HEAD.created, run=run, tool="0.1.0"))
    recorder.append(*(recorded(seq) for seq in range(1, calls + 1)))
    if end:
        recorder.close(End(calls=calls, connections=1))
    del recorder  # as a process that is killed: its file is closed
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.yaml"


@pytest.fixture
def previous(tmp_path):
    return tmp_path / "out.yaml.previous"


# One recorder at a time.


@pytest.mark.parametrize("name", ["out.yaml", "./out.yaml", "symbolic", "hard"])
def test_a_second_writer_of_the_same_file_is_refused(path, name, monkeypatch):
    monkeypatch.chdir(path.parent)
    first = RecordingWriter(path, HEAD)
    path.with_name("symbolic").symlink_to("out.yaml")
    path.with_name("hard").hardlink_to(path)
    said = message(RecordingWriter, name, HEAD)
    assert said.startswith(f"{name}: is being recorded to by this process: ")
    first.append(recorded(1))
    first.close(ONE)
    assert len(read_recording(path).hits) == 1
    RecordingWriter(name, HEAD).close(NONE)  # and then it may


HOLDS = (
    "import sys\n"
    "from tests.files.test_recording_file import HEAD\n"
    "from pixel_emulator.runtime.recording_writer import RecordingWriter\n"
    "recorder = RecordingWriter(sys.argv[1], HEAD)\n"
    "print('open', flush=True)\n"
    "sys.stdin.read()\n"
)


@pytest.mark.parametrize("ends", [signal.SIGKILL, None], ids=["killed", "by itself"])
def test_the_lock_of_a_process_ends_with_it(path, ends):
    write(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        said = message(RecordingWriter, path, HEAD)
        assert "is being recorded to by " in said
        if sys.platform == "linux":
            assert f"process {process.pid}:" in said
        if ends:
            process.send_signal(ends)
        process.stdin.close()
        process.wait()
    write(path, run="r2")
    assert read_recording(path).head.run == "r2"


def test_a_fork_does_not_keep_the_lock(path):
    recorder = RecordingWriter(path, HEAD)
    with subprocess.Popen(  # it has a copy of the descriptor
        ["sleep", "600"],
        pass_fds=[recorder._file._file],
    ) as process:
        recorder.close(NONE)
        RecordingWriter(path, HEAD).close(NONE)
        process.kill()


def test_a_refused_writer_leaves_everything_as_it_was(path):
    before = write(path)
    first = RecordingWriter(path, HEAD)
    names = sorted(file.name for file in path.parent.iterdir())
    message(RecordingWriter, path, HEAD)
    assert sorted(file.name for file in path.parent.iterdir()) == names
    first.close(NONE)
    assert path.read_bytes() == before


# The recording from before.


def test_a_recording_stays_as_previous_until_a_call_arrives(path, previous):
    before = write(path)
    recorder = RecordingWriter(path, HEAD)
    assert previous.read_bytes() == before
    recording = read_recording(path)
    assert (recording.head.run, recording.hits, recording.end) == ("r2", (), None)
    recorder.append(recorded(1))
    assert not previous.exists()
    recorder.close(ONE)
    assert read_recording(path).head.run == "r2"
    assert not recorder.put_back
    assert [file.name for file in path.parent.iterdir()] == ["out.yaml"]


@pytest.mark.parametrize("ends", ["close", "abandon"])
@pytest.mark.parametrize("calls", [0, 2], ids=["without calls", "with calls"])
def test_without_a_call_it_is_put_back(path, ends, calls):
    before = write(path, calls=calls)
    recorder = RecordingWriter(path, HEAD)
    recorder.append()
    if ends == "close":
        recorder.close(NONE)
    else:
        recorder.abandon()
    assert recorder.put_back
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["out.yaml"]


@pytest.mark.parametrize("content", [None, b""], ids=["no file", "an empty one"])
def test_without_a_recording_from_before_an_empty_one_is_left(path, content):
    if content is not None:
        path.write_bytes(content)
    recorder = RecordingWriter(path, HEAD)
    recorder.close(NONE)
    assert not recorder.put_back
    assert read_recording(path).end == NONE
    assert [file.name for file in path.parent.iterdir()] == ["out.yaml"]


def test_an_empty_recording_may_be_made_to_replace_one(path):
    write(path)
    recorder = RecordingWriter(path, HEAD)
    recorder.commit()
    recorder.close(NONE)
    assert read_recording(path).head.run == "r2"
    assert [file.name for file in path.parent.iterdir()] == ["out.yaml"]


def test_a_link_stays_a_link(path, tmp_path):
    """The recording and the earlier one are in the folder of the link's target."""
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "calls.yaml"
    before = write(target)
    path.symlink_to(target)
    recorder = RecordingWriter(path, HEAD)
    assert (tmp_path / "real" / "calls.yaml.previous").read_bytes() == before
    recorder.append(recorded(1))
    recorder.close(ONE)
    assert path.is_symlink()
    assert read_recording(target).head.run == "r2"
    assert [file.name for file in target.parent.iterdir()] == ["calls.yaml"]


def test_what_a_killed_run_has_kept_is_kept_on(path, previous):
    before = write(path)
    RecordingWriter(path, HEAD)  # ends here as if it was killed
    assert previous.read_bytes() == before
    RecordingWriter(path, HEAD)
    assert previous.read_bytes() == before
    RecordingWriter(path, HEAD).close(NONE)
    assert path.read_bytes() == before
    assert not previous.exists()


def test_what_was_killed_with_calls_in_it_is_kept_too(path, previous):
    before = write(path, end=False)
    previous.write_bytes(before)  # killed before it could remove this
    recorder = RecordingWriter(path, HEAD)
    assert previous.read_bytes() == before
    recorder.close(NONE)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"mine\n", b"", "another recording", "a folder", "a link"])
def test_a_file_of_the_name_that_is_not_ours_is_not_touched(path, previous, content):
    before = write(path)
    other = write(path.with_name("other.yaml"), run="r9")
    if content == "a folder":
        previous.mkdir()
    elif content == "a link":
        previous.symlink_to("other.yaml")
    else:
        previous.write_bytes(content if isinstance(content, bytes) else other)
    assert f"{path}.previous: exists already" in message(RecordingWriter, path, HEAD)
    assert path.read_bytes() == before
    assert path.with_name("other.yaml").read_bytes() == other
    assert content == "a folder" or previous.read_bytes() in (content, other)
    assert not list(path.parent.glob(".*"))


def test_a_file_that_was_deleted_is_not_brought_back_by_a_later_run(path, previous):
    """A user removed it so that an old recording cannot pass for a new one."""
    write(path)
    RecordingWriter(path, HEAD)
    path.unlink()
    RecordingWriter(path, HEAD).close(NONE)
    assert read_recording(path).head.run == "r2"
    assert previous.exists()


def test_a_name_that_leaves_no_room_for_the_other_is_refused(tmp_path):
    path = tmp_path / ("a" * 248)
    before = write(path)
    assert "File name too long" in message(RecordingWriter, path, HEAD)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


KILLED = """
import os, signal, sys
from itertools import count
from pathlib import Path
from pixel_emulator.files import read_write, recording_file
from pixel_emulator.runtime import recording_writer
from tests.files.test_recording_file import HEAD, NONE, ONE, recorded

path, call, kept = Path(sys.argv[1]), sys.argv[2] == "call", Path(sys.argv[1] + ".previous")
before, tool = path.read_bytes(), sys.monitoring.DEBUGGER_ID
watched = {recording_writer.__file__, recording_file.__file__}
left = 0

def line(code, _number):
    global left
    if code.co_filename not in watched:
        return sys.monitoring.DISABLE
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

def record():
    made = recording_writer.RecordingWriter(path, HEAD)
    if call:
        made.append(recorded(1))
    made.close(ONE if call else NONE)

for number in count(1):
    path.write_bytes(before)
    kept.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        left = number
        sys.monitoring.use_tool_id(tool, "kill")
        sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, line)
        sys.monitoring.set_events(tool, sys.monitoring.events.LINE)
        record()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    survivors = [file.read_bytes() for file in (path, kept) if file.exists()]
    arrived = call and b"- seq: 1\\n" in path.read_bytes() and b"run: r2" in path.read_bytes()
    assert before in survivors or arrived, f"lost at line {number}"
    read_write.read_recording(path)
    if not status:
        break
    if not arrived:
        recording_writer.RecordingWriter(path, HEAD).close(NONE)
        assert path.read_bytes() == before, f"not put back after line {number}"
    recording_writer.RecordingWriter(path, HEAD).append(recorded(1))
    assert len(read_write.read_recording(path).hits) == 1
print(number)
"""


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("call", ["call", "no call"])
def test_killed_at_any_line_it_never_loses_the_recording_from_before(path, call):
    write(path, calls=2)
    run = subprocess.run(
        [sys.executable, "-c", KILLED, path, call], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 50


# At the end.


def deleted(path):
    path.unlink()


def moved(path):
    path.rename(path.with_name("moved.yaml"))


def replaced(path):
    path.with_name("new").write_bytes(path.read_bytes())
    path.with_name("new").replace(path)


def emptied(path):
    os.truncate(path, 0)


def shortened(path):
    os.truncate(path, path.stat().st_size - 1)


def extended(path):
    with path.open("ab") as file:
        file.write(b"# mine\n")


def folder_deleted(path):
    path.unlink()
    path.parent.rmdir()


@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (deleted, "is gone"),
        (moved, "is gone"),
        (replaced, "is another file now"),
        (emptied, "has 0 bytes where"),
        (shortened, "was cut off"),
        (extended, "something else was written to it"),
        (folder_deleted, "is gone"),
    ],
)
def test_changes_by_others_are_reported_at_the_end(path, change, said, earlier, calls):
    path = path.parent / "folder" / "out.yaml"
    path.parent.mkdir()
    before = write(path, calls=2) if earlier else b""
    recorder = RecordingWriter(path, HEAD)
    if calls:
        recorder.append(recorded(1))
    kept = path.with_name("out.yaml.previous")
    if change is folder_deleted:
        kept.unlink(missing_ok=True)
    change(path)
    with pytest.raises(RecordingChangedError) as caught:
        recorder.close(ONE if calls else NONE)
    assert any(said in sentence and str(path) in sentence for sentence in caught.value.args)
    if change is moved and not recorder.put_back:
        moved_to = read_recording(path.with_name("moved.yaml"))
        assert moved_to.evidence().gaps == caught.value.args
    if earlier and not calls and change is not folder_deleted:
        assert before in [file.read_bytes() for file in (path, kept) if file.exists()]
        assert kept.exists() is (change is replaced)  # nobody's new file is overwritten


def test_an_untouched_file_has_no_changes(path):
    recorder = RecordingWriter(path, HEAD)
    assert list(recorder._file.changes()) == []
    recorder.append(recorded(1))
    assert list(recorder._file.changes()) == []
    recorder.close(ONE)


# Who may read it.


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(path, umask, mode):
    before = os.umask(umask)
    try:
        RecordingWriter(path, HEAD).close(NONE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_that_was_there_keeps_its_permissions(path):
    write(path)
    path.chmod(0o640)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_path_is_that_of_the_beginning(path, monkeypatch, tmp_path):
    """A test may change the working directory."""
    monkeypatch.chdir(tmp_path)
    recorder = RecordingWriter(Path("out.yaml"), HEAD)
    recorder.append(*(recorded(seq) for seq in range(1, 300)))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir("other")
    assert len(recorder.read(1, 300)) == 299
    recorder.close(End(calls=299, connections=1))
    assert read_recording(path).evidence().gaps == ()
