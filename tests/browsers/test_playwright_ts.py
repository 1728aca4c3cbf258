"""The printed TypeScript file, by Playwright's own runner: what it says passes, and what fails.

The failing output is a golden file: run with PIXEL_GOLDEN=update to rewrite it, and read it.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.programs import (
    CHROMIUM,
    NODE,
    NODE_MODULES,
    SERVE,
    needs_chromium,
    needs_playwright_test,
)

pytestmark = [needs_playwright_test, needs_chromium, pytest.mark.thorough]

SPECS = Path(__file__).parent / "specs"
GOLDEN = Path(__file__).parents[1] / "cases" / "playwright" / "fails.txt"
SIGNUP = "scenarios/signup.yaml"
PLAYWRIGHT = "node_modules/@playwright/test/cli.js"
# Only these are fit for another machine: colours and CI change what the runner prints.
KEPT = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT")


def names(spec):
    return re.findall(r'^test\("(.*?)"', (SPECS / spec).read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder as a user has it: the specs, the printed file, node_modules."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(SPECS, folder, dirs_exist_ok=True)
    printed = subprocess.check_output([*SERVE[:3], "client", "playwright-ts"])
    (folder / "pixels.ts").write_bytes(printed)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return folder


@pytest.fixture(scope="module")
def environ(served, site):
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "PIXEL_EMULATOR_CONTROL": served["control"],
        "PIXEL_EMULATOR_TOKEN": served["token"],
        "SITE": site,
        "BROWSER": CHROMIUM,
        "SERVE": " ".join(SERVE),
    }


def ran(project, environ, *command):
    return subprocess.run(
        [NODE, *command], cwd=project, env=environ, capture_output=True, text=True, check=False
    )


def outcomes(project):
    """The status of each test of the last run, by its name."""
    report = json.loads((project / "results.json").read_text())
    return {
        spec["title"]: spec["tests"][0]["results"][-1]["status"]
        for suite in report["suites"]
        for spec in suite["specs"]
    }


@pytest.fixture(scope="module")
def met(project, environ):
    done = ran(project, environ, PLAYWRIGHT, "test", "meets.spec.ts")
    return outcomes(project), done.stdout


@pytest.fixture(scope="module")
def failed(project, environ):
    done = ran(project, environ, PLAYWRIGHT, "test", "fails.spec.ts")
    return outcomes(project), done.stdout


def test_the_printed_file_and_its_users_are_of_strict_types(project):
    done = ran(project, os.environ, "node_modules/typescript/bin/tsc", "-p", ".")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", names("meets.spec.ts"))
def test_what_passes(met, name):
    statuses, said = met
    assert statuses[name] == "passed", said


@pytest.mark.parametrize("name", names("fails.spec.ts"))
def test_what_fails(failed, name):
    statuses, said = failed
    assert statuses[name] == "failed", said


@pytest.mark.parametrize(
    ("script", "arguments", "code", "said"),
    [
        ("plain.ts", ["/signup", SIGNUP], 0, "met"),
        ("plain.ts", ["/empty", SIGNUP], 1, "track: Signed Up   wanted 1, got 0"),
        ("plain.ts", ["/signup", "scenarios/mistaken.yaml"], 1, "trak: no such key here"),
        ("forgetful.ts", ["/empty"], 0, "closed"),
        ("forgetful.ts", ["/signup"], 1, "1 call that no expectation matches"),
    ],
)
def test_node_runs_it_as_it_is(project, environ, script, arguments, code, said):
    done = ran(project, environ, script, *arguments)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_the_failing_output_reads_as_it_was_approved(failed):
    out = normalised(failed[1])
    if os.environ.get("PIXEL_GOLDEN") == "update":
        GOLDEN.write_text(out)
    assert out == GOLDEN.read_text()


def normalised(text):
    """What stays the same from run to run."""
    start = text.index("\n  1) ")
    kept = "\n".join(line.rstrip() for line in text[start:].splitlines()) + "\n"
    for pattern, words in (
        (r"/\S*?/(?=[\w.-]*\.(?:spec\.)?(?:ts|yaml|json)\b)", "/project/"),
        (r"\d\d:\d\d:\d\d\.\d{3}Z", "09:00:00.000Z"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
        (r"pixel-emulator-\d+", "pixel-emulator-1000"),
        (r"\b\d+ ms\b|\b\d\.\d s\b", "10 ms"),
        (r"^\n    Error Context: .*\n", ""),
    ):
        kept = re.sub(pattern, words, kept, flags=re.MULTILINE)
    return kept
