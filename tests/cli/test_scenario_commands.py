"""`scenario check` and `scenario schema`."""

import json

import pytest

from pixel_emulator.cli.inputs import parse_variables
from pixel_emulator.cli.program import main
from pixel_emulator.core.errors import InputError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)


def check(*arguments):
    return main(["scenario", "check", *arguments])


def test_a_valid_file_is_summarised_in_a_line(folder, capsys):
    write(folder, one="expect: [{page: }]", none="expect: []")
    assert check("one.yaml", "none.yaml") == 0
    assert capsys.readouterr().out == (
        "one.yaml: 1 scenario, 1 expectation\nnone.yaml: 1 scenario, 0 expectations\n"
    )


def test_cases_and_definitions_are_counted(folder, capsys):
    cases = "let: [a]\ncases: [{a: x}, {a: y}]\ndefine: {d: 1}\nexpect: [{page: $a}, {any: }]"
    write(folder, cases=cases, terms="define: {a: 1, b: 2}")
    write(folder, two="scenarios: [{name: a, expect: [{page: }]}, {name: b, never: [{page: }]}]")
    assert check("cases.yaml", "terms.yaml", "two.yaml") == 0
    assert capsys.readouterr().out.splitlines() == [
        "cases.yaml: 1 scenario, 2 cases, 2 expectations, 1 definition",
        "terms.yaml: 2 definitions",
        "two.yaml: 2 scenarios, 2 expectations",
    ]


def test_all_mistakes_of_all_files_are_reported_at_once(folder, capsys):
    write(folder, good="expect: []", bad="expct: []\nexpect: [{pge: }]", worse="[]")
    assert check("good.yaml", "bad.yaml", "worse.yaml", "none.yaml") == 2
    output = capsys.readouterr()
    assert output.out == "good.yaml: 1 scenario, 0 expectations\n"
    assert output.err.splitlines() == [
        'pixel-emulator: bad.yaml:1:1: expct: no such key here (did you mean "expect"?)',
        'pixel-emulator: bad.yaml:2:11: expect[0].pge: no such key here (did you mean "page"?)',
        "pixel-emulator: worse.yaml:1:1: a scenario is a map with `expect:` in it; this is a list",
        "pixel-emulator: none.yaml: cannot read this file: No such file or directory",
    ]


@pytest.mark.parametrize(
    ("actions", "missing"),
    [
        ("{open: none.html}", ["none.html"]),
        ("{replay: none.yaml}", ["none.yaml"]),
        ("[{send: {track: A}}, {open: there.html}, {open: none.eml}]", ["none.eml"]),
        ("[{run: make mails}, {open: none.html}]", []),  # the command may make it
        ("{open: there.html}", []),
    ],
)
def test_the_files_that_it_opens_have_to_be_there(folder, capsys, actions, missing):
    (folder / "there.html").write_text("<p>Hello</p>")
    write(folder, acts=f"do: {actions}\nexpect: []")
    assert check("acts.yaml") == (2 if missing else 0)
    output = capsys.readouterr()
    assert output.err.splitlines() == [
        f"pixel-emulator: acts.yaml:1:1: do: {name}: cannot read this file: "
        "No such file or directory"
        for name in missing
    ]
    assert bool(output.out) is not bool(missing)


def test_a_missing_mail_of_two_cases_is_told_once(folder, capsys):
    write(folder, cases="let: [a]\ncases: [{a: x}, {a: y}]\ndo: {open: m}\nexpect: [{page: $a}]")
    assert check("cases.yaml") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_values_may_be_given(folder, capsys):
    write(folder, one="let: [mail]\ndo: {open: $mail}\nexpect: []")
    assert check("one.yaml") == 2
    assert "`$mail` has no value before the calls come" in capsys.readouterr().err
    (folder / "a.eml").write_text("Subject: Hello\n\nHello\n")
    assert check("one.yaml", "--let", "mail=a.eml") == 0


def test_a_value_that_no_file_declares_is_a_mistake(folder, capsys):
    write(folder, one="let: {mail: x}\ndo: {open: $mail}\nexpect: []")
    assert check("one.yaml", "--let", "mial=a.eml") == 2
    assert (
        '`mial` is given a value, but no file declares it (did you mean "mail"?)'
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", "a"),
        ("", ""),
        ("1", 1),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("007", "007"),
        ("no", "no"),
        ("[1]", "[1]"),
        ('"1"', '"1"'),
        ("a=b", "a=b"),
    ],
)
def test_scalars_of_json_are_resolved_and_everything_else_is_text(text, value):
    assert parse_variables([f"n={text}"]) == {"n": value}


@pytest.mark.parametrize("texts", [["n"], ["=1"], ["$n=1"], ["a b=1"], ["n=1", "n=2"]])
def test_what_gives_no_value_is_refused(texts):
    with pytest.raises(InputError, match="--let"):
        parse_variables(texts)


@pytest.mark.parametrize("kind", ["scenario", "recording"])
def test_a_schema_is_printed(kind, capsys):
    assert main(["scenario", "schema", "--kind", kind]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == f"pixel-emulator {kind}"


def test_the_schema_is_that_of_scenarios_unless_another_is_asked_for(capsys):
    assert main(["scenario", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "pixel-emulator scenario"


def test_a_kind_that_is_none_is_refused(capsys):
    assert main(["scenario", "schema", "--kind", "scenaro"]) == 2
    assert '(did you mean "scenario"?)' in capsys.readouterr().err
