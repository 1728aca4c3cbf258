"""Firefox, set up as `docs/clients.md` says, renders a mail whose pixel arrives."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import needs_namespaces
from tests.site import img

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
needs_firefox = pytest.mark.skipif(
    not (shutil.which("firefox-esr") and shutil.which("certutil")),
    reason="needs Firefox and certutil (Debian packages firefox-esr and libnss3-tools)",
)


def script() -> str:
    (found,) = re.findall(r"```sh\n(profile=.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@needs_firefox
@needs_namespaces
@pytest.mark.parametrize("trusts", [True, False])
def test_the_pixel_of_a_mail_arrives_if_the_profile_trusts_the_ca(tmp_path: Path, trusts: bool):
    (tmp_path / "mail.html").write_text(f"<p>Hello</p>{img('Email Opened')}")
    (tmp_path / "opened.yaml").write_text("expect:\n  - track: Email Opened\n")
    how = script() if trusts else script().replace("-t C,,", "-t ,,")
    ours = [sys.executable, "-m", "pixel_emulator", "run", "--offline"]
    ours += ["--scenario", "opened.yaml", "--", "sh", "-c", how, "sh"]
    ran = subprocess.run(
        [
            "unshare",
            "-rn",
            "sh",
            "-c",
            'ip link set lo up; exec "$@"',
            "sh",
            *ours,
            (tmp_path / "mail.html").as_uri(),
        ],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == (0 if trusts else 3), ran.stderr
