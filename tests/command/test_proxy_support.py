"""The hint after a run without any call depends on the commands run."""

import os
import sys
from pathlib import Path

import pytest

from pixel_emulator.command.environment import silence_hint

OLD, NEW = "reads no proxy variable, unlike 22.21 and 24", "superagent and whatever makes an agent"


def program(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def environ(tmp_path):
    """A PATH with nothing but the programs of this test and a shell's."""
    return {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v20.20.2", OLD),
        ("v22.20.9", OLD),
        ("v22.21.0", NEW),
        ("v23.11.1", OLD),
        ("v24.0.0", NEW),
        ("nightly", "from 22.21 and 24 on only"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [("node", "send.mjs"), ("sh", "-c", "cd /; node send.mjs"), ("send",), ("env", "A=1", "node")],
)
def test_the_version_of_node_is_asked_for(tmp_path, environ, version, said, command):
    program(tmp_path / "bin" / "node", f"#!/bin/sh\necho {version}\n")
    program(tmp_path / "bin" / "send", "#!/usr/bin/env node\n")
    assert said in silence_hint([command], environ)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("python3.13", "Python's http.client"),
        ("python", "Python's http.client"),
        ("php8.2", "PHP's streams"),
        ("perl", "Perl's LWP"),
        ("go", "a Go transport of its own"),
        ("tclsh8.6", "Tcl's http"),
        ("bun", "superagent reads no proxy variable in Bun"),
    ],
)
def test_each_runtime_has_its_own(tmp_path, environ, name, said):
    path = program(tmp_path / "bin" / name, "#!/bin/sh\n")
    assert silence_hint([(path,)], environ).startswith(said)


def test_a_program_that_go_built_is_known(tmp_path, environ):
    path = tmp_path / "bin" / "sender"
    path.parent.mkdir()
    path.write_bytes(b"\x7fELF" + bytes(100) + b"\xff Go buildinf:" + bytes(100))
    path.chmod(0o755)
    assert silence_hint([(str(path),)], environ).startswith("a Go transport")


@pytest.mark.parametrize("word", ["", "no-such-program", "a\0b", "--", "\udc80"])
def test_what_is_no_program_adds_no_fact(word, environ):
    assert silence_hint([(word,)], environ) == ""


@pytest.mark.parametrize("name", ["something", "nodejs-wrapper"])
def test_another_program_adds_no_fact(tmp_path, environ, name):
    path = program(tmp_path / "bin" / name, "#!/bin/sh\n")
    assert silence_hint([(path,)], environ) == ""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("curl", "-sS", "--noproxy", "*", "https://x.example"), True),
        (("sh", "-c", "curl --noproxy '*' https://x.example"), True),
        (("curl", "-sS", "https://x.example"), False),
        (("wget", "--noproxy"), False),
    ],
)
def test_curl_without_its_proxy_is_known(environ, command, said):
    assert ("curl's --noproxy" in silence_hint([command], environ)) is said


def test_each_fact_is_listed_once():
    command = (sys.executable, "-c", "pass")
    assert silence_hint([command, command], os.environ).count("Python's") == 1
