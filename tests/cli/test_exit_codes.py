"""The exit codes of the table in docs/command-line.md, each as a real process that ends with it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType
from tests.hits import KEY

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
URL = encode(CallType.TRACK, {"writeKey": KEY, "userId": "u", "event": "A"})
LOST = encode(CallType.TRACK, {"writeKey": KEY, "event": "A"})
HEAD = (
    "pixel_recording: 1\ncreated: 2030-01-31T09:00:00.000Z\nrun: r\ntool: '1'\n"
    "dialect: documented\nredaction: write-keys\n"
)
FILES = {
    "a.yaml": "expect: [track: A]\n",
    "wrong.yaml": "expekt: []\n",
    "silent.yaml": "expect: []\n",
    "empty.yaml": f"{HEAD}exchanges:\nend:\n  calls: 0\n  connections: 1\n",
    "open.yaml": f"{HEAD}exchanges:\n",
    "not_executable": "",
}
SEND = [sys.executable, "-c", f"from urllib.request import urlopen; urlopen({URL!r})"]
OTHER_CA = [sys.executable, "-c", f"""
import ssl, urllib.request, urllib.error
context = ssl.create_default_context(capath="/nowhere")
try:
    urllib.request.urlopen({URL!r}, context=context)
except urllib.error.URLError:
    pass
"""]  # fmt: skip
BOTH = [sys.executable, "-c", f"{SEND[-1]}; raise SystemExit(7)"]
KILLED = [sys.executable, "-c", "import os; os.kill(os.getpid(), {})"]


def killed(number):
    return [*KILLED[:2], KILLED[2].format(number)]


# The row of the table, the situation, and the command line.
CASES = [
    ("0", "met", ["run", "--scenario", "a.yaml", "--", *SEND]),
    ("0", "met offline", ["verify", "silent.yaml", "empty.yaml"]),
    ("0", "all pixels are well", ["check", URL]),
    ("0", "decoded, whatever it says", ["decode", LOST]),
    ("0", "a code is explained", ["explain", "bad_request"]),
    ("1", "not met", ["run", "--scenario", "silent.yaml", "--", *SEND]),
    ("1", "not met offline", ["verify", "a.yaml", "empty.yaml"]),
    ("1", "a pixel is dropped", ["check", LOST]),
    ("1", "a decoded call is dropped", ["decode", "--check", LOST]),
    ("1", "nothing to draft", ["scenario", "new", "empty.yaml"]),
    ("2", "a mistake in a scenario", ["run", "--scenario", "wrong.yaml", "--", "true"]),
    ("2", "no such file", ["verify", "gone.yaml", "empty.yaml"]),
    ("2", "no such option", ["serve", "--prot", "1"]),
    ("2", "no such command", ["sreve"]),
    ("2", "a code that does not exist", ["explain", "bad_requests"]),
    ("2", "a file that is no recording", ["recording", "show", "a.yaml"]),
    ("2", "a report in no format", ["run", "--scenario", "a.yaml", "--report", "r.html"]),
    ("3", "silence that nothing proves", ["run", "--scenario", "silent.yaml", "--", "true"]),
    ("3", "a recording without an end", ["verify", "silent.yaml", "open.yaml"]),
    ("3", "a client that refuses our CA", ["run", "--scenario", "a.yaml", "--", *OTHER_CA]),
    ("3", "no pixel at all", ["check", "a.yaml"]),
    ("3", "a tag that no scenario has", ["verify", "a.yaml", "empty.yaml", "--tag", "x"]),
    ("126", "not executable", ["run", "--scenario", "a.yaml", "--", "./not_executable"]),
    ("127", "not found", ["run", "--scenario", "a.yaml", "--", "no-such-command-at-all"]),
    ("130", "ended by SIGINT", ["run", "--", "sh", "-c", "kill -INT $$"]),
    ("any other", "its own, not met", ["run", "--scenario", "silent.yaml", "--", *BOTH]),
    ("any other", "its own, met", ["run", "--scenario", "a.yaml", "--", *BOTH]),
]  # fmt: skip
OWN = 7
RUN = [sys.executable, "-m", "pixel_emulator", "run"]


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("row", "arguments"),
    [pytest.param(row, arguments, id=f"{row}: {why}") for row, why, arguments in CASES],
)
def test_it_ends_with_the_code_of_its_row(run_cli, monkeypatch, tmp_path, row, arguments):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    wanted = OWN if row == "any other" else int(row)
    if arguments[0] != "run":
        monkeypatch.chdir(tmp_path)
        code, out, err = run_cli(*arguments)
        assert code == wanted, err
        assert out + err
        return
    done = subprocess.run(
        [sys.executable, "-m", "pixel_emulator", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == wanted, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_the_table_of_the_manual_has_these_rows():
    table = PAGE.read_text(encoding="utf-8").partition("| Exit code |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    assert rows[1:] == list(dict.fromkeys(row for row, _, _ in CASES))


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (BOTH, OWN, "the command ended with exit code 7"),
        (killed(9), 137, "the command was ended by signal 9"),
        (["no-such-command-at-all"], 127, "command not found"),
    ],
    ids=["own", "killed", "not found"],
)
def test_no_report_is_green_where_the_command_failed(tmp_path, command, code, message):
    """Text, JSON and JUnit say so, and the code in the JSON is that of the process."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    reports = [part for end in ("txt", "json", "xml") for part in ("--report", f"r.{end}")]
    done = subprocess.run(
        [*RUN, "--scenario", "a.yaml", *reports, "--", *command],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["exit_code"] == done.returncode
    if command is BOTH:
        assert done.returncode == code
    assert message in data["command"]["says"]
    assert data["command"]["exit_code"] == code
    assert message in " ".join((tmp_path / "r.txt").read_text().split())
    root = ET.fromstring((tmp_path / "r.xml").read_text())
    bad = [failure for case in root.iter("testcase") for failure in case.findall("failure")]
    assert message in "".join(failure.attrib["message"] for failure in bad)
    assert int(root.attrib["failures"]) == len(bad)
