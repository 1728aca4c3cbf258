"""The README: short, no dead link, and what it shows works as it stands there."""

import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pixel_emulator.cli.program import COMMANDS
from pixel_emulator.files.scenario_loader import load_text
from tests.programs import needs_curl
from tests.report_picture import PICTURE, picture, report

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    path for path in (*ROOT.glob("*.md"), *DOCS, ROOT / "findings" / "README.md") if path.is_file()
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = FENCE.findall(README)
LINES = [
    line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines() if line.strip()
]
# Those that are tried here, with their exit codes: broken.html is broken on purpose.
EXAMPLES = {
    line: int("broken.html" in line) for line in LINES if line.startswith("uv run pixel-emulator ")
}


def test_it_is_short():
    assert len(README.encode()) <= 14_000


def headings(text):
    """Return the anchors that GitHub gives to the headings of a page."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


def links(path):
    """Return the relative links of a page, also of its pictures: path and anchor."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text(encoding="utf-8")))
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target.partition("#")[::2] for target in targets if "://" not in target]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_link_is_dead(page):
    dead = []
    for name, anchor in links(page):
        target = page.parent / name if name else page
        if not target.exists() or (
            anchor and anchor not in headings(target.read_text(encoding="utf-8"))
        ):
            dead.append(f"{name}#{anchor}")
    assert dead == []


def test_each_page_is_linked_from_the_readme():
    linked = {(ROOT / name).resolve() for name, _ in links(ROOT / "README.md")}
    assert set(DOCS) <= linked


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.name)
def test_each_page_leads_back_and_says_how_to_call_the_command_in_a_clone(page):
    top = page.read_text(encoding="utf-8").partition("\n## ")[0].splitlines()
    back = "[Manual](../README.md#more)"
    assert f"{back} · In a clone, type `uv run pixel-emulator` for `pixel-emulator`." in top


def test_each_block_is_one_that_is_run_here():
    assert {kind for kind, _ in BLOCKS} == {"sh", "yaml", "python"}


@pytest.mark.parametrize("block", [block for kind, block in BLOCKS if kind == "yaml"])
def test_each_scenario_loads(block):
    assert load_text(block, str(ROOT / "scenarios" / "README.yaml"))


def test_each_line_names_a_command_that_exists_where_it_was_installed():
    """In a clone it is `uv run pixel-emulator`; the plain name is not found there."""
    known = re.compile(
        rf"(?:pip install uv && )?uv run pixel-emulator (?:{'|'.join(COMMANDS)})\b"
        r"|uv run pytest|uv tool install '\.\[proxy\]'|pip install \."
    )
    assert [line for line in LINES if not known.match(line)] == []


def run(line, folder):
    words = shlex.split(line)
    assert words[:3] == ["uv", "run", "pixel-emulator"]
    command = [sys.executable, "-m", "pixel_emulator", *words[3:]]
    ran = subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", check=False, timeout=120
    )
    return ran.returncode, ran.stdout + ran.stderr


@needs_curl
def test_the_three_uses_work_as_they_stand_there(tmp_path):
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    (scenario,) = [block for kind, block in BLOCKS if kind == "yaml"]
    (tmp_path / "receipt.yaml").write_text(scenario, encoding="utf-8")
    ran = {line: run(line, tmp_path) for line in EXAMPLES}
    assert {line: code for line, (code, _) in ran.items()} == EXAMPLES, ran
    assert {line.split()[3] for line in ran} == {"check", "run", "verify", "recording"}


@needs_curl
def test_the_pytest_example_passes(pytester):
    (pytester.path / "scenarios").symlink_to(ROOT / "scenarios")
    (example,) = [block for kind, block in BLOCKS if kind == "python"]
    pytester.makepyfile(test_mail=example)
    plugins = ("-p", "no:randomly", "-p", "no:playwright", "-p", "no:cacheprovider")
    result = pytester.runpytest_subprocess(*plugins)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["pixels: 3 calls in 2 tests"])


@pytest.mark.parametrize(
    ("command", "works"), [("decode", True), ("encode track", True), ("check", False)]
)
def test_without_fcntl_as_on_windows_only_what_opens_no_file_starts(command, works):
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from pixel_emulator.cli.program import main\nsys.exit(main())"
    )
    words = [
        *command.split(),
        *(["https://api.segment.io/v1/pixel/track"] * (command != "encode track")),
    ]
    ran = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert ("fcntl" not in ran.stderr) is works, ran.stderr
    assert bool(ran.stdout) is works


def drawn(svg):
    """Return the texts of a picture: where they stand, what they say, and how they look."""
    styles = dict(re.findall(r"\.report-(r\d+) \{ (.*?) \}", svg))
    names = "{http://www.w3.org/2000/svg}"
    found = []
    for text in ET.fromstring(svg).iter(f"{names}text"):
        style = styles.get(text.get("class", "").removeprefix("report-"), "")
        said = (text.text or "").replace("\N{NO-BREAK SPACE}", " ").rstrip()
        if said:
            found.append((text.get("y"), text.get("x"), said, style))
    return found


def test_the_picture_is_what_the_program_prints():
    """`uv run python -m tests.report_picture` draws it again."""
    printed = report()
    saved = PICTURE.read_text(encoding="utf-8")
    assert drawn(saved) == drawn(picture(printed))
    assert "sent, but Segment would drop it" in {said for _, _, said, _ in drawn(saved)}
    assert f"]({PICTURE.relative_to(ROOT)})" in README
