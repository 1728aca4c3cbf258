"""File names of recordings of tests: one for each test, on any file system."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixel_emulator.pytest_plugin.snapshots import recording_path

HERE = Path("/nowhere/test_mail.py")


def name_of(name, session="", here=HERE):
    path = recording_path(here, "recordings", name, session)
    assert path.parent == here.parent / "recordings" / "test_mail"
    return path.name


@pytest.mark.parametrize(
    "name",
    [
        "test_it",
        "TestMail.test_opened[1]",
        "test_it[a-b]",
        "test_it[email opened]",
        "test_it[gr\u00fc\u00dfe]".replace("\u00df", "s"),
        "test_it[con]",
        "test_it[.]",
        "test_it[" + "x" * 180 + "]",
    ],
)
def test_a_simple_name_is_that_of_the_test(name):
    assert name_of(name) == f"{name}.yaml"
    assert name_of(name, "other") == f"{name}@other.yaml"


@pytest.mark.parametrize(
    "name",
    [
        "test_it[a/b]",
        "test_it[A]",
        "test_it[u\u0308]",
        "test_it[\ud800]",
        "test_it[a\nb]",
        "test_it[" + "x" * 200 + "]",
        "test_it[" + "\u00fc" * 120 + "]",
        "CON",
        "lpt1.x",
        "com\u00b9",
    ],
)
def test_another_one_has_a_digest_of_it(name):
    assert re.fullmatch(r".+-[0-9a-f]{12}\.yaml", name_of(name))


@pytest.mark.parametrize(
    ("name", "written", "is_used"),
    [
        ("test_it[A]", "test_it[A].yaml", True),
        ("test_it[" + "x" * 220 + "]", "test_it[" + "x" * 220 + "].yaml", True),
        ("test_it[A]", "test_it[a].yaml", False),
        ("test_it[a/b]", "test_it[a-b].yaml", False),
    ],
)
def test_a_recording_that_was_written_before_keeps_its_name(tmp_path, name, written, is_used):
    here = tmp_path / "test_mail.py"
    folder = tmp_path / "recordings" / "test_mail"
    folder.mkdir(parents=True)
    (folder / written).touch()
    assert (name_of(name, here=here) == written) is is_used


IDS = st.text(st.characters(), max_size=300) | st.sampled_from(["a", "A", "a/b", "a:b", "a-b"])


@given(IDS, IDS)
@example("\u00fc", "u\u0308")
@example("K", "\u212a")
@example("s", "\u017f")
@example("x" * 300, "x" * 301)
def test_no_two_names_are_one_on_any_file_system(first, second):
    names = [name_of(f"test_it[{parameter}]") for parameter in (first, second)]
    alike = {unicodedata.normalize("NFC", name).casefold() for name in names}
    assert len(alike) == (1 if first == second else 2)
    for name in names:
        assert len(name.encode()) <= 235
        assert not re.search(r"[<>:\"/\\|?*\x00-\x1f]|[. ]\Z", name)
