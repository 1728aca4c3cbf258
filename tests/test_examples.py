"""The examples: each is met by what it does, live and offline, and by nothing less."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pixel_emulator.cli.demo import folder, samples
from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import KEPT, CallType, Payload
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.files.scenario_loader import load_scenarios
from tests.programs import needs_curl

FILES = {path.stem: path for path in sorted(folder().glob("*.yaml"))}
MAILS = {sample.name for sample in samples()}  # `demo` opens these
SHARED = {"shop_terms"}  # definitions only
WRITE_KEY = "wk_test_0000000000000000"
ACTING = sorted(FILES.keys() - MAILS - SHARED - {"one_line"})


def test_there_are_a_dozen_and_each_says_what_it_is_about():
    assert len(FILES) >= 12
    assert [name for name, path in FILES.items() if not path.read_text().startswith("# ")] == []


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The recording of an example that was run and met."""
    made: dict[str, Path] = {}

    def record(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name) / "calls.yaml"
            emulator = [sys.executable, "-m", "pixel_emulator", "run", "--record", str(made[name])]
            command = [] if name in ACTING else ["--", *fire_one()]
            done = subprocess.run(
                [*emulator, "--scenario", str(FILES[name]), *command],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert done.stderr.startswith("PASS"), done.stderr
        return made[name]

    return record


def fire_one() -> list[str]:
    payload: Payload = {
        "writeKey": "wk_test_0000000000000000",
        "userId": "u",
        "event": "Email Opened",
    }
    return ["curl", "-sS", "-o", os.devnull, encode(CallType.TRACK, payload)]


@needs_curl
def test_the_one_line_case(recorded, run_cli):
    code, out, _ = run_cli("verify", FILES["one_line"], recorded("one_line"))
    assert (code, out[:4]) == (0, "PASS")


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("name", ACTING)
def test_an_example_is_met_by_its_own_recording(name, recorded, run_cli):
    code, out, _ = run_cli("verify", FILES[name], recorded(name))
    assert code == 0, out


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("name", ACTING)
def test_an_example_needs_every_call_that_it_expects(name, recorded):
    scenarios = load_scenarios([FILES[name]])
    whole = read_recording(recorded(name)).evidence()
    kept = [hit for hit in whole.hits if hit.outcome in KEPT]
    assert kept
    for missing in kept:
        less = tuple(hit for hit in whole.hits if hit is not missing)
        assert verify(scenarios, replace(whole, hits=less)).exit_code == 1, missing.call


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("name", ACTING)
def test_an_example_passes_on_no_other_recording(name, recorded):
    other = next(other_name for other_name in ACTING if other_name != name)
    verdict = verify(load_scenarios([FILES[name]]), read_recording(recorded(other)).evidence())
    assert verdict.exit_code == 1
