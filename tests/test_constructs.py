"""Every construct of the language, with a value that meets it and one that does not.

The cases are data, in `cases/constructs/`; a key of the vocabulary without a case fails here.
"""

from pathlib import Path
from typing import Any

import pytest

from pixel_emulator.core.errors import InputError, SelectionError
from pixel_emulator.core.parser import vocabulary
from pixel_emulator.core.scenarios.scenario import select_by_tags
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
NAMES = [construct["construct"].split(":")[0] for construct in (*OFFLINE, *LIVE)]

SECTIONS = {
    "file": vocabulary.FILE,
    "scenario": vocabulary.SCENARIO,
    "step": vocabulary.STEP,
    "line": vocabulary.CALL_LINES,
    # tests/core/parser/test_call_pattern.py covers the fields of calls and requests.
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
    "forbidden": vocabulary.FORBIDDEN,
}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_the_vocabulary_has_a_construct(section):
    constructs = {name.split(" ")[1] for name in NAMES if name.startswith(f"{section} ")}
    assert constructs == {*SECTIONS[section]} | ({"writeKey"} if section == "pattern" else set())


def test_construct_names_are_unique():
    named = [construct["construct"] for construct in (*OFFLINE, *LIVE)]
    assert len(named) == len(set(named))


def filled(data, value):
    """Return the data with the value in place of HERE; keys without a value are left out."""
    if isinstance(data, dict):
        pairs = ((key, filled(inner, value)) for key, inner in data.items())
        return {key: inner for key, inner in pairs if inner is not _LEFT_OUT}
    if isinstance(data, list):
        return [filled(item, value) for item in data]
    return (_LEFT_OUT if value == "~" else value) if data == "HERE" else data


def scenario_of(case, value):
    """Return the scenario with this value, as the text of a file."""
    return json_codec.write(filled(case["scenario"], value))


def write_files(folder, case):
    """Write the files that the scenario names."""
    for name, data in case.get("files", {}).items():
        (folder / name).write_text(data if isinstance(data, str) else json_codec.write(data))
    for name, events in case.get("recordings", {}).items():
        write_recording(folder / name, *(("track", {"event": event}) for event in events))


def written(case, value):
    """Write the scenario with this value, and the files that it names, to the current folder."""
    write_files(Path(), case)
    Path("s.yaml").write_text(scenario_of(case, value))
    return Path("s.yaml")


def calls_of(case):
    for sent in case["calls"]:
        call = {"type": "track", "event": sent, "userId": "u"} if isinstance(sent, str) else sent
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
def test_a_construct_is_met_and_unmet(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert offline(case, case["yes"]) == 0
    assert offline(case, case["no"]) == case.get("no_exit", 1)


@needs_curl
@pytest.mark.parametrize("case", LIVE, ids=lambda case: case["construct"])
def test_a_construct_with_actions_is_met_and_unmet(case, tmp_path):
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
def test_an_issue_is_reported_with_location_and_advice(case, text, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value: Any = parse_document(f"value: {text}", "").data
    with pytest.raises(InputError) as refused:
        load_scenarios([written(case, value["value"])])
    message = str(refused.value)
    assert message.startswith("s.yaml:1:")
    assert part in message
