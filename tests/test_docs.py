"""README and manual: what they show is what the program does."""

import re
from pathlib import Path

import pytest

from pixel_emulator.cli.program import COMMANDS, load_command
from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.files.scenario_loader import issues_of, load_text, read_files

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
}
BLOCKS = [
    (page, kind, block)
    for page, text in PAGES.items()
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
]


def test_the_first_line_says_what_it_is_about():
    assert "Segment tracking pixels" in README.splitlines()[0]


@pytest.mark.parametrize(
    "text", sorted({text for page, kind, text in BLOCKS if (page, kind) == ("README.md", "yaml")})
)
def test_every_yaml_block_is_a_scenario(text):
    assert load_text(text, str(ROOT / "scenarios" / "README.yaml"))


@pytest.mark.parametrize(
    "names",
    sorted(set(re.findall(r"pixel-emulator ([a-z][a-z-]+)(?: ([a-z]+))?", PAGES["README.md"]))),
    ids=" ".join,
)
def test_every_command_that_is_named_exists(names):
    assert names[0] in COMMANDS or " ".join(names) in COMMANDS


def test_every_scenario_file_loads():
    files = sorted((ROOT / "scenarios").glob("*.yaml"))
    assert files
    assert issues_of(read_files(files)) == ()


def test_every_command_has_help():
    for command in map(load_command, COMMANDS):
        assert command.help
        assert all(option.help for option in command.params if option.param_type_name == "option")


def test_the_top_level_stays_as_it_was_agreed():
    allowed = {"pyproject.toml", "pixel_emulator", "scenarios", "tests", "README.md", "LICENSE",
               "CHANGELOG.md", "CONTRIBUTING.md", "action.yml", "docs", "findings", "uv.lock",
               "dist"}  # fmt: skip
    assert {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} <= allowed


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_pasted_urls_are_pixel_urls(text):
    for url in re.findall(r"https://api\.segment\.io/v1/pixel/\w+\?\S+", text):
        assert request_from_url(url).path.startswith(b"/v1/pixel/")
