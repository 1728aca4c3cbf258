"""Firefox, set up as `docs/clients.md` says, renders a mail whose pixel arrives."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pixel_site import img
from tests.programs import needs_namespaces

pytestmark = pytest.mark.thorough

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
needs_firefox = pytest.mark.skipif(
    not (shutil.which("firefox-esr") and shutil.which("certutil")),
    reason="needs Firefox and certutil (Debian packages firefox-esr and libnss3-tools)",
)


def blocks() -> tuple[str, str]:
    """The script of the page, and the command that runs it."""
    text = PAGE.read_text(encoding="utf-8")
    script, command = re.findall(r"```sh\n(.+?)```", text, re.DOTALL)
    return script, command


@needs_firefox
@needs_namespaces
@pytest.mark.parametrize("trusts", [True, False])
def test_the_pixel_of_a_mail_arrives_if_the_profile_trusts_the_ca(tmp_path: Path, trusts: bool):
    (tmp_path / "mail.html").write_text(f"<p>Hello</p>{img('Email Opened')}")
    (tmp_path / "opened.yaml").write_text("expect:\n  - track: Email Opened\n")
    script, command = blocks()
    (tmp_path / "firefox.sh").write_text(script if trusts else script.replace("-t C,,", "-t ,,"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["unshare", "-rn", "sh", "-c", f"ip link set lo up; {command}"],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path), "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == (0 if trusts else 3), ran.stderr
