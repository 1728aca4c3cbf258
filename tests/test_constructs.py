"""Every construct of the language: a value with which it is met, and one with which it is not.

The cases are data, in `cases/constructs/`; what they leave out of the grammar is red here.
"""

from pathlib import Path
from typing import Any

import pytest

from pixel_emulator.core.errors import InputError, SelectionError
from pixel_emulator.core.parser import vocabulary
from pixel_emulator.core.scenarios.model import select_by_tags
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.scenario_loader import load_scenarios
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import from_data
from tests.programs import needs_curl
from tests.recordings import write_recording
from tests.scenario_emulator import ScenarioEmulator

_FOLDER = Path(__file__).parent / "cases" / "constructs"
_ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_LEFT_OUT = object()


def read(name) -> Any:
    return parse_document((_FOLDER / name).read_text(), name).data


OFFLINE = read("offline.yaml")
LIVE = read("live.yaml")
NAMES = [each["construct"].split(":")[0] for each in (*OFFLINE, *LIVE)]

SECTIONS = {
    "file": vocabulary.FILE,
    "scenario": vocabulary.SCENARIO,
    "step": vocabulary.STEP,
    "line": vocabulary.CALL_LINES,
    # tests/core/test_every_field.py has the fields of a call and the facts of its request.
    "pattern": [
        key for key in vocabulary.PATTERN if key not in {*vocabulary.CALL_LINES, *vocabulary.FIELDS}
    ],
    "timing": vocabulary.TIMING,
    "expectation": [
        key
        for key in vocabulary.EXPECTATION
        if key not in {*vocabulary.PATTERN, *vocabulary.TIMING}
    ],
    "action": vocabulary.ACTIONS,
    "given": vocabulary.GIVEN,
    "denial": vocabulary.FORBIDDEN,
}


@pytest.mark.parametrize("section", SECTIONS)
def test_no_key_of_the_grammar_is_left_out(section):
    found = {name.split(" ")[1] for name in NAMES if name.startswith(f"{section} ")}
    assert found == {*SECTIONS[section]} | ({"writeKey"} if section == "pattern" else set())


def test_no_construct_is_there_twice():
    named = [each["construct"] for each in (*OFFLINE, *LIVE)]
    assert len(named) == len(set(named))


def filled(data, value):
    """The data with the value where HERE is; a key whose value is left out is not there."""
    if isinstance(data, dict):
        pairs = ((key, filled(each, value)) for key, each in data.items())
        return {key: each for key, each in pairs if each is not _LEFT_OUT}
    if isinstance(data, list):
        return [filled(each, value) for each in data]
    return (_LEFT_OUT if value == "~" else value) if data == "HERE" else data


def scenario_of(case, value):
    """The scenario with this value, as the text of a file."""
    return json_codec.write(filled(case["scenario"], value))


def write_files(folder, case):
    """Write what the scenario names."""
    for name, data in case.get("files", {}).items():
        (folder / name).write_text(data if isinstance(data, str) else json_codec.write(data))
    for name, events in case.get("recordings", {}).items():
        write_recording(folder / name, *(("track", {"event": each}) for each in events))


def written(case, value):
    """The scenario with this value and all that it names, as files in the current folder."""
    write_files(Path(), case)
    Path("s.yaml").write_text(scenario_of(case, value))
    return Path("s.yaml")


def calls_of(case):
    for each in case["calls"]:
        call = {"type": "track", "event": each, "userId": "u"} if isinstance(each, str) else each
        if "step" in call:
            call = {**call, "step": f"s.yaml {_ARROW} {call['step']}"}
        yield call


def offline(case, value):
    try:
        scenarios = load_scenarios([written(case, value), *case.get("beside", ())])
        scenarios = select_by_tags(scenarios, case.get("chosen", ()))
    except SelectionError:
        return 3
    except InputError:
        return 2
    return verify(scenarios, from_data({"calls": list(calls_of(case))})).exit_code


@pytest.mark.parametrize("case", OFFLINE, ids=lambda case: case["construct"])
def test_a_construct_is_met_and_is_not(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert offline(case, case["yes"]) == 0
    assert offline(case, case["no"]) == case.get("no_exit", 1)


@needs_curl
@pytest.mark.parametrize("case", LIVE, ids=lambda case: case["construct"])
def test_a_construct_that_acts_is_met_and_is_not(case, tmp_path):
    write_files(tmp_path, case)
    with ScenarioEmulator(tmp_path) as stage:
        assert stage.run(scenario_of(case, case["yes"])).verdict.exit_code == 0
        assert stage.run(scenario_of(case, case["no"])).verdict.exit_code == 1


REFUSED = [
    (case, text, part)
    for case in (*OFFLINE, *LIVE)
    for text, part in case.get("refused", {}).items()
]


@pytest.mark.parametrize(
    ("case", "text", "part"),
    REFUSED,
    ids=[f"{case['construct']}: {text}" for case, text, _ in REFUSED],
)
def test_a_mistake_is_refused_with_its_place_and_what_is_right(
    case, text, part, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    value: Any = parse_document(f"value: {text}", "").data
    with pytest.raises(InputError) as refused:
        load_scenarios([written(case, value["value"])])
    said = str(refused.value)
    assert said.startswith("s.yaml:1:")
    assert part in said
