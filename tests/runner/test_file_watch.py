"""Changed scenario files are read again; the last version without mistakes stays in force."""

import os

import pytest

from pixel_emulator.cli.demo import folder
from pixel_emulator.core.errors import InputError
from pixel_emulator.runner.file_watch import ScenarioFiles

OPENED = "expect: [{track: A}]\n"


@pytest.fixture
def write(tmp_path):
    """Write a file with a modification time of its own, whatever the file system's resolution."""
    times = iter(range(10**9, 10**10, 100))

    def put(name, text):
        path = tmp_path / name
        path.write_text(text)
        time = next(times)
        os.utime(path, (time, time))
        return path

    return put


def names(watched):
    return [scenario.name for scenario in watched.scenarios]


def test_a_change_is_read_and_only_a_change(write):
    watched = ScenarioFiles([write("s.yaml", f"name: one\n{OPENED}")], {})
    assert not watched.changed()
    write("s.yaml", f"name: two\n{OPENED}")
    assert watched.changed()
    assert watched.reload() == ()
    assert names(watched) == ["two"]
    assert not watched.changed()


def test_with_a_mistake_the_old_ones_stay_until_it_is_mended(write):
    watched = ScenarioFiles([write("s.yaml", f"name: one\n{OPENED}")], {})
    write("s.yaml", "expect: [\n")
    (issue,) = watched.reload()
    assert issue.location.file.endswith("s.yaml")
    assert names(watched) == ["one"]
    assert not watched.changed()  # it is told once
    write("s.yaml", f"name: two\n{OPENED}")
    assert watched.changed()
    assert watched.reload() == ()
    assert names(watched) == ["two"]


@pytest.mark.parametrize("replaced", [True, False])
def test_an_editor_may_put_a_new_file_in_its_place(write, replaced):
    path = write("s.yaml", f"name: one\n{OPENED}")
    watched = ScenarioFiles([path], {})
    path.unlink()
    assert watched.changed()
    assert "s.yaml" in str(watched.reload()[0])
    if replaced:
        write("new", f"name: two\n{OPENED}").rename(path)
        assert watched.changed()
        assert watched.reload() == ()
    assert names(watched) == ["two" if replaced else "one"]


@pytest.mark.parametrize(
    ("text", "name", "old", "new"),
    [
        (
            "use: [more/terms.yaml]\nname: one\nexpect: [{track: A, userId: $user}]\n",
            "more/terms.yaml",
            "define: {user: u1}\n",
            "define: {user: u2}\n",
        ),
        (
            "use: [more/terms.yaml]\nname: one\nexpect: [{track: A, userId: $user}]\n",
            "more/deep.yaml",
            "define: {user: u1}\n",
            "define: {user: u2}\n",
        ),
    ],
)
def test_files_in_use_are_watched_too(write, tmp_path, text, name, old, new):
    (tmp_path / "more").mkdir()
    if name == "more/deep.yaml":
        write("more/terms.yaml", "use: [deep.yaml]\n")
    write(name, old)
    watched = ScenarioFiles([write("s.yaml", text)], {})
    (before,) = watched.scenarios
    write(name, new)
    assert watched.changed()
    assert watched.reload() == ()
    (after,) = watched.scenarios
    assert before.expectations[0].patterns[0].fields["userId"] == "u1"
    assert after.expectations[0].patterns[0].fields["userId"] == "u2"


@pytest.mark.parametrize(
    "text",
    [
        f"plan: p.yaml\n{OPENED}",
        f"plan: {{1: p.yaml}}\n{OPENED}",
        "scenarios:\n  - {name: a, plan: p.yaml, expect: []}\n",
    ],
)
def test_plans_are_watched_too(write, text):
    plan = (folder() / "plans/receipts_v1.yaml").read_text()
    write("p.yaml", plan)
    watched = ScenarioFiles([write("s.yaml", text)], {})
    assert not watched.changed()
    write("p.yaml", f"{plan}\n# changed\n")
    assert watched.changed()


def test_files_with_a_mistake_are_no_beginning(write):
    with pytest.raises(InputError):
        ScenarioFiles([write("s.yaml", "expect: [\n")], {})


def test_values_are_given_again(write):
    text = "let: [user]\nexpect: [{track: A, userId: $user}]\n"
    watched = ScenarioFiles([write("s.yaml", text)], {"user": "u1"})
    write("s.yaml", f"name: two\n{text}")
    assert watched.reload() == ()
    assert watched.scenarios[0].expectations[0].patterns[0].fields["userId"] == "u1"
