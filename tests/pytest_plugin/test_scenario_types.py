"""The types of scenarios in Python: their keys, and what type checkers say of tests."""

import ast
import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import get_args

import pytest

from pixel_emulator.core.parser.vocabulary import (
    EXPECTATION,
    FILE,
    FORBIDDEN,
    GIVEN,
    PATTERN,
    REQUEST,
    SCENARIO,
    STEP,
)
from pixel_emulator.core.scenarios.scenario import Order
from pixel_emulator.pytest_plugin import scenario_types
from pixel_emulator.pytest_plugin.scenario_types import (
    CallDict,
    CallFields,
    CallPattern,
    DeniedContent,
    ExpectedCall,
    GivenDict,
    RequestFacts,
    ScenarioDict,
    StepDict,
)
from pixel_emulator.snippets import pixels
from tests.manual import blocks_of


def test_the_types_have_the_keys_of_the_language():
    call = EXPECTATION.keys()
    assert CallDict.__annotations__.keys() == call
    assert CallFields.__annotations__.keys() == PATTERN.keys()
    assert ExpectedCall.__annotations__.keys() == call - {"id", "after", "within", "one-of"} | {
        "one_of"
    }
    assert CallPattern.__annotations__.keys() == ExpectedCall.__annotations__.keys() - {"times"}
    assert ScenarioDict.__annotations__.keys() == SCENARIO.keys() | FILE.keys()
    for words, keys in (
        (StepDict, STEP),
        (GivenDict, GIVEN),
        (RequestFacts, REQUEST),
        (DeniedContent, FORBIDDEN),
    ):
        assert words.__annotations__.keys() == keys.keys()
    assert {*get_args(ScenarioDict.__annotations__["order"])} == {*Order}


def test_the_client_for_playwright_has_the_same_types():
    def types(module):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        nodes = [*tree.body]
        first = next(n for n, node in enumerate(nodes) if isinstance(node, ast.TypeAlias))
        last = next(
            n for n, node in enumerate(nodes) if getattr(node, "name", "") == "ScenarioDict"
        )
        return [ast.dump(node) for node in nodes[first : last + 1]]

    assert len(types(scenario_types)) > 10
    assert types(scenario_types) == types(pixels)


def test_the_client_in_typescript_has_the_keys_of_the_language():
    text = (Path(str(pixels.__file__)).parent / "pixels.ts").read_text(encoding="utf-8")

    def keys(name):
        body = text.partition(f"export interface {name} ")[2].partition("\n}")[0]
        return {*re.findall(r'^  "?([\w-]+)"?\?:', body, re.MULTILINE)}

    assert keys("CallFields") == PATTERN.keys()
    assert keys("CallFields") | keys("ExpectedCall") == EXPECTATION.keys()
    assert keys("RequestFacts") == REQUEST.keys()
    assert keys("Step") == STEP.keys()
    assert keys("Scenario") == SCENARIO.keys() | FILE.keys()


RIGHT = """
    import re
    from unittest.mock import ANY
    from dirty_equals import IsPositive, IsStr
    from pixel_emulator.pytest_plugin import Pixels, ScenarioDict

    def test_right(pixels: Pixels) -> None:
        pixels.expect(track="A", userId=IsStr(), properties={"n": int, "m": pixels.absent}, times=2)
        pixels.expect(page=None, request={"form": "flat"}, timestamp="$now")
        pixels.expect(one_of=[{"track": re.compile("a")}, {"page": ANY}], times="1..")
        pixels.expect(dropped=True)
        pixels.expect(dropped="bad_request")
        call = pixels.wait_for(track="A", timeout=1)
        assert call["properties"]["n"] == call.payload["properties"]["n"] == 1
        assert pixels.state["u1"]["traits"]["plan"] == "pro"
        pixels.expecting("a.yaml", user="u1")
        pixels.expecting({"track": "A", "id": "a", "properties": {"n": IsPositive}})
        pixels.expecting([{"track": "A"}, {"one-of": [{"page": "B"}]}])
        pixels.expecting(
            {
                "order": "listed",
                "within": "2s",
                "expect": [{"track": "A", "after": "a", "within": "1s"}],
                "never": [{"track": "B"}],
                "deny": [{"contains": "$email", "except": ["traits.email"]}],
                "state": {"u1": {"traits": {"plan": "pro"}}},
                "damaged": {"accept": ["raw_json"]},
                "unexpected": "same-event",
            }
        )
        scenario: ScenarioDict = {"steps": [{"name": "a", "expect": [{"track": "A"}]}]}
        pixels.expecting(scenario)
"""
WRONG = """
    from pixel_emulator.pytest_plugin import Pixels

    def test_wrong(pixels: Pixels) -> None:
        pixels.expect(trakc="A")
        pixels.expect(track="A", request={"from": "flat"})
        pixels.wait_for(track="A", times=2)
        pixels.expecting({"expect": [{"track": "A"}], "ordr": "any"})
        pixels.expecting({"expect": [{"track": "A"}], "order": "sorted"})
        pixels.expecting({"track": "A", "propertis": {}})
"""
CHECKERS = {
    "mypy": (sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir=.mypy"),
    "pyright": (
        shutil.which("pyright", path=str(Path(sys.executable).parent)) or "pyright",
        "--pythonpath",
        sys.executable,
    ),
}


# What an example leaves to its reader.
INCOMPLETE = ("name-defined", "reportUndefinedVariable", "import-not-found", "reportMissingImports")


def errors(checker, path, text, *arguments, mode="strict"):
    """Check a module; return the errors by their lines."""
    path.write_text(text)
    (path.parent / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": mode}))
    done = subprocess.run(
        [*CHECKERS[checker], *arguments, path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(rf"{path.name}:(\d+):.*?error: (.*)", done.stdout)
    return {
        int(line): what
        for line, what in found
        if not what.endswith(tuple(f"{name}{end}" for name in INCOMPLETE for end in ")]"))
    }


@pytest.mark.thorough
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_type_checker_knows_each_key(checker, tmp_path):
    strict = ("--strict",) if checker == "mypy" else ()
    assert errors(checker, tmp_path / "test_right.py", textwrap.dedent(RIGHT), *strict) == {}
    wrong = errors(checker, tmp_path / "test_wrong.py", textwrap.dedent(WRONG), *strict)
    assert [*wrong] == [5, 6, 7, 8, 9, 10], wrong


@pytest.mark.thorough
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_type_checker_accepts_the_examples(checker, tmp_path):
    blocks = [block for block in blocks_of("pytest.md") if block.kind == "python"]
    assert len(blocks) >= 6
    arguments = ("--check-untyped-defs",) if checker == "mypy" else ()
    texts = []
    for number, block in enumerate(blocks):
        annotated = re.sub(
            r"(?m)^((?:async )?def test_.*\bpixels)([,)])", r"\1: Pixels\2", block.text
        )
        text = f"from pixel_emulator.pytest_plugin import Pixels\n{annotated}"
        texts.append(text)
        found = errors(checker, tmp_path / f"test_{number}.py", text, *arguments, mode="basic")
        assert found == {}, block.place
    assert sum("pixels: Pixels" in text for text in texts) >= 6
