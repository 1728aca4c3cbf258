"""Scenario files with what they name: other files, plans, registered matchers."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from pixel_emulator.cli.demo import folder as examples
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.matching.diff import matches
from pixel_emulator.core.matching.unification import Variable
from pixel_emulator.files.includes import MAX_BYTES
from pixel_emulator.files.scenario_loader import (
    GROUP,
    RegisteredMatchers,
    load_scenarios,
    read_files,
)

PLAN = "name: p\nrules: {events: []}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, **texts):
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def load(*paths, **given):
    return load_scenarios(paths, given=given)


def issues(*paths, **given):
    with pytest.raises(InputError) as caught:
        load(*paths, **given)
    return [str(issue) for issue in caught.value.issues]


def wanted(scenario):
    return scenario.expectations[0].patterns[0].fields["userId"]


USES = "use: [terms.yaml]\nexpect: [{page: , userId: $a}]"


def test_the_scenarios_of_all_files_come_in_their_order(folder):
    write(folder, one="expect: []", two="scenarios: [{name: a, expect: []}, {name: b, expect: []}]")
    assert [scenario.name for scenario in load("two.yaml", "one.yaml")] == ["a", "b", ""]


def test_definitions_of_another_file_may_be_used(folder):
    write(folder, main=USES, terms="define: {a: $b, b: ada}")
    assert wanted(load("main.yaml")[0]) == "ada"


def test_files_are_named_relative_to_the_one_that_names_them(folder, monkeypatch):
    write(
        folder,
        in__main="use: [lib/terms.yaml]\nplan: lib/plan.yaml\nexpect: [{page: , userId: $a}]",
    )
    (folder / "in" / "lib").mkdir()
    (folder / "in" / "lib" / "terms.yaml").write_text("use: [../more.yaml]\ndefine: {a: $b}")
    (folder / "in" / "lib" / "plan.yaml").write_text(PLAN)
    (folder / "in" / "more.yaml").write_text("define: {b: ada}")
    (scenario,) = load("in/main.yaml")
    assert wanted(scenario) == "ada"
    assert list(scenario.plans) == [1]
    monkeypatch.chdir("/")
    assert wanted(load(str(folder / "in" / "main.yaml"))[0]) == "ada"


def test_a_definition_of_another_file_may_use_the_variables_of_this_one(folder):
    write(folder, main=f"let: [v]\n{USES}", terms="define: {a: $v}")
    assert wanted(load("main.yaml")[0]) == Variable("v")
    assert wanted(load("main.yaml", v="x")[0]) == "x"


def test_a_file_that_two_files_use_is_used_once(folder):
    write(
        folder,
        main="use: [b.yaml, c.yaml]\nexpect: [{page: , userId: $a}]",
        b="use: [d.yaml]\ndefine: {b: 1}",
        c="use: [d.yaml]\ndefine: {c: 1}",
        d="define: {a: ada}",
    )
    assert wanted(load("main.yaml")[0]) == "ada"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"main": USES}, "main.yaml:1:7: use[0]: terms.yaml: cannot read this file: No such file"),
        ({"main": "use: terms.yaml\nexpect: []"}, "use: must be a list: write [terms.yaml]"),
        ({"main": "use: [1]\nexpect: []"}, "use[0]: must be the name of a file"),
        ({"main": 'use: ["a\\0b"]\nexpect: []'}, "use[0]: a\\u0000b: cannot read this file: "),
        ({"main": "use: [.]\nexpect: []"}, "use[0]: .: cannot read this file: Is a directory"),
        ({"main": 'plan: "a\\0b"\nexpect: []'}, "plan: a\0b: cannot read this file: "),
        ({"main": "use: {}\nexpect: []"}, "use: must be a list, but is a map"),
        ({"main": USES, "terms": "a: ["}, "terms.yaml:2:1: not YAML"),
        ({"main": USES, "terms": "define: {a: $a}"}, "terms.yaml:1:10: define.a: contains itself"),
        ({"main": USES, "terms": "define: {a: {$gtt: 1}}"}, "terms.yaml:1:14: define.a.$gtt: no"),
        ({"main": USES, "terms": "define: {b: 1}"}, "main.yaml:2:19: expect[0].userId: `$a` is no"),
        ({"main": USES, "terms": "define: {a: $v}"}, "terms.yaml:1:10: define.a: `$v` is no"),
        (
            {"main": USES, "terms": "define: {a: 1}\nexpect: []"},
            "terms.yaml:2:1: expect: does not belong here: a file that others use holds `define`",
        ),
        (
            {"main": "use: [main.yaml]\nexpect: []"},
            "main.yaml:1:7: use[0]: goes round in a circle: main.yaml leads back here",
        ),
        (
            {"main": USES, "terms": "use: [main.yaml]\ndefine: {a: 1}"},
            "terms.yaml:1:7: use[0]: goes round in a circle: main.yaml leads back here",
        ),
        (
            {"main": f"{USES}\ndefine: {{a: 1}}", "terms": "define: {a: 1}"},
            "main.yaml:3:10: define.a: is defined already, in terms.yaml:1:10",
        ),
        (
            {"main": "use: [b.yaml, c.yaml]", "b": "define: {a: 1}", "c": "define: {a: 2}"},
            "main.yaml:1:15: use[1]: `a` is defined twice, in b.yaml:1:10 and c.yaml:1:10",
        ),
        (
            {"main": USES, "terms": "use: [more.yaml]\ndefine: {a: $b}", "more": "define: {b: $a}"},
            "more.yaml:1:10: define.b: contains itself: $b → $a → $b",
        ),
        ({"main": "define: {a: 1}"}, "main.yaml: only defines names for files that `use` it"),
        ({"main": "plan: none.yaml\nexpect: []"}, "none.yaml: cannot read this file: No such file"),
        ({"main": "plan: p.yaml\nexpect: []", "p": "a: ["}, "p.yaml:2:1: not YAML"),
        ({"main": "expect: []\nexpect: []"}, '"expect" stands here twice, first in line 1'),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_refused(folder, texts, message):
    write(folder, **texts)
    messages = issues("main.yaml")
    assert len(messages) == 1, messages
    assert message in messages[0]


def test_definitions_of_two_files_may_not_contain_each_other(folder):
    write(folder, main=f"{USES}\ndefine: {{b: $a}}", terms="define: {a: $b}")
    (issue,) = issues("main.yaml")
    assert "contains itself: $" in issue


def test_all_mistakes_of_all_files_are_reported_at_once_and_each_once(folder):
    write(folder, one=USES, two=USES, terms="define: {a: {$gtt: 1}}", bad="expct: []\nexpect: [x]")
    messages = issues("one.yaml", "two.yaml", "bad.yaml", "none.yaml")
    assert [line.partition(": ")[0] for line in messages] == [
        "terms.yaml:1:14",
        "bad.yaml:1:1",
        "bad.yaml:2:10",
        "none.yaml",
    ]


def test_values_are_given_to_those_files_that_declare_them(folder):
    write(folder, one="let: [a]\nexpect: [{page: , userId: $a}]", two="expect: [{page: }]")
    assert wanted(load("one.yaml", "two.yaml", a="x")[0]) == "x"
    assert issues("one.yaml", "two.yaml", zzz="x") == [
        "`zzz` is given a value, but no file declares it: write `let: [zzz]` into one of them"
    ]


def test_plans_are_read_by_their_versions(folder):
    write(folder, main="plan: {1: p.yaml, 2: q.yaml}\nexpect: []", p=PLAN, q=PLAN)
    (scenario,) = load("main.yaml")
    assert list(scenario.plans) == [1, 2]


def test_a_file_of_many_megabytes_is_refused(folder):
    (folder / "big.yaml").write_bytes(b"expect: []\n#" + b"x" * MAX_BYTES)
    assert issues("big.yaml") == [f"big.yaml: is larger than {MAX_BYTES:,} bytes"]


def test_a_file_that_is_not_utf_8_is_refused(folder):
    (folder / "latin.yaml").write_bytes(b"name: caf\xe9\nexpect: []")
    assert issues("latin.yaml") == [
        "latin.yaml:1:10: byte 0xE9 is not UTF-8: save the file as UTF-8"
    ]


def test_a_long_row_of_files_ends(folder):
    for n in range(40):
        (folder / f"t{n}.yaml").write_text(f"use: [t{n + 1}.yaml]")
    (folder / "t40.yaml").write_text("define: {a: 1}")
    (issue,) = issues("t0.yaml")
    assert "in a row, each used by the next" in issue


@pytest.mark.parametrize("path", sorted(examples().glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_read(path):
    (file,) = read_files([path])
    assert not file.issues
    assert file.scenarios or file.definitions


def even(value):
    """The matcher of a plugin."""
    return None if isinstance(value, int) and value % 2 == 0 else "is odd"


@pytest.fixture
def plugin(monkeypatch):
    """A package that registers matchers."""
    named = {
        "even": "tests.files.test_scenario_loader:even",
        "gone": "no_such_module:f",
        "text": "string:digits",
    }
    entry_points = EntryPoints(EntryPoint(name, value, GROUP) for name, value in named.items())
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda group: entry_points.select(group=group),
    )


@pytest.mark.usefixtures("plugin")
def test_a_plugin_gives_matchers_by_name(folder):
    write(folder, main="expect: [{page: , context: {n: $even}}]")
    want = load("main.yaml")[0].expectations[0].patterns[0].fields["context"]["n"]
    assert matches(want, 2)
    assert not matches(want, 3)
    assert want.reason(3) == "is odd"


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("let: [even]", "let[0]: `$even` is a matcher of a plugin already: choose another name"),
        ("define: {even: 1}", "define.even: `$even` is a matcher of a plugin already: choose"),
        ("name: $evn", 'name: `$evn` is no matcher, and no variable (did you mean "$even"?)'),
        ("name: $gone", "the matcher `$gone` (no_such_module:f) cannot be loaded: No module"),
        ("name: $text", "the matcher `$text` (string:digits) is no function"),
        ("name: $even", "name: must be a plain value: no call is there yet that a matcher"),
    ],
)
def test_the_name_of_a_plugin_s_matcher_is_one_of_the_names(folder, text, message):
    write(folder, main=f"{text}\nexpect: []")
    assert message in issues("main.yaml")[0]


@pytest.mark.usefixtures("plugin")
def test_the_matchers_of_plugins_are_a_mapping():
    assert sorted(RegisteredMatchers()) == ["even", "gone", "text"]
    assert len(RegisteredMatchers()) == 3


def test_what_nobody_asks_for_is_not_looked_up(folder, monkeypatch):
    """Searching all installed packages takes as long as reading a file."""

    def refuse(**_):
        raise AssertionError

    monkeypatch.setattr("importlib.metadata.entry_points", refuse)
    write(folder, main="expect: [{page: , userId: $uuid}]")
    assert load("main.yaml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("expect: []\nplan: none.json\n", "2:1: plan"),
        ("plan:\n  1: none.json\nexpect: []\n", "1:1: plan"),
        (
            "scenarios:\n- {name: a, expect: []}\n- name: b\n  expect: []\n  plan: none.json\n",
            "5:3: scenarios[1].plan",
        ),
        (
            "scenarios: [{name: a, expect: []}]\ndefaults:\n  plan: none.json\n",
            "3:3: defaults.plan",
        ),
    ],
)
def test_an_unreadable_plan_is_reported_where_it_is_named(tmp_path, text, place):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(InputError) as refused:
        load_scenarios([tmp_path / "s.yaml"])
    (only,) = refused.value.issues
    assert f"s.yaml:{place}: " in str(only)
    assert "none.json: cannot read this file" in str(only)
