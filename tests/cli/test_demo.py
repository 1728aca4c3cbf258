"""`demo`: the whole way, with a browser and without one."""

import pytest

from pixel_emulator.core.model import Outcome
from pixel_emulator.files.read_write import read_recording
from tests.programs import needs_chromium

OUTCOMES = {Outcome.DELIVERED: 4, Outcome.DAMAGED: 1, Outcome.DROPPED: 2}


@pytest.fixture(params=[pytest.param("browser", marks=needs_chromium), "fetch"])
def opener(request, monkeypatch, tmp_path):
    """What opens the mails; without a PATH no browser is found."""
    if request.param == "fetch":
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("PIXEL_EMULATOR_BROWSER", raising=False)
    return request.param


def test_the_demo_is_met_and_says_how_the_mails_were_opened(run_cli, tmp_path, opener):
    recording = tmp_path / "demo.yaml"
    code, out, _ = run_cli("demo", "--record", recording)
    assert code == 0
    assert ("built-in fetch" in out) is (opener == "fetch")
    assert "PASS  4 of 4 scenarios met" in out
    assert "bad_request" in out
    content = read_recording(recording)
    outcomes = [hit.outcome for hit in content.hits]
    assert {outcome: outcomes.count(outcome) for outcome in OUTCOMES} == OUTCOMES
    assert content.evidence().gaps == ()


def test_what_goes_wrong_with_the_browser_is_incomplete_evidence(run_cli, monkeypatch):
    monkeypatch.setenv("PIXEL_EMULATOR_BROWSER", "/bin/false")
    code, out, _ = run_cli("demo")
    assert code == 3
    assert "incomplete:" in out
