"""A directory is removed with its process; `remove_stale` removes those of killed ones only."""

import subprocess
import sys

import pytest

from pixel_emulator.runtime.server_info import private_directory, remove_stale

KILLED = """
import os
from pixel_emulator.runtime.server_info import private_directory
with private_directory() as directory:
    (directory / "ca.pem").write_text("secret")
    print(directory, flush=True)
    os._exit(9)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_it_is_private_and_gone_at_the_end(temporary):
    with private_directory() as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        assert [*temporary.iterdir()] == [directory]
    assert not directory.exists()


def test_it_is_gone_after_an_error(temporary):
    with pytest.raises(ZeroDivisionError), private_directory():
        raise ZeroDivisionError
    assert [*temporary.iterdir()] == []


def test_the_directory_of_a_killed_process_is_removed(temporary, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(temporary))
    subprocess.run([sys.executable, "-c", KILLED], check=False)
    (left,) = temporary.iterdir()
    assert (left / "ca.pem").exists()
    remove_stale()
    assert not left.exists()


def test_what_is_in_use_and_what_is_not_ours_stays(temporary):
    (temporary / "pixel-emulator-1000").mkdir()
    (temporary / "pixel-emulator-1000" / "8080.json").write_text("{}")
    (temporary / "pixel-emulator-notes.txt").write_text("mine")
    (temporary / "other").mkdir()
    (temporary / "other" / "lock").touch()
    (temporary / "pixel-emulator-link").symlink_to(temporary / "other")
    before = {*temporary.rglob("*")}
    with private_directory() as directory:
        remove_stale()
        assert directory.exists()
    assert {*temporary.rglob("*")} == before
