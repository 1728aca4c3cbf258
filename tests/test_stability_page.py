"""docs/stability.md: the names and numbers that it calls stable are those of the program."""

import re
from pathlib import Path

import pytest
import yaml

from pixel_emulator.cli.terminal import ExitCode
from pixel_emulator.core.model import RuleSource, Severity
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.recordings.recording import VERSION
from pixel_emulator.pytest_plugin import fixtures
from pixel_emulator.pytest_plugin.options import MARKS
from tests.files.test_recording_stream import write

PAGE = (Path(__file__).parents[1] / "docs" / "stability.md").read_text(encoding="utf-8")


def names_of(row):
    """Return the names in code style in the row of a table."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {row} |"))
    return set(re.findall(r"`(\w+)`", line))


def test_the_fixtures_are_those_of_the_plugin():
    made = {
        name for name, value in vars(fixtures).items() if "FixtureFunction" in type(value).__name__
    }
    assert names_of("fixtures") == made


def test_the_marks_are_those_of_the_plugin():
    assert names_of("marks") == {mark.partition("(")[0] for mark in MARKS}


def test_the_exit_codes_are_ours():
    rows = re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)
    assert [int(row) for row in rows] == [code.value for code in ExitCode]


def test_the_format_is_that_of_recordings():
    assert f"`pixel_recording: {VERSION}`" in PAGE


def test_there_are_ten_drop_codes():
    drops = [rule for rule in RULES.values() if rule.severity is Severity.DROP]
    assert len(drops) == 10
    assert {rule.source for rule in drops} == {RuleSource.DOCUMENTED}
    assert "the ten drop codes" in PAGE


@pytest.fixture
def recorded(tmp_path):
    """A recording with one call, as text, and the file of a scenario that it meets."""
    scenario = tmp_path / "met.yaml"
    scenario.write_text("expect: [{track: E}]\n")
    return write(tmp_path / "calls.yaml", {"event": "E", "userId": "u"}), scenario


def test_a_reader_ignores_keys_that_it_does_not_know(recorded, tmp_path, run_cli):
    text, scenario = recorded
    newer = text.replace("\nrun:", "\nnew_key: 5\nrun:").replace(
        "\n      outcome:", "\n      new_field: 7\n      outcome:"
    )
    assert yaml.safe_load(newer)["new_key"] == 5
    assert yaml.safe_load(newer)["exchanges"][0]["calls"][0]["new_field"] == 7
    (tmp_path / "newer.yaml").write_text(newer)
    assert run_cli("verify", scenario, tmp_path / "newer.yaml")[0] == ExitCode.MET


def test_a_newer_format_is_refused(recorded, tmp_path, run_cli):
    text, scenario = recorded
    newer = text.replace(f"pixel_recording: {VERSION}", f"pixel_recording: {VERSION + 1}")
    (tmp_path / "newer.yaml").write_text(newer)
    code, _, err = run_cli("verify", scenario, tmp_path / "newer.yaml")
    assert code == ExitCode.MISUSED
    assert "upgrade pixel-emulator" in err


def test_an_unknown_key_of_a_scenario_is_refused(recorded, tmp_path, run_cli):
    _, scenario = recorded
    scenario.write_text("expect: [{track: E}]\nnew_key: 5\n")
    code, _, err = run_cli("verify", scenario, tmp_path / "calls.yaml")
    assert code == ExitCode.MISUSED
    assert "new_key" in err
