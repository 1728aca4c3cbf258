"""`uv run python -m tests.report_picture`: draw docs/report.svg, the picture of the README."""

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "report.svg"
_FILES = ROOT / "tests" / "cases" / "picture"
_ARGUMENTS = ("verify", "receipt.yaml", "calls.yaml")
_COLUMNS = 100


def report() -> str:
    """Return what the program prints, with its colours as escape sequences."""
    ran = subprocess.run(
        [sys.executable, "-m", "pixel_emulator", *_ARGUMENTS],
        cwd=_FILES,
        env=os.environ | {"FORCE_COLOR": "1", "NO_COLOR": "", "COLUMNS": str(_COLUMNS)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    return ran.stdout


def picture(text: str) -> str:
    """Return an SVG of a terminal with this text."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=_COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(text), soft_wrap=True)
        title = " ".join(("pixel-emulator", *_ARGUMENTS))
        svg = console.export_svg(title=title, unique_id="report")
    # Rich's fonts would be downloaded by whoever looks at it; each text has its width anyway.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    PICTURE.write_text(picture(report()), encoding="utf-8")
