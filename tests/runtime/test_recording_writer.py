"""A recording that is being written is loadable at every moment and loses nothing."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import ruamel.yaml
import yaml

from pixel_emulator.core.recordings.recording import Redaction
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.runtime.recording_writer import RecordingWriter, open_recording
from pixel_emulator.runtime.settings import Settings
from tests.hits import KEY
from tests.recordings import END, HEAD, first_payload, input_error, recorded


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.yaml"


def test_the_file_is_a_loadable_recording_from_the_start_and_after_every_call(path):
    recorder = RecordingWriter(path, HEAD)
    for count in range(3):
        for load in (yaml.safe_load, ruamel.yaml.YAML(typ="safe", pure=True).load):
            assert len(load(path.read_text())["exchanges"] or []) == count
        recording = read_recording(path)
        assert (len(recording.hits), recording.end, recording.torn) == (count, None, False)
        recorder.append(recorded(count + 1))
    recorder.close(replace(END, calls=3))
    assert read_recording(path).evidence().gaps == ()


def test_an_entry_is_block_style_and_begins_with_its_number(path):
    recorder = RecordingWriter(path, HEAD)
    recorder.append(recorded(1))
    recorder.close(END)
    lines = path.read_text().splitlines()
    assert lines[:8] == [
        "pixel_recording: 1",
        'created: "2030-01-31T09:00:00.000Z"',
        "run: r1",
        "shard: null",
        'tool: "0.1.0"',
        "dialect: documented",
        "redaction: write-keys",
        "exchanges:",
    ]
    assert lines[8:13] == [
        "- seq: 1",
        '  time: "2030-01-31T09:00:12.418Z"',
        "  calls:",
        "    - type: track",
        "      outcome: delivered",
    ]
    assert lines[-4:] == [f"  digest: sha256:{'0a' * 32}", "end:", "  calls: 2", "  connections: 1"]


def test_write_keys_are_masked_unless_the_head_keeps_them(tmp_path):
    for redaction, key in ((Redaction.WRITE_KEYS, mask(KEY)), (Redaction.NONE, KEY)):
        file = tmp_path / redaction
        RecordingWriter(file, replace(HEAD, redaction=redaction)).append(recorded(1))
        assert first_payload(file)["writeKey"] == key
        assert read_recording(file).evidence().masked is (redaction is Redaction.WRITE_KEYS)


def test_a_recording_and_an_empty_file_are_overwritten(path):
    path.touch()
    for _ in range(2):
        RecordingWriter(path, HEAD).append(recorded(1))
        assert len(read_recording(path).hits) == 1


def test_any_other_file_is_kept(path):
    path.write_text("name: my scenario\n")
    assert "out.yaml: exists and is no recording" in input_error(RecordingWriter, path, HEAD)
    assert path.read_text() == "name: my scenario\n"


@pytest.mark.parametrize("name", ["missing/out.yaml", ".", "a\0b"])
def test_a_path_that_cannot_be_written_is_named(tmp_path, name):
    assert f"{tmp_path / name}: cannot write this file" in input_error(
        RecordingWriter, tmp_path / name, HEAD
    )


def test_an_unreadable_file_is_kept():
    assert "/proc/self/mem: cannot read this file" in input_error(
        RecordingWriter, "/proc/self/mem", HEAD
    )


def test_nothing_is_written_after_the_end(path):
    recorder = RecordingWriter(path, HEAD)
    recorder.close(END)
    with path.with_name("other").open("w"), pytest.raises(OSError, match="Bad file descriptor"):
        recorder.append(recorded(1))
    assert path.with_name("other").read_text() == ""


def test_a_full_disk_is_an_error_at_every_call_and_at_the_end():
    recorder = RecordingWriter("/dev/full", HEAD)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            recorder.append(recorded(1))
    with pytest.raises(OSError, match="No space left"):
        recorder.close(END)


def test_a_disk_that_fills_up_leaves_the_entries_that_fitted(path):
    script = (
        "import resource, sys\n"
        "from tests.recordings import HEAD, recorded\n"
        "from pixel_emulator.runtime.recording_writer import RecordingWriter\n"
        "recorder = RecordingWriter(sys.argv[1], HEAD)\n"
        "recorder.append(recorded(1))\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "size = __import__('os').path.getsize(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))\n"
        "try: recorder.append(recorded(2))\n"
        "except OSError: print('full')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "recorder.append(recorded(3))\n"
    )
    run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, check=True)
    assert run.stdout == b"full\n"
    recording = read_recording(path)
    assert [hit.seq for hit in recording.hits] == [1, 3]
    assert any(
        "call 2 should come next, but call 3 does" in gap for gap in recording.evidence().gaps
    )


def test_killing_the_process_loses_nothing_that_was_written(path):
    script = (
        "import os, signal, sys\n"
        "from tests.recordings import HEAD, recorded\n"
        "from pixel_emulator.runtime.recording_writer import RecordingWriter\n"
        "recorder = RecordingWriter(sys.argv[1], HEAD)\n"
        "for seq in range(1, 101): recorder.append(recorded(seq))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, path], check=False)
    assert run.returncode == -signal.SIGKILL
    recording = read_recording(path)
    assert (len(recording.hits), recording.torn) == (100, False)


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_recording_may_go_into_a_pipe_and_waits_for_its_reader(pipe):
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    recorder = RecordingWriter(pipe, HEAD)
    read: list[bytes] = []
    with os.fdopen(reader, "rb") as file:
        thread = threading.Thread(target=lambda: read.append(file.read()))
        thread.start()
        recorder.append(recorded(1, name="x" * 1_000_000))  # more than a pipe holds
        recorder.close(END)
        thread.join()
    assert yaml.safe_load(read[0])["end"] == {"calls": 2, "connections": 1}


def test_a_pipe_that_nobody_reads_is_refused_at_once(pipe):
    assert f"{pipe}: is a pipe that nobody reads" in input_error(RecordingWriter, pipe, HEAD)


def open_files():
    return sorted(descriptor.name for descriptor in Path("/proc/self/fd").iterdir())


def test_an_abandoned_writer_closes_its_file_and_writes_no_end(path):
    before = open_files()
    recorder = RecordingWriter(path, HEAD)
    recorder.append(recorded(1))
    for _ in range(2):
        recorder.abandon()
    assert open_files() == before
    recording = read_recording(path)
    assert (len(recording.hits), recording.end, recording.torn) == (1, None, False)


def test_the_settings_say_what_is_recorded(path):
    assert open_recording(Settings()) is None
    settings = Settings(record=str(path), dialect="strict", source=(f"mail={KEY}",))
    recorder = open_recording(settings)
    assert recorder is not None
    recorder.append(recorded(1, event=f"{KEY}!"))
    head = read_recording(path).head
    assert head.dialect == "strict"
    assert len(head.run) == 16
    assert first_payload(path)["event"] == f"{mask(KEY)}!"
    recorder.abandon()
    open_recording(Settings(record=str(path), keep_write_keys=True))
    assert read_recording(path).head.redaction is Redaction.NONE


def test_the_steps_at_the_end_read_as_those_of_the_calls(path):
    """The title of a step may hold a write key, as the value of a case."""
    title, other = f"mail.yaml [key={KEY}]", "mail.yaml"
    recorder = RecordingWriter(path, HEAD)
    recorder.append(replace(recorded(1), step=title))
    recorder.append(replace(recorded(2), step=other))
    time = datetime(2030, 1, 31, 9, tzinfo=UTC)
    recorder.close(replace(END, acted={title: time, other: time}))
    recording = read_recording(path)
    assert KEY not in path.read_text()
    assert list(recording.evidence().acted) == [hit.step for hit in recording.hits]
    assert recording.hits[1].step == other


def test_the_title_of_a_step_without_calls_holds_no_known_key_either(path):
    recorder = RecordingWriter(path, HEAD, known_keys=[KEY])
    time = datetime(2030, 1, 31, 9, tzinfo=UTC)
    recorder.close(replace(END, acted={f"mail.yaml [key={KEY}]": time}))
    assert list(read_recording(path).evidence().acted) == [f"mail.yaml [key={mask(KEY)}]"]


def test_a_seed_gives_the_run_the_same_id_each_time(path):
    def head(**given):
        open_recording(Settings(record=str(path)), **given)
        return read_recording(path).head

    created = datetime(2031, 1, 31, tzinfo=UTC)
    assert head(seed="7", created=created) == head(seed="7", created=created)
    assert head(created=created).created == created
    assert len({head(seed="7").run, head(seed="8").run, head().run, head().run}) == 4


@pytest.mark.parametrize("together", [1, 100, 257, 600])
def test_any_of_its_calls_are_read_back(path, together):
    recorder = RecordingWriter(path, HEAD)
    exchanges = [recorded(seq, messageId=f"m{seq}") for seq in range(1, 601)]
    for start in range(0, 600, together):
        recorder.append(*exchanges[start : start + together])
    whole = read_recording(path).hits
    for start, end in [
        (1, 601),
        (1, 2),
        (256, 257),
        (257, 258),
        (100, 400),
        (513, 601),
        (600, 601),
    ]:
        assert recorder.read(start, end) == whole[start - 1 : end - 1]
    recorder.close(END)
    assert recorder.read(599, 601) == whole[598:]
