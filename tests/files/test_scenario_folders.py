"""Folders of scenario files: which files are read, in which order, and which are skipped."""

import os

import pytest

from pixel_emulator.cli.demo import folder
from pixel_emulator.core.errors import InputError
from pixel_emulator.files.scenario_loader import expand, load_scenarios, read_files
from pixel_emulator.runner.file_watch import ScenarioFiles
from tests.recordings import write_recording

A = "expect: [{track: A}]\n"


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Return a function that writes files below the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/").replace("_yaml", ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def test_all_files_below_are_read_in_the_order_of_their_names(put):
    put(all__b_yaml=A, all__a_yaml=A, all__inner__c_yaml=A, all__a__z_yaml=A, other_yaml=A)
    put(**{"all__d.yml": A})
    names = ["all/a.yaml", "all/b.yaml", "all/d.yml", "all/a/z.yaml", "all/inner/c.yaml"]
    assert [scenario.location.file for scenario in load_scenarios(["all"])] == names


def test_files_of_another_kind_are_left_out(put, tmp_path):
    put(
        all__s_yaml=A,
        all__terms_yaml="define: {a: 1}\n",
        all__more_yaml="use: [terms.yaml]\n",
        all__plan_yaml="name: shop\nrules: {events: []}\n",
        all__api_yaml="data: {trackingPlan: {}}\n",
        **{"all__.hidden.yaml": "[", "all__.git__s_yaml": "[", "all__notes.txt": "["},
    )
    write_recording(tmp_path / "all" / "recorded.yaml", ("track", {"event": "A"}))
    (tmp_path / "all" / "folder.yaml").mkdir()
    assert expand(["all"]) == ["all/s.yaml"]


@pytest.mark.parametrize("text", ["expct: []\n", "expect: [\n", "[a]\n", "", "{}\n", "\xff"])
def test_a_file_with_a_mistake_is_not_left_out(put, text):
    put(all__s_yaml=A, all__t_yaml=text)
    with pytest.raises(InputError, match=r"all/t\.yaml"):
        load_scenarios(["all"])


def test_a_folder_without_scenarios_is_a_mistake_and_no_pass(put):
    put(all__terms_yaml="define: {a: 1}\n", other_yaml=A)
    with pytest.raises(InputError, match="all: holds no scenario"):
        load_scenarios(["all", "other.yaml"])


def test_a_file_that_is_given_twice_counts_once(put, tmp_path):
    put(all__s_yaml=A)
    (tmp_path / "link.yaml").symlink_to("all/s.yaml")
    ways = ["all/s.yaml", "all", "./all/s.yaml", tmp_path / "all" / "s.yaml", "link.yaml"]
    assert [scenario.location.file for scenario in load_scenarios(ways)] == ["all/s.yaml"]


def test_links_that_go_round_come_to_an_end(put, tmp_path):
    put(all__s_yaml=A)
    (tmp_path / "all" / "again").symlink_to(tmp_path / "all")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert expand(["all"]) == ["all/s.yaml"]
    (file,) = read_files(["loop.yaml"])
    assert file.issues


def test_the_examples_are_a_folder_without_a_mistake():
    files = read_files([folder()])
    assert len(files) > 12
    assert not [file.issues for file in files if file.issues]


def test_a_new_file_in_a_folder_is_noticed(put, tmp_path):
    put(all__a_yaml=f"name: one\n{A}", all__inner__b_yaml=f"name: two\n{A}")
    os.utime(tmp_path / "all" / "inner", (10**9, 10**9))
    watched = ScenarioFiles([tmp_path / "all"], {})
    assert not watched.changed()
    put(all__inner__c_yaml=f"name: three\n{A}")
    assert watched.changed()
    assert watched.reload() == ()
    assert [scenario.name for scenario in watched.scenarios] == ["one", "two", "three"]


def test_of_what_is_watched_only_what_has_the_tag_is_there(put, tmp_path):
    put(all__a_yaml=f"name: one\ntags: [fast]\n{A}", all__b_yaml=f"name: two\n{A}")
    watched = ScenarioFiles([tmp_path / "all"], {}, ["fast"])
    assert [scenario.name for scenario in watched.scenarios] == ["one"]
    put(all__a_yaml=f"name: one\ntags: [slow]\n{A}")
    (issue,) = watched.reload()
    assert "no scenario has this tag" in str(issue)
    assert [scenario.name for scenario in watched.scenarios] == ["one"]
