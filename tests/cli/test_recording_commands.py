"""`recording show`, `recording state` and `recording migrate`."""

import json
from typing import Any

import pytest

from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY
from tests.recordings import old_layout, write_recording

CALLS = [
    ("page", {"userId": None, "anonymousId": "v", "name": "Home"}),
    ("identify", {"anonymousId": "v", "traits": {"plan": "pro"}}),
    ("track", {"event": "Opened", "properties": {"total": 49.9}}),
    ("track", {"event": "Lost", "userId": None}),
]
STATE = {
    "user_1": {
        "traits": {"plan": "pro"},
        "anonymousIds": ["v"],
        "previousIds": [],
        "groups": {},
        "events": {"Opened": 1},
    }
}


@pytest.fixture
def recording(tmp_path):
    return write_recording(tmp_path / "calls.yaml", *CALLS)


def test_state_is_yaml_and_can_be_given_again(run_cli, recording, tmp_path):
    code, out, err = run_cli("recording", "state", recording)
    assert (code, err) == (0, "")
    assert parse_document(out, "state.yaml").data == STATE
    (tmp_path / "state.yaml").write_text(out)
    again = run_cli("recording", "state", "--given", tmp_path / "state.yaml", recording)[1]
    assert "Opened: 2" in again


def test_state_as_json(run_cli, recording):
    assert json.loads(run_cli("recording", "state", "--format", "json", recording)[1]) == STATE


def test_several_recordings_are_one_run(run_cli, recording, tmp_path):
    alias = ("alias", {"userId": "user_9", "previousId": "user_1"})
    other = write_recording(tmp_path / "other.yaml", alias)
    data: Any = parse_document(run_cli("recording", "state", recording, other)[1], "s.yaml").data
    assert list(data) == ["user_9"]


def test_state_of_an_open_recording_is_incomplete(run_cli, tmp_path):
    path = write_recording(tmp_path / "open.yaml", *CALLS, closed=False)
    code, out, err = run_cli("recording", "state", path)
    assert code == 3
    assert "plan: pro" in out
    assert "has no `end`" in err
    assert run_cli("recording", "state", "--allow-open", path)[0] == 0


def test_a_trait_that_nests_deep_is_shown_as_json(run_cli, tmp_path):
    deep: object = 1
    for _ in range(2_000):
        deep = [deep]
    traits = {"deep": deep, "plan": "pro"}
    path = write_recording(tmp_path / "deep.yaml", ("identify", {"traits": traits}), form="json")
    code, out, _ = run_cli("recording", "state", path)
    assert code == 0
    assert f'deep: "{"[" * 2_000}1' in out
    assert "plan: pro" in out


def test_show_explains_a_call_with_its_whole_url(run_cli, recording):
    code, out, err = run_cli("recording", "show", recording, 4, 3)
    assert (code, err) == (0, "")
    fourth, third = out.split("#3")
    assert fourth.startswith("#4  dropped    track")
    assert "no_user_anon_id" in fourth
    assert "\n  GET https://api.segment.io/v1/pixel/track?data=" in third
    assert "total: 49.9" in third
    assert KEY not in out


def test_show_without_numbers_shows_all(run_cli, recording):
    out = run_cli("recording", "show", recording)[1]
    assert [line[:2] for line in out.splitlines() if line.startswith("#")] == [
        f"#{n}" for n in range(1, 5)
    ]


def test_show_as_json_gives_the_entries(run_cli, recording):
    out = run_cli("recording", "show", "--format", "json", recording, 1, 2)[1]
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "{}", "9"], "has no call 9; its calls are 1 to 4"),
        (["show", "{}", "x"], "'x' is not a valid int"),
        (["show", "nowhere.yaml"], "cannot read"),
        (["show", "--format", "yaml", "{}"], "is not one of text, json"),
        (["state", "--format", "xml", "{}"], "is not one of yaml, json"),
        (["state", "{}", "{}"], "its calls would count twice"),
        (["state", "--given", "{given}", "{}"], "given.yaml:1:5: u.trait: "),
    ],
)
def test_mistakes(run_cli, recording, tmp_path, arguments, words):
    given = tmp_path / "given.yaml"
    given.write_text("u: {trait: {}}\n")
    files = {"{given}": given, "{}": recording}
    filled = [files.get(argument, argument) for argument in arguments]
    code, out, err = run_cli("recording", *filled)
    assert (code, out) == (2, "")
    assert words in err


def test_a_recording_without_calls_has_none_to_show(run_cli, tmp_path):
    path = write_recording(tmp_path / "none.yaml")
    assert run_cli("recording", "show", path)[:2] == (0, "")
    assert "has no calls" in run_cli("recording", "show", path, 1)[2]


def test_values_from_the_wire_are_escaped_for_the_terminal(run_cli, tmp_path):
    call = ("identify", {"userId": "\x1b[31m", "traits": {"\x07": "\u202e"}})
    path = write_recording(tmp_path / "odd.yaml", call)
    for command in ("show", "state"):
        assert not set("\x1b\x07\u202e") & set(run_cli("recording", command, path)[1])


@pytest.fixture
def old(recording):
    """The recording in the old layout, and its text in today's."""
    text = recording.read_text()
    recording.write_text(old_layout(text))
    return recording, text


def test_an_old_recording_is_refused_by_every_command_and_named_how_to_rewrite_it(
    run_cli, old, tmp_path
):
    path, _ = old
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("expect: []\n")
    for command in (["verify", scenario], ["recording", "show"], ["recording", "state"]):
        code, out, err = run_cli(*command, path)
        assert (code, out) == (2, "")
        assert "`pixel-emulator recording migrate FILE`" in err
        assert err.count("\n") == 1


def test_migrate_rewrites_in_place_and_says_so(run_cli, old):
    path, text = old
    assert run_cli("recording", "migrate", path) == (
        *(0, ""),
        f"pixel-emulator: {path} is rewritten\n",
    )
    assert path.read_text() == text
    assert run_cli("recording", "migrate", path) == (
        *(0, ""),
        f"pixel-emulator: {path} is in today's layout already: nothing is written\n",
    )


def test_migrate_writes_a_new_file_for_one_recording(run_cli, old, tmp_path):
    path, text = old
    output = tmp_path / "new.yaml"
    code, _, err = run_cli("recording", "migrate", path, "--output", output)
    assert (code, err) == (0, f"pixel-emulator: {path} is rewritten to {output}\n")
    assert output.read_text() == text
    assert path.read_text() != text
    code, _, err = run_cli("recording", "migrate", path, path, "--output", output)
    assert code == 2
    assert "--output: give one recording" in err


def test_migrate_rewrites_what_it_can_and_names_the_rest(run_cli, old, tmp_path):
    path, text = old
    other = tmp_path / "scenario.yaml"
    other.write_text("expect: []\n")
    code, _, err = run_cli("recording", "migrate", other, path)
    assert code == 2
    assert f"{path} is rewritten" in err
    assert f"{other}:1:1: is a scenario; a recording begins with" in err
    assert path.read_text() == text
