"""The table of `docs/clients.md`, against the clients themselves."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pixel_emulator.files import read_recording
from tests.client_programs import PROGRAMS, missing, prepare
from tests.programs import needs_namespaces
from tests.site import url

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
_ROW = re.compile(
    r"^\| (?P<clients>.+?) \| .+? \| (?P<proxy>yes|no) \| (?P<ca>yes|no|-) \|", re.MULTILINE
)


def rows() -> dict[str, tuple[str, str]]:
    """What the page says of each client: whether it sees the proxy, and whether it trusts the CA.

    `Node 24: fetch, got` stands for `Node 24: fetch` and `Node 24: got`.
    """
    found = {}
    for row in _ROW.finditer(PAGE.read_text(encoding="utf-8")):
        first, colon, others = row["clients"].partition(": ")
        for name in (others or first).split(", "):
            found[f"{first}{colon}{name}" if colon else name] = (row["proxy"], row["ca"])
    return found


def observe(client: str, folder: Path) -> tuple[str, str, str]:
    """Run a client under `run`, on a network that leads nowhere.

    Returns whether it sees the proxy, whether it trusts the CA, and what stderr said.
    """
    prepare(folder)
    recording = folder / "calls.yaml"
    ours = [sys.executable, "-m", "pixel_emulator", "run", "--record", str(recording), "--"]
    ran = subprocess.run(
        ["unshare", "-rn", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *ours]
        + PROGRAMS[client],
        check=False,
        cwd=folder,
        env=os.environ | {"PIXEL_URL": url("Sent")},
        capture_output=True,
        text=True,
        errors="replace",  # some print the GIF
        timeout=120,
    )
    if "nothing reached the emulator" in ran.stderr:
        return "no", "-", ran.stderr
    hits = read_recording(recording).hits if recording.exists() else ()
    return "yes", "yes" if hits else "no", ran.stderr


@pytest.mark.parametrize("client", sorted(PROGRAMS))
@needs_namespaces
def test_the_table_is_right_about(client: str, tmp_path: Path):
    if needed := missing(client):
        pytest.skip(f"needs {needed} (see tests/client_programs.py)")
    proxy, ca, said = observe(client, tmp_path)
    assert (proxy, ca) == rows()[client], said


def test_the_table_has_each_client_that_is_tested_and_no_other():
    assert sorted(rows()) == sorted(PROGRAMS)
