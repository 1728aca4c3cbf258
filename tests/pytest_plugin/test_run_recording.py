"""One recording of a whole run: the same on any worker, with a gap for each loss."""

import os
import re
import shlex
import sys
from contextlib import closing
from fnmatch import fnmatch

import pytest

from pixel_emulator.cli.program import main
from pixel_emulator.core.scenarios.expectation import call_name
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.files.recording_file import RecordingFile
from pixel_emulator.files.recording_parts import parts_of
from tests.pytest_plugin.examples import PLUGIN

pytest_plugins = ["pytester"]

COMMAND = f"pixel_emulator_command = {shlex.quote(sys.executable)} -m pixel_emulator"
RECORD = "--pixel-recording=calls.yaml"
# What differs from run to run: the time, and the port in the URL of a direct request.
CLOCK = """
    from datetime import UTC, datetime
    from pixel_emulator.pytest_plugin import lazy_emulator
    lazy_emulator.utc_now = lambda: datetime(2030, 1, 31, tzinfo=UTC)
"""
MANY = """
    import ssl
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener
    import pytest
    from client import url
    SEGMENT = "https://api.segment.io"
    @pytest.mark.parametrize("n", range(12))
    class TestMail:
        def test_received(self, pixels, n):
            pixels.receive(url(SEGMENT, "Received", properties={"n": n}))
            pixels.expect(track="Received")
        def test_sent(self, pixels, pixel_session_factory, n):
            trust = HTTPSHandler(context=ssl.create_default_context(cafile=pixels.ca))
            for session in (pixels, pixel_session_factory()):
                opener = build_opener(ProxyHandler({"https": session.proxy}), trust)
                opener.open(url(SEGMENT, "Sent", properties={"n": n}), timeout=10).read()
                session.expect(track="Sent")
"""
ONE = """
    from client import send
    def test_it(pixels):
        send(pixels, "A")
        pixels.expect(track="A")
"""
CRASH = """
    import os
    from client import send
    def test_a(pixels):
        send(pixels, "A")
        pixels.expect(track="A")
    def test_b(pixels):
        send(pixels, "B")
        os._exit(9)
    def test_c(pixels):
        send(pixels, "C")
        pixels.expect(track="C")
"""


@pytest.fixture
def recording(pytester):
    return pytester.path / "calls.yaml"


def events(recording):
    return [call_name(hit) for hit in read_recording(recording).hits]


@pytest.mark.thorough
@pytest.mark.parametrize("worker", [("-n2",), ("-n8",), ("-n8", "--dist=loadgroup")])
def test_workers_and_a_single_process_record_the_same_byte_for_byte(inner, recording, worker):
    files = {"conftest": CLOCK, "test_mail": MANY}
    inner(RECORD, apart=True, **files).assert_outcomes(passed=24)
    alone = recording.read_bytes()
    recording.unlink()
    result = inner(RECORD, *worker, apart=True)
    result.assert_outcomes(passed=24)
    result.stdout.fnmatch_lines(["pixels: 36 calls recorded to calls.yaml"])
    assert recording.read_bytes() == alone
    merged = read_recording(recording)
    assert merged.evidence().gaps == ()
    assert merged.evidence().connections == 24
    assert merged.head.shard is None
    assert [hit.step for hit in merged.hits] == sorted(hit.step for hit in merged.hits)
    assert merged.hits[0].step == "test_mail.py::TestMail::test_received[0]"
    assert not parts_of(recording).exists()


@pytest.mark.thorough
def test_the_order_of_the_tests_makes_no_difference(inner, recording):
    inner(RECORD, apart=True, conftest=CLOCK, test_mail=MANY).assert_outcomes(passed=24)
    before = recording.read_bytes()
    inner(RECORD, "-p", "randomly", "--randomly-seed=1", apart=True).assert_outcomes(passed=24)
    assert recording.read_bytes() == before


@pytest.mark.thorough
def test_a_call_more_makes_a_difference(inner, recording):
    inner(RECORD, apart=True, conftest=CLOCK, test_mail=MANY).assert_outcomes(passed=24)
    before = recording.read_bytes()
    inner(RECORD, apart=True, test_mail=MANY.replace("range(12)", "range(13)"))
    assert recording.read_bytes() != before


@pytest.mark.parametrize("ini", ["", COMMAND], ids=["here", "elsewhere"])
def test_what_was_cleared_away_and_what_failed_is_recorded_too(inner, recording, ini):
    inner(
        ini=f"{ini}\npixel_recording = calls.yaml",
        test_it="""
            from client import send
            def test_a(pixels):
                send(pixels, "Cleared")
                pixels.clear()
                send(pixels, "Kept")
                pixels.expect(track="Kept")
            def test_b(pixels): send(pixels, "Unexpected")
        """,
    ).assert_outcomes(passed=1, failed=1)
    assert events(recording) == ["Cleared", "Kept", "Unexpected"]
    evidence = read_recording(recording).evidence()
    assert (evidence.gaps, evidence.connections) == ((), 3)


def test_write_keys_are_masked_also_in_the_ids_of_tests(inner, recording):
    result = inner(
        RECORD,
        test_it="""
            import pytest
            from client import send
            @pytest.mark.pixel(keep_write_keys=True)
            @pytest.mark.parametrize("key", ["wk_test_0000000000000000"])
            def test_it(pixels, key):
                send(pixels, "A")
                pixels.expect(track="A")
        """,
    )
    result.assert_outcomes(passed=1)
    assert events(recording) == ["A"]
    assert b"wk_test_00000" not in recording.read_bytes()


def test_of_a_test_that_is_run_again_the_last_run_is_recorded(inner, recording):
    inner(
        *("--reruns=1", RECORD),
        test_it="""
            from client import send
            runs = []
            def test_it(pixels):
                runs.append(1)
                send(pixels, f"Run {len(runs)}")
                pixels.expect(track="Run 2")
        """,
    )
    assert events(recording) == ["Run 2"]


def test_scenario_files_are_recorded_by_their_steps(inner, recording, pytester):
    call = "{track: A, userId: u1}"
    (pytester.path / "a.yaml").write_text(f"name: mail\ndo: {{send: {call}}}\nexpect: [{call}]\n")
    inner(RECORD, "a.yaml").assert_outcomes(passed=1)
    (hit,) = read_recording(recording).hits
    assert hit.step.startswith("a.yaml ")
    assert list(read_recording(recording).evidence().acted) == [hit.step]


@pytest.mark.thorough
def test_a_worker_that_dies_leaves_what_it_got_and_a_gap(inner, recording):
    result = inner(RECORD, "-n2", apart=True, test_it=CRASH)
    result.assert_outcomes(passed=2, failed=1)
    assert events(recording) == ["A", "B", "C"]
    gap = "test_it.py::test_b: its recording was cut off: calls may be missing"
    assert read_recording(recording).evidence().gaps == (gap,)
    result.stdout.fnmatch_lines([f"pixels: calls.yaml is incomplete: {gap}"])
    assert not parts_of(recording).exists()


OLD = """
    from client import send
    def test_old(pixels):
        send(pixels, "Old")
        pixels.expect(track="Old")
"""
NEVER = "expect: [{track: A, times: 0..}]\nnever: [{track: Secret}]\nunexpected: ignore\n"


@pytest.fixture
def command(capsys):
    """Run a command of ours; what it says, and its exit code."""

    def run(*arguments):
        capsys.readouterr()
        code = main([*map(str, arguments)])
        return code, " ".join("".join(capsys.readouterr()).split())

    return run


@pytest.fixture
def verify(command, recording, pytester):
    """Verify the recording by a scenario that only a gap can fail."""
    scenario = pytester.path / "never.yaml"

    def run():
        scenario.write_text(NEVER)
        return command("verify", scenario, recording)

    return run


@pytest.mark.thorough
@pytest.mark.parametrize("has_old", [False, True])
def test_a_run_that_dies_is_found_by_the_next_command(
    inner, recording, pytester, verify, command, has_old
):
    """Also where the recording of an earlier run, which passes, stands in its place."""
    if has_old:
        inner(RECORD, test_it=OLD).assert_outcomes(passed=1)
        assert verify()[0] == 0
    assert inner(RECORD, apart=True, test_it=CRASH).ret == 9
    assert bool(recording.read_bytes()) is has_old
    assert events(recording) == ["A", "B"]
    code, said = verify()
    assert code == 3
    assert "its run of pytest is not over, or was killed (2 parts of it in" in " ".join(
        said.split()
    )
    assert 'track "A"' in command("recording", "show", recording)[1]
    result = inner(RECORD, test_it=ONE)
    result.assert_outcomes(passed=1)
    said = "pixels: an earlier run was killed: its 2 calls stand in calls.yaml.previous"
    result.stdout.fnmatch_lines([said])
    assert events(pytester.path / "calls.yaml.previous") == ["A", "B"]
    assert events(recording) == ["A"]
    assert not parts_of(recording).exists()
    assert verify()[0] == 0


@pytest.mark.thorough
def test_a_run_that_dies_before_its_first_call_is_found_too(inner, verify):
    inner(RECORD, test_it=OLD).assert_outcomes(passed=1)
    assert inner(RECORD, apart=True, test_it="import os\ndef test_a(): os._exit(9)").ret == 9
    assert verify()[0] == 3


BESIDE = """
    import subprocess, sys
    import pytest
    from client import send
    COMMANDS = {{
        "pytest": ["pytest", *{plugin}, "{record}", "other.py"],
        "verify": ["pixel_emulator", "verify", "never.yaml", "calls.yaml"],
        "serve": ["pixel_emulator", "serve", "--port=0", "--record=calls.yaml", "--until-eof"],
    }}
    @pytest.mark.parametrize("name", COMMANDS)
    def test_it(pixels, name):
        send(pixels, "A")
        pixels.expect(track="A")
        command = [sys.executable, "-m", *COMMANDS[name]]
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
        )
        with open(f"{{name}}.txt", "w") as file:
            print(done.returncode, done.stdout, done.stderr, file=file)
"""


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
@pytest.mark.parametrize("has_old", [False, True])
def test_a_recording_belongs_to_one_run_while_that_is_alive(
    inner, recording, pytester, has_old, workers
):
    if has_old:
        inner(RECORD, test_it=OLD).assert_outcomes(passed=1)
    pytester.makepyfile(other="def test_other(pixels): pass")
    (pytester.path / "never.yaml").write_text(NEVER)
    code = BESIDE.format(plugin=PLUGIN, record=RECORD)
    inner(RECORD, *workers, apart=True, test_it=code).assert_outcomes(passed=3)
    wanted = {
        "pytest": r"4 .*calls\.yaml: is being recorded to by process \d+: end that first",
        "serve": r"2 .*calls\.yaml: is being recorded to by process \d+: end that first",
        "verify": r"2 .*calls\.yaml: is being written by process \d+, a run of pytest: read",
    }
    for name, said in wanted.items():
        text = " ".join((pytester.path / f"{name}.txt").read_text().split())
        assert re.match(said, text), text
    assert events(recording) == ["A", "A", "A"]
    assert read_recording(recording).evidence().gaps == ()


@pytest.mark.thorough
def test_a_run_is_refused_while_an_emulator_records_to_its_file(inner, recording):
    with closing(RecordingFile(recording, b"pixel_recording: 1\n")):
        result = inner(RECORD, apart=True, test_it=ONE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *is being recorded to by process {os.getpid()}: end *"])
    assert recording.read_text() == "pixel_recording: 1\n"
    assert not parts_of(recording).exists()


DELETES = """
    import pathlib, shutil
    from client import send
    def test_a(pixels):
        send(pixels, "A")
        pixels.expect(track="A")
    def test_b(pixels):
        send(pixels, "B")
        pixels.expect(track="B")
        folder = pathlib.Path(".calls.yaml.parts")
        {delete}
    def test_c(pixels):
        send(pixels, "C")
        pixels.expect(track="C")
"""
GONE = {
    "all": (
        "shutil.rmtree(folder)",
        [],
        "the folder of its parts, .calls.yaml.parts, was deleted meanwhile: calls are missing",
    ),
    "moved": (
        "folder.rename('elsewhere')",
        [],
        "the folder of its parts, .calls.yaml.parts, was deleted meanwhile: calls are missing",
    ),
    "made anew": (
        "shutil.rmtree(folder); folder.mkdir()",
        [],
        "the folder of its parts, .calls.yaml.parts, was deleted meanwhile: calls are missing",
    ),
    "each part": (
        "[path.unlink() for path in folder.glob('*.yaml')]",
        ["C"],
        "2 of its 3 parts were deleted meanwhile: calls are missing",
    ),
    "one part": (
        "min(folder.glob('*.yaml'), key=lambda path: path.stat().st_mtime_ns).unlink()",
        ["B", "C"],
        "1 of its 3 parts was deleted meanwhile: calls are missing",
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
@pytest.mark.parametrize("name", GONE)
def test_parts_that_are_deleted_meanwhile_are_a_gap(inner, recording, verify, name, workers):
    delete, left, gap = GONE[name]
    result = inner(RECORD, *workers, apart=True, test_it=DELETES.format(delete=delete))
    assert events(recording) == left
    assert read_recording(recording).evidence().gaps == (gap,)
    result.stdout.fnmatch_lines([f"pixels: calls.yaml is incomplete: {gap}"])
    if not left:  # a test whose calls would be lost fails
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(["*.calls.yaml.parts: is gone: it was deleted, or is on*"])
    assert verify()[0] == 3


CHANGES = """
    import pathlib
    from client import send
    def test_it(pixels):
        send(pixels, "A")
        pixels.expect(track="A")
        path = pathlib.Path("calls.yaml")
        {change}
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    "change",
    ["path.write_text('my: notes')", "path.unlink(); path.write_text('my: notes')"],
    ids=["written", "replaced"],
)
def test_a_file_that_was_changed_meanwhile_is_not_overwritten(inner, recording, change):
    result = inner(RECORD, apart=True, test_it=CHANGES.format(change=change))
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    said = "pixels: calls.yaml: was changed while calls were recorded: it is not overwritten; its*"
    result.stdout.fnmatch_lines([said])
    assert recording.read_text() == "my: notes"
    assert events(recording) == ["A"]  # of the parts, which are still there


def test_a_file_that_was_deleted_meanwhile_is_written_all_the_same(inner, recording):
    inner(RECORD, test_it=CHANGES.format(change="path.unlink()")).assert_outcomes(passed=1)
    assert events(recording) == ["A"]
    assert read_recording(recording).evidence().gaps == ()


@pytest.mark.thorough
@pytest.mark.parametrize("wrong", [["nowhere.py"], ["-k", "nothing"], []])
def test_a_run_without_calls_costs_no_good_recording(inner, recording, pytester, wrong):
    inner(RECORD, test_it=ONE).assert_outcomes(passed=1)
    before = recording.read_bytes()
    for _ in range(2):
        result = inner(RECORD, *wrong, apart=True, test_it="def test_it(): pass")
        assert events(recording) == []
        assert (pytester.path / "calls.yaml.previous").read_bytes() == before
    inner(RECORD, *wrong, test_it="def test_it(): pass")
    result.stdout.no_fnmatch_line("*no call came*")  # what there was before had none either


FIVE = """
    import pytest
    from client import url
    @pytest.mark.parametrize("n", range(5))
    def test_it(pixels, n, request):
        pixels.receive(url("https://api.segment.io", "A"))
        pixels.expect(track="A")
        {third}
"""
STOPS = {
    "-x": ("raise RuntimeError", ["-x"], "stopping after 1 failures"),
    "--maxfail": ("assert n != 2 and n != 1", ["--maxfail=2"], "stopping after 2 failures"),
    "Ctrl-C": ("raise KeyboardInterrupt", [], "KeyboardInterrupt"),
    "pytest.exit": ("pytest.exit('enough')", [], "*enough"),
    "another plugin": ("request.session.shouldstop = 'no more'", [], "no more"),
}


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
@pytest.mark.parametrize("name", STOPS)
def test_a_run_that_is_cut_short_is_a_gap(inner, recording, verify, name, workers):
    third, how, reason = STOPS[name]
    if workers and name in ("Ctrl-C", "pytest.exit", "another plugin"):
        third = third.replace("session.shouldstop", "config.unknown.shouldstop")
        how = [*how, "-x"]  # a worker that is stopped so is one failure to the others
    code = FIVE.format(third=f"if n >= 2: {third}" if "assert" not in third else third)
    inner(RECORD, *how, *workers, apart=name == "Ctrl-C", test_it=code)
    gaps = read_recording(recording).evidence().gaps
    stopped = [gap for gap in gaps if gap.startswith("the run was stopped")]
    assert len(stopped) == 1
    assert re.search(r"[1-4] of 5 selected tests did not run to their end\Z", stopped[0])
    if not workers:
        assert fnmatch(stopped[0], f"the run was stopped ({reason}): *")
    code, said = verify()
    assert code == 3
    assert "the run was stopped" in said


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ([], FIVE.format(third="")),
        (["-k", "it and not 3"], FIVE.format(third="")),
        (["--deselect", "test_it.py::test_it[0]"], FIVE.format(third="")),
        (["-x"], FIVE.format(third="if n == 4: pytest.fail()")),
        (["-x", "-n1"], FIVE.format(third="if n == 4: pytest.fail()")),
        (["-x"], FIVE.format(third="if n == 1: pytest.skip()")),
        (["-n2"], FIVE.format(third="")),
    ],
    ids=["whole", "-k", "deselected", "last", "last-xdist", "skipped", "xdist"],
)
def test_a_run_of_all_that_was_selected_is_whole(inner, recording, how, code):
    inner(RECORD, *how, test_it=code)
    assert read_recording(recording).evidence().gaps == ()


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    "more", [[], ["--continue-on-collection-errors"]], ids=["stops", "goes on"]
)
def test_a_file_that_cannot_be_collected_is_a_gap(inner, recording, verify, more, workers):
    inner(RECORD, *more, *workers, test_it=ONE, test_broken="import nowhere")
    gap = "the run is incomplete: 1 file could not be collected"
    assert gap in read_recording(recording).evidence().gaps
    assert verify()[0] == 3


@pytest.mark.thorough
def test_an_internal_error_is_a_gap(inner, recording):
    hook = "def pytest_runtest_logfinish(nodeid):\n    raise RuntimeError('of a plugin')"
    inner(RECORD, apart=True, test_it=ONE, conftest=hook)
    (gap,) = read_recording(recording).evidence().gaps
    assert gap.startswith("the run was stopped (an internal error: RuntimeError: of a plugin): ")


def test_a_look_at_what_there_is_leaves_a_recording_alone(inner, recording):
    inner(RECORD, test_it=ONE).assert_outcomes(passed=1)
    before = recording.read_bytes()
    inner(RECORD, "--collect-only", test_it=ONE)
    assert recording.read_bytes() == before
    assert not parts_of(recording).exists()


def test_calls_that_came_too_late_are_a_gap(inner, recording):
    inner(
        RECORD,
        test_it="""
            from client import send
            first = []
            def test_first(pixels): first.append(pixels)
            def test_second(pixels): send(first[0], "Late")
        """,
    ).assert_outcomes(passed=2)
    (gap,) = read_recording(recording).evidence().gaps
    assert (
        gap == "1 request for a session of test_it.py::test_first, which was closed: not recorded"
    )


def test_no_write_key_stands_in_a_gap(inner, recording):
    key = "wk_live_0000000000000000"
    inner(
        RECORD,
        ini=f"pixel_source = app={key}",
        test_it=f"""
            import pytest
            from client import send
            first = []
            @pytest.mark.parametrize("key", ["{key}"])
            def test_first(pixels, key): first.append(pixels)
            def test_second(pixels): send(first[0], "Late")
        """,
    ).assert_outcomes(passed=2)
    assert b"for a session of" in recording.read_bytes()
    assert key.encode() not in recording.read_bytes()


def test_a_test_of_another_dialect_does_not_fit_and_that_is_a_gap(inner, recording):
    strict = 'import pytest\n    pytestmark = pytest.mark.pixel(dialect="strict")'
    inner(RECORD, test_it=f"    {strict}{ONE}").assert_outcomes(passed=1)
    (gap,) = read_recording(recording).evidence().gaps
    assert gap.startswith(
        "test_it.py::test_it: its calls are left out: it is classified as `strict`"
    )


def test_a_run_without_calls_leaves_no_old_recording(inner, recording):
    inner(RECORD, test_it=ONE)
    inner(RECORD, test_it="def test_it(): pass").assert_outcomes(passed=1)
    assert events(recording) == []
    assert read_recording(recording).evidence().connections == 0


@pytest.mark.thorough
def test_another_file_is_not_overwritten(inner, recording):
    recording.write_text("my: notes\n")
    result = inner(RECORD, apart=True, test_it=ONE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *calls.yaml: is no recording: it is not overwritten"])
    assert recording.read_text() == "my: notes\n"


@pytest.mark.thorough
def test_a_recording_that_cannot_be_written_is_an_error(inner, recording):
    recording.mkdir()
    result = inner(RECORD, apart=True, test_it=ONE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --pixel-recording: *calls.yaml*"])


def test_nothing_is_recorded_where_tests_are_only_listed(inner, recording):
    inner(RECORD, "--collect-only", test_it=ONE)
    assert not recording.exists()
