"""`demo`: the whole way, with a browser and without one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pixel_emulator.cli.demo import command_name, next_commands
from pixel_emulator.core.model import Outcome
from pixel_emulator.files.read_write import read_recording
from tests.programs import UV, needs_chromium, needs_uv

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


PLACE = str(Path(sys.executable).parent)  # of the program `pixel-emulator`, too
IN_UV_RUN = {"UV": "/bin/uv", "UV_RUN_RECURSION_DEPTH": "1", "VIRTUAL_ENV": sys.prefix}
CLONE = Path(__file__).parents[2]


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("environment", "folder", "name"),
    [
        pytest.param({"PATH": PLACE}, CLONE, "pixel-emulator", id="installed"),
        pytest.param(IN_UV_RUN | {"PATH": PLACE}, CLONE / "docs", "uv run pixel-emulator", id="uv"),
        pytest.param(
            IN_UV_RUN, "/", f"uv run --project {CLONE} pixel-emulator", id="uv run --project"
        ),
        pytest.param(
            IN_UV_RUN | {"PATH": PLACE, "VIRTUAL_ENV": "/elsewhere"},
            CLONE,
            f"{sys.executable} -m pixel_emulator",
            id="uv run of another project",
        ),
        pytest.param(
            {"UV": "/bin/uv", "PATH": PLACE}, CLONE, f"{sys.executable} -m pixel_emulator", id="uvx"
        ),
        pytest.param({}, CLONE, f"{sys.executable} -m pixel_emulator", id="not on PATH"),
    ],
)
def test_the_name_is_what_the_shell_can_run(environment, folder, name, monkeypatch):
    monkeypatch.chdir(folder)
    assert command_name(environment) == name


def test_the_last_lines_name_the_commands_to_try_next():
    assert next_commands({"PATH": PLACE}).splitlines()[2:] == [
        "  pixel-emulator check mail.html   what would become of the pixels in it",
        "  pixel-emulator run -- COMMAND    which calls a command makes",
        "  pixel-emulator serve             a proxy that stays",
    ]


def clean_environment(path):
    """Return the environment of a shell that no uv has started."""
    hidden = ("UV", "UV_RUN_RECURSION_DEPTH", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    # uv may be a script of a version manager, which needs the programs of the system.
    search = os.pathsep.join((str(path), "/usr/bin", "/bin"))
    return environment | {"PATH": search, "UV_NO_SYNC": "1", "UV_OFFLINE": "1"}


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    "typed",
    [pytest.param("uv run pixel-emulator", marks=needs_uv), "pixel-emulator"],
)
def test_what_the_demo_names_last_works_in_the_shell_that_started_it(typed, tmp_path):
    """The PATH of the shell has none of our folders but that of the program that it starts."""
    program = UV if typed.startswith("uv") else shutil.which("pixel-emulator", path=PLACE)
    assert program
    (tmp_path / typed.split()[0]).symlink_to(program)

    def shell(line):
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=CLONE,
            env=clean_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    ran = shell(f"{typed} demo --record {tmp_path / 'calls.yaml'}")
    assert ran.returncode == 0, ran.stderr
    named = [line.strip() for line in ran.stdout.splitlines()[-3:]]
    assert [line.startswith(f"{typed} ") for line in named] == [True, True, True]
    helped = shell(f"{named[0].partition(' mail.html')[0]} --help")
    assert (helped.returncode, "Usage" in helped.stdout) == (0, True), helped.stderr
