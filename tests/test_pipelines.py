"""The GitHub action and the hooks of pre-commit, as their programs run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.manual import ROOT, block_with

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
PROGRAM = Path(sys.executable).with_name("pixel-emulator")
URL = (
    "https://api.segment.io/v1/pixel/track?data="
    "eyJ3cml0ZUtleSI6IndrX2RlbW9fMDAwMSIsInVzZXJJZCI6InVzZXJfMSIsImV2ZW50IjoiRW1haWwgT3BlbmVkIn0"
)


class Job:
    """A job of GitHub Actions: its steps are run with bash, as the runner does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "temp" / "pixel-emulator"
        (folder / "temp").mkdir()
        self.files = {
            name: folder / name.lower() for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH")
        }
        # The install step gets this in place of Python: no test needs a package index.
        self.python = folder / "python"
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} {folder / "install.py"} "$@"\n')
        self.python.chmod(0o755)
        (folder / "install.py").write_text(
            "import pathlib, sys\n"
            "assert sys.argv[1:3] == ['-m', 'venv'], sys.argv\n"
            "bin = pathlib.Path(sys.argv[3], 'bin')\n"
            "bin.mkdir(parents=True, exist_ok=True)\n"
            f"(bin / 'pixel-emulator').symlink_to({str(PROGRAM)!r})\n"
            "python = bin / 'python'\n"
            "python.write_text('''#!/bin/sh\n"
            f'if [ "$1 $2" = "-m pip" ]; then echo "$@" >> {folder / "installed"}; '
            f'else exec {sys.executable} "$@"; fi\n'
            "''')\n"
            "python.chmod(0o755)\n"
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of the next step."""
        variables = {
            name: value for name, value in os.environ.items() if "proxy" not in name.lower()
        }
        variables |= {name: str(file) for name, file in self.files.items()}
        variables |= {"RUNNER_TEMP": str(self.folder / "temp"), "GITHUB_ACTION_PATH": str(ROOT)}
        return variables | self.exported()

    def exported(self) -> dict[str, str]:
        """Return the variables that steps have written to GITHUB_ENV; the last one counts."""
        file = self.files["GITHUB_ENV"]
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines)

    def step(self, text: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run the text of a step."""
        script = self.folder / "step.sh"
        script.write_text(text, "utf-8")
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        return subprocess.run(
            command,
            env=self.environment() | variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def use(self, **inputs: str) -> tuple[dict[str, subprocess.CompletedProcess[str]], list[str]]:
        """Use the action; return the steps that ran, and the names of those that others run."""
        defaults = {name: entry["default"] for name, entry in ACTION["inputs"].items()}
        values = defaults | {"python": str(self.python)} | inputs
        ran: dict[str, subprocess.CompletedProcess[str]] = {}
        others = []
        for step in ACTION["runs"]["steps"]:
            if not self._applies(step["if"], values):
                continue
            if "uses" in step:
                others.append(step["uses"])
                continue
            assert "${{" not in step["run"], "an input in a script could add commands to it"
            variables = {
                name: self._value(text, values) for name, text in step.get("env", {}).items()
            }
            ran[step["name"]] = self.step(step["run"], variables)
            if ran[step["name"]].returncode:
                break
        return ran, others

    def _value(self, text: str, values: dict[str, str]) -> str:
        def value(found: re.Match[str]) -> str:
            if found[1] == "inputs":
                return values[found[2]]
            lines = self.files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
            return dict(line.split("=", 1) for line in lines)[found[2]]

        return re.sub(r"\$\{\{ (inputs|steps\.stop\.outputs)\.([\w-]+) \}\}", value, text)

    @staticmethod
    def _applies(condition: str, values: dict[str, str]) -> bool:
        parts = [re.fullmatch(r"inputs\.(\w+) (==|!=) '(\w*)'", p) for p in condition.split(" && ")]
        assert all(parts), condition
        return all((values[p[1]] == p[3]) == (p[2] == "==") for p in parts if p)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "opened.yaml").write_text("expect: [{track: Email Opened}]\n", "utf-8")
    job = Job(tmp_path)
    yield job
    if (job.state / "ready.json").exists() and not (job.state / "exit-code").exists():
        job.use(do="stop")


def succeeded(ran, *names):
    assert [*ran] == [*names]
    for name, step in ran.items():
        assert step.returncode == 0, (name, step.stdout, step.stderr)


def test_a_job_whose_calls_are_the_expected_ones_is_green(job):
    ran, _ = job.use(scenario="opened.yaml")
    succeeded(ran, "Install", "Start", "Export")
    assert (job.folder / "installed").read_text().split()[-1] == f"{ROOT}[proxy]"
    assert job.files["GITHUB_PATH"].read_text() == f"{job.state}/bin\n"
    variables = job.exported()
    assert ran["Export"].stdout == f"::add-mask::{variables['PIXEL_EMULATOR_TOKEN']}\n"
    address = variables["HTTPS_PROXY"]

    curl = job.step('curl -sS -o /dev/null -w "%{http_code}" "$URL"', {"URL": URL})
    assert (curl.stdout, curl.stderr) == ("200", "")

    ran, others = job.use(do="stop")
    succeeded(ran, "Stop", "Verdict")
    assert [name.split("@")[0] for name in others] == ["actions/upload-artifact"]
    assert sorted(file.name for file in (job.state / "out").iterdir()) == [
        "calls.yaml",
        "log.txt",
        "report.txt",
        "report.xml",
    ]
    # What follows the emulator does not look for it, and still has certificates to read.
    port = address.rpartition(":")[2]
    assert [name for name, value in job.exported().items() if port in value] == []
    assert job.exported()["HTTPS_PROXY"] == ""
    assert Path(job.exported()["SSL_CERT_FILE"]).is_file()
    private = [
        file
        for file in (job.state / "trust").rglob("*")
        if file.is_file() and b"PRIVATE KEY" in file.read_bytes()
    ]
    assert private == []


def test_a_job_whose_calls_are_missing_is_red_and_uploads_first(job):
    ran, _ = job.use(scenario="opened.yaml")
    succeeded(ran, "Install", "Start", "Export")

    ran, others = job.use(do="stop")

    assert ran["Stop"].returncode == 0
    assert others  # the artifact says why the job is red
    assert ran["Verdict"].returncode == 1
    assert "Email Opened" in (job.state / "out" / "report.txt").read_text("utf-8")


def test_an_emulator_that_does_not_start_says_why(job):
    ran, _ = job.use(scenario="missing.yaml")
    assert [*ran] == ["Install", "Start"]
    assert ran["Start"].returncode == 2
    assert "missing.yaml" in ran["Start"].stderr


def test_stop_without_start_is_red(job):
    ran, _ = job.use(do="stop", artifact="")
    assert ran["Verdict"].returncode == 3
    assert "no step has started it" in ran["Stop"].stderr


@pytest.mark.parametrize(
    ("hook", "files", "code"),
    [
        ("check", {"good.html": f'<img src="{URL}">'}, 0),
        ("check", {"bad.html": '<img src="https://api.segment.io/v1/pixel/track?data=%25">'}, 1),
        ("scenario-check", {"scenarios/good.yaml": "expect: [{track: Opened}]\n"}, 0),
        ("scenario-check", {"scenarios/bad.yaml": "expekt: []\n"}, 2),
    ],
)
def test_a_hook_passes_and_fails_as_its_command_does(hook, files, code, tmp_path):
    entry = next(entry for entry in HOOKS if entry["id"] == hook)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
        assert re.search(entry["files"], name)
    program, *arguments = entry["entry"].split()
    assert program == "pixel-emulator"
    done = subprocess.run(
        [PROGRAM, *arguments, *files], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == code


def test_the_manual_names_steps_inputs_and_hooks_that_there_are():
    job = yaml.safe_load(block_with("command-line.md", "runs-on"))["jobs"]["pixels"]
    uses = [step for step in job["steps"] if step.get("uses") == "./pixel_emulator"]
    assert [step.get("with", {}).get("do", "start") for step in uses] == ["start", "stop"]
    assert {name for step in uses for name in step.get("with", {})} <= {*ACTION["inputs"]}
    assert uses[1]["if"] == "always()"
    hooks = yaml.safe_load(block_with("command-line.md", "hooks:"))["repos"][0]["hooks"]
    assert [hook["id"] for hook in hooks] == [entry["id"] for entry in HOOKS]
