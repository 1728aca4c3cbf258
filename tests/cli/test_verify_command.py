"""`verify`: scenarios against recordings, offline."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from pixel_emulator.cli.verify_command import verify
from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.model import CallType
from pixel_emulator.core.report.formats import FORMATS
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings

KEY = "wk_test_0000000000000000"
START = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)
OPENED = "expect:\n  - track: Email Opened\n"


@pytest.fixture
def record(tmp_path):
    """Makes recordings of calls; each argument is an event, or a payload."""

    def make(name, *calls, connections=1, closed=True, minute=0, **settings):
        ticks = iter(range(100))
        journal = Journal(
            chosen := Settings(record=str(tmp_path / name), **settings),
            sink=open_recording(chosen),
            now=lambda: START + timedelta(minutes=minute, seconds=next(ticks)),
        )
        for _ in range(connections):
            journal.connected()
        for call in calls:
            fields = {"event": call} if isinstance(call, str) else call
            payload = {"writeKey": KEY, "userId": "user_1", **fields}
            journal.record(request_from_url(encode(CallType.TRACK, payload)))
        if closed:
            journal.close()
        return tmp_path / name

    return make


@pytest.fixture
def scenario(tmp_path):
    """Writes a scenario file."""

    def write(text, name="scenario.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "calls", "code"),
    [
        (OPENED, ["Email Opened"], 0),
        (OPENED, [], 1),
        (OPENED, ["Other"], 1),
        (OPENED, ["Email Opened", "Email Opened"], 1),
        ("expect: []\n", [], 0),
        ("expect: []\n", ["Email Opened"], 1),
        (OPENED, ["Email Opened", {"event": ""}], 1),
    ],
)
def test_the_exit_code_is_the_verdict(run_cli, record, scenario, text, calls, code):
    assert run_cli("verify", scenario(text), record("out.yaml", *calls))[0] == code


def test_silence_is_not_proven_by_a_run_that_nothing_reached(run_cli, record, scenario):
    code, out, _ = run_cli("verify", scenario("expect: []\n"), record("out.yaml", connections=0))
    assert code == 3
    assert "nothing reached the emulator" in " ".join(out.split())


def test_zero_calls_do_not_meet_an_expectation(run_cli, record, scenario):
    assert run_cli("verify", scenario(OPENED), record("out.yaml", connections=0))[0] == 1


def test_an_open_recording_passes_only_when_allowed(run_cli, record, scenario):
    files = scenario(OPENED), record("out.yaml", "Email Opened", closed=False)
    code, out, _ = run_cli("verify", *files)
    assert code == 3
    assert "has no `end`" in " ".join(out.split())
    assert run_cli("verify", "--allow-open", *files)[0] == 0


def test_a_torn_recording_never_passes(run_cli, record, scenario):
    path = record("out.yaml", "Email Opened", "Other", closed=False)
    path.write_bytes(path.read_bytes()[:-40])
    code, out, _ = run_cli("verify", "--allow-open", scenario(OPENED), path)
    assert code == 3
    assert "is torn" in " ".join(out.split())


def test_several_recordings_count_as_one_run(run_cli, record, scenario):
    wanted = scenario("expect:\n  - track: First\n  - track: Second\n")
    second = record("b.yaml", "Second", minute=1)
    first = record("a.yaml", "First")
    assert run_cli("verify", wanted, first)[0] == 1
    code, out, _ = run_cli("verify", second, wanted, first)
    assert code == 0
    assert out.index("First") < out.index("Second")


def test_a_recording_given_twice_would_count_twice(run_cli, record, scenario, tmp_path):
    wanted = scenario("expect:\n  - track: E\n    times: 2\n")
    once = record("a.yaml", "E")
    copy = tmp_path / "copy.yaml"
    copy.write_bytes(once.read_bytes())
    for again in (once, copy):
        code, out, err = run_cli("verify", wanted, once, again)
        assert (code, out) == (2, "")
        assert "holds the same run as" in err


def test_the_same_file_twice_is_the_same_run(run_cli, record, scenario, monkeypatch):
    record("a.yaml", "E")
    monkeypatch.chdir(scenario("expect:\n  - track: E\n    times: 2\n").parent)
    code, _, err = run_cli("verify", "scenario.yaml", "a.yaml", "a.yaml")
    assert (code, err.count("holds the same run as a.yaml")) == (2, 1)


def test_a_report_says_which_recording_shows_its_calls(run_cli, record, scenario, tmp_path):
    wanted, calls = scenario(OPENED), record("a.yaml", "Email Closed")
    report = tmp_path / "out.txt"
    code, out, _ = run_cli("verify", wanted, calls, "--report", report)
    assert code == 1
    for text in (out, report.read_text()):
        assert f"pixel-emulator recording show {calls} 1" in text
        assert f"scenario update {wanted} --recording {calls} --only 2" in text


def test_calls_of_several_recordings_have_numbers_of_their_own(run_cli, record, scenario):
    calls = [record(f"{n}.yaml", "Email Closed", minute=n) for n in range(2)]
    _, out, _ = run_cli("verify", scenario(OPENED), *calls)
    assert "recording show" not in out
    assert "`scenario update` needs one recording of it" in out
    assert "--recording" not in out


def test_a_message_id_is_seen_across_recordings(run_cli, record, scenario):
    calls = [record(f"{n}.yaml", {"event": "E", "messageId": "m1"}, minute=n) for n in range(2)]
    assert run_cli("verify", scenario("expect:\n  - track: E\n"), *calls)[0] == 0
    code, out, _ = run_cli("verify", scenario("expect:\n  - track: E\n    times: 2\n"), *calls)
    assert code == 1
    assert "duplicate" in out


@pytest.mark.parametrize("kept", [True, False])
def test_a_write_key_is_compared_through_the_mask(run_cli, record, scenario, kept):
    recording = record("out.yaml", "Email Opened", keep_write_keys=kept)
    assert (KEY in recording.read_text()) is kept
    for key, code in ((KEY, 0), (KEY[:-1] + "1", 1)):
        wanted = scenario(f"expect:\n  - track: Email Opened\n    writeKey: {key}\n")
        assert run_cli("verify", wanted, recording)[0] == code


def test_masked_and_unmasked_recordings_go_together(run_cli, record, scenario):
    wanted = scenario(f"expect:\n  - track: E\n    writeKey: {KEY}\n    times: 2\n")
    recordings = record("a.yaml", "E"), record("b.yaml", "E", keep_write_keys=True, minute=1)
    assert run_cli("verify", wanted, *recordings)[0] == 0


def test_a_named_source_is_asserted_by_its_name(run_cli, record, scenario):
    recording = record("out.yaml", "Email Opened", source=(f"email-prod={KEY}",))
    for name, code in (("email-prod", 0), ("email-test", 1)):
        wanted = scenario(f"expect:\n  - track: Email Opened\n    source: {name}\n")
        assert run_cli("verify", wanted, recording)[0] == code


def test_json_says_the_same(run_cli, record, scenario):
    code, out, _ = run_cli(
        "verify", "--format", "json", scenario(OPENED), record("out.yaml", "Other")
    )
    data = json.loads(out)
    assert (code, data["exit_code"], data["status"]) == (1, 1, "unmet")


def test_the_same_recording_gives_the_same_report(run_cli, record, scenario):
    files = scenario(OPENED), record("out.yaml", "Other", {"event": ""})
    assert run_cli("verify", *files) == run_cli("verify", *files)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("expects:\n  - track: A\n", 'did you mean "expect"'),
        ("name: nothing\n", "expect"),
        ("expect:\n  - trak: A\n", 'did you mean "track"'),
        ("expect:\n  - track: 404\n", "quote"),
        ("expect: [\n", "scenario.yaml:"),
        ("expect:\n  - track: A\n    userId: $user\n", "no variable"),
    ],
)
def test_a_mistake_in_a_scenario_has_its_place(run_cli, record, scenario, text, words):
    code, out, err = run_cli("verify", scenario(text), record("out.yaml"))
    assert (code, out) == (2, "")
    assert words in err
    assert "scenario.yaml:" in err


@pytest.mark.parametrize("missing", ["scenario", "recording"])
def test_both_kinds_of_files_are_needed(run_cli, record, scenario, missing):
    given = record("out.yaml") if missing == "scenario" else scenario(OPENED)
    code, _, err = run_cli("verify", given)
    assert code == 2
    assert f"no {missing}" in err


def test_a_file_that_is_neither_says_what_it_is(run_cli, record, tmp_path):
    path = tmp_path / "har.json"
    path.write_text('{"log": {}}')
    code, _, err = run_cli("verify", path, record("out.yaml"))
    assert code == 2
    assert "har.json" in err


def test_it_never_imports_mitmproxy(record, scenario):
    script = (
        "import sys; from pixel_emulator.cli.program import main; code = main(sys.argv[1:]); "
        "heavy = {'mitmproxy', 'cryptography'}; "
        "sys.exit(code or 9 * any(name.split('.')[0] in heavy for name in sys.modules))"
    )
    files = map(str, (scenario(OPENED), record("out.yaml", "Email Opened")))
    done = subprocess.run(
        [sys.executable, "-c", script, "verify", *files], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_value_is_given_to_a_variable(run_cli, record, scenario):
    files = scenario("let: [user]\nexpect: [{track: E, userId: $user}]\n"), record("o.yaml", "E")
    assert run_cli("verify", *files)[0] == 0
    assert run_cli("verify", "--let", "user=user_1", *files)[0] == 0
    assert run_cli("verify", "--let", "user=user_2", *files)[0] == 1
    code, _, err = run_cli("verify", "--let", "usr=user_1", *files)
    assert code == 2
    assert 'did you mean "user"' in err


def test_junit_says_the_same(run_cli, record, scenario):
    code, out, _ = run_cli("verify", "--format", "junit", scenario(OPENED), record("o.yaml"))
    assert code == 1
    assert out.startswith("<?xml")
    assert "<failure" in out


@pytest.mark.parametrize(
    ("name", "begins"), [("r.xml", "<?xml"), ("r.json", "{"), ("r.txt", "FAIL")]
)
def test_a_report_is_written_beside_what_is_shown(
    run_cli, record, scenario, tmp_path, name, begins
):
    report = tmp_path / name
    files = scenario(OPENED), record("o.yaml")
    code, out, _ = run_cli("verify", *files, "--report", report)
    assert (code, out[:4]) == (1, "FAIL")
    assert report.read_text().startswith(begins)


def test_a_report_never_takes_the_place_of_a_file_that_is_read(run_cli, record, scenario):
    wanted = scenario('{"expect": []}', "scenario.json")
    code, _, err = run_cli("verify", wanted, record("o.yaml"), "--report", wanted)
    assert code == 2
    assert "one of the files to be read" in err
    assert wanted.read_text() == '{"expect": []}'


def test_calls_of_one_recording_keep_their_order_whatever_their_times(run_cli, record, scenario):
    """With `given.clock` they may go back."""
    wanted = scenario("order: listed\nexpect: [{track: A}, {track: B}, {track: C}]\n")
    first = record("a.yaml", "A", minute=5)
    text = first.read_text()
    second = record("b.yaml", "B", "C", minute=9)
    back = second.read_text().replace("09:09:01", "09:08:01")
    second.write_text(back)
    assert text != back
    assert run_cli("verify", wanted, first, second)[0] == 0


def test_a_recording_is_a_scenario_read_literally(run_cli, record):
    golden = record("golden.yaml", "Email Opened", "$5 ${off}")
    again = record("again.yaml", "$5 ${off}", "Email Opened")
    other = record("other.yaml", "Email Opened", "$6 ${off}")
    assert run_cli("verify", "--scenario", golden, golden)[0] == 0
    assert run_cli("verify", "--scenario", golden, again)[0] == 0
    code, out, _ = run_cli("verify", "--scenario", golden, other)
    assert (code, "track: $5 ${off}   wanted 1, got 0" in out) == (1, True)


def test_a_recording_that_may_lack_calls_is_no_scenario(run_cli, record):
    golden = record("golden.yaml", "Email Opened", closed=False)
    code, _, err = run_cli("verify", "--scenario", golden, record("again.yaml", "Email Opened"))
    assert (code, "is no scenario" in " ".join(err.split())) == (2, True)


TAGGED = "name: {0}\ntags: [{0}]\nexpect:\n  - track: {1}\n"


@pytest.mark.parametrize(
    ("tags", "code", "message"),
    [
        ((), 1, "Other"),
        (("good",), 0, "PASS"),
        (("!bad",), 0, "PASS"),
        (("bad",), 1, "Other"),
        (("god",), 3, 'no scenario has this tag (did you mean "good"?)'),
        (("good", "!good"), 3, "no scenario is chosen"),
    ],
)
def test_scenarios_are_chosen_by_tag(run_cli, record, scenario, tags, code, message):
    scenario(TAGGED.format("good", "Email Opened"), "good.yaml")
    folder = scenario(TAGGED.format("bad", "Other"), "bad.yaml").parent
    options = [word for tag in tags for word in ("--tag", tag)]
    recording = record("out.yaml", "Email Opened")
    actual, out, err = run_cli("verify", folder, recording, *options)
    assert actual == code
    assert message in out + err


def test_a_scenario_that_is_given_twice_does_not_compete_with_itself(run_cli, record, scenario):
    path = scenario(OPENED)
    assert run_cli("verify", path, path, record("out.yaml", "Email Opened"))[0] == 0


def test_a_folder_without_scenarios_is_no_pass(run_cli, record, tmp_path):
    recording = record("out.yaml", "Email Opened")
    code, _, err = run_cli("verify", tmp_path, recording)
    assert code == 2
    assert "holds no scenario" in err


def test_the_help_lists_every_report_format():
    texts = {parameter.name: getattr(parameter, "help", "") for parameter in verify.params}
    assert texts["output"] == "text, json or junit."
    assert texts["report"] == "Write the verdict to a file: FILE.txt, FILE.json or FILE.xml."
    assert all(name in texts["output"] for name in FORMATS)
    assert all(format.suffix in texts["report"] for format in FORMATS.values())
