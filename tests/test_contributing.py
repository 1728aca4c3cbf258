"""Every file and folder that CONTRIBUTING.md names exists, and so does every name in its files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = re.findall(r"(?:pixel_emulator|tests|docs|findings|\.ci)/[\w/.-]*\w/?|\b[A-Z]+\.md\b", TEXT)
# Names in the code that the steps mention, with the module or test file that holds each.
NAMES = {
    "Decoder": "pixel_emulator/core/endpoint/decoder.py",
    "ROWS": "pixel_emulator/core/endpoint/routes.py",
    "bad_request": "pixel_emulator/core/problems/messages.py",
    "_INFERRED": "pixel_emulator/core/problems/messages.py",
    "CASES": "tests/core/problems/test_classify.py",
    "ACTIONS": "pixel_emulator/core/parser/vocabulary.py",
    "Action": "pixel_emulator/core/scenarios/scenario.py",
    "_READERS": "pixel_emulator/core/parser/step.py",
    "_action": "pixel_emulator/core/schemas/scenario_schema.py",
    "_perform": "pixel_emulator/runner/actions.py",
    "Failure": "pixel_emulator/runner/actions.py",
    "missing_files": "pixel_emulator/runner/actions.py",
    "sends_only_by_itself": "pixel_emulator/runner/actions.py",
    "MAIL_CLIENTS": "pixel_emulator/core/scenarios/mail_clients.py",
    "_USER_AGENTS": "pixel_emulator/core/scenarios/mail_clients.py",
    "AGENTS": "tests/core/scenarios/test_request_facts.py",
    "_NegatedPredicate": "pixel_emulator/core/matching/predicates.py",
    "test_what_is_not_emulated_any_more_is_not_sent": "tests/runner/test_actions.py",
    "test_every_client_has_a_case": "tests/core/scenarios/test_request_facts.py",
    "FORMATS": "pixel_emulator/core/report/formats.py",
    "Verdict": "pixel_emulator/core/verification/verdict.py",
}


@pytest.mark.parametrize("file", sorted({file for file in FILES if "NAME" not in file}))
def test_each_file_that_is_named_exists(file):
    assert (ROOT / file).exists()


def test_the_recipes_name_files():
    assert len(set(FILES)) > 30


@pytest.mark.parametrize("name", NAMES)
def test_each_name_stands_in_its_file(name):
    assert f"`{name}`" in TEXT
    assert name in (ROOT / NAMES[name]).read_text(encoding="utf-8")


def test_each_test_with_a_golden_file_is_named():
    golden = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "tests").rglob("test_*.py")
        if file != Path(__file__) and "PIXEL_GOLDEN" in file.read_text(encoding="utf-8")
    }
    assert {file for file in golden if f"`{file}`" not in TEXT} == set()
