"""Commands, arguments and options: their help, and the options that come from the settings."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pixel_emulator.cli.commands import Argument, Command, argument, command, option, takes_settings
from pixel_emulator.cli.emulator_run import needs_mitmproxy
from pixel_emulator.cli.program import COMMANDS, GROUPS, load_command
from pixel_emulator.core.errors import InputError
from pixel_emulator.runtime.settings import Settings, settings

OURS = sorted(COMMANDS.keys() - {"web", "console", "dump"})
"""Commands whose help is our own; that of the others is mitmproxy's."""


@pytest.mark.parametrize("name", ["", *GROUPS, *OURS])
def test_h_is_help(run_cli, name):
    wanted = run_cli(*name.split(), "--help")
    assert wanted[0] == 0
    assert wanted[1].startswith("Usage: pixel-emulator")
    assert run_cli(*name.split(), "-h") == wanted


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_no_summary_is_cut(run_cli, name):
    _, out, _ = run_cli(*name.split(), "--help")
    assert "..." not in out.partition("Commands:")[2]
    for path in COMMANDS:
        group, _, _ = path.rpartition(" ")
        if group == name:
            summary = (load_command(path).help or "").partition("\n\n")[0]
            assert "".join(summary.split()) in "".join(out.split())


@pytest.mark.parametrize("name", OURS)
def test_help_ends_with_an_example_of_the_command(run_cli, name):
    _, out, _ = run_cli(*name.split(), "--help")
    example = out.rstrip().splitlines()[-1].strip()
    assert f"pixel-emulator {name}" in example
    assert out.endswith(f"\n\nExample:\n  {example}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_command_lines_that_are_parsed(name):
    example = load_command(name).example
    words = shlex.split(example.partition(" > ")[0])
    if "$(" in example:
        words = shlex.split(example.partition("$(")[2].partition(")")[0])
    assert words[: 1 + len(name.split())] == ["pixel-emulator", *name.split()]
    load_command(name).make_context(name, words[1 + len(name.split()) :])


@pytest.mark.parametrize("name", OURS)
def test_each_argument_and_option_is_in_the_help(name):
    found = load_command(name)
    text = found.get_help(found.make_context(name, [], resilient_parsing=True))
    for parameter in found.params:
        shown = (parameter.metavar if isinstance(parameter, Argument) else "") or parameter.opts[0]
        assert shown in text
        if isinstance(parameter, Argument):
            assert f"{parameter.help_text}" in " ".join(text.split())


def parse(made, *words):
    with made.make_context("made", [*words]) as context:
        return made.invoke(context)


def made_of(*decorators):
    def function(**options):
        return options

    for decorate in reversed(decorators):
        function = decorate(function)
    return command(example="made")(function)


def test_a_default_is_in_the_help_unless_it_is_empty():
    made = made_of(
        option("--port", default=0),
        option("--name", default=""),
        option("--all/--none", default=True),
        option("--quiet", default=False, is_flag=True),
    )
    text = made.get_help(made.make_context("made", []))
    assert "--port INTEGER  [default: 0]" in text
    assert "[default: all]" in text
    assert text.count("[default") == 2
    assert parse(made) == {"port": 0, "name": "", "all": True, "quiet": False}


def test_an_optional_argument_has_brackets_and_a_required_one_a_remark():
    made = made_of(
        argument("file", metavar="FILE", help="A file."),
        argument("numbers", metavar="SEQ...", nargs=-1, type=int),
    )
    assert isinstance(made, Command)
    text = made.get_help(made.make_context("made", ["x"]))
    assert text.startswith("Usage: made [OPTIONS] FILE [SEQ...]")
    assert "FILE    A file.  [required]\n  SEQ...\n" in text
    assert parse(made, "x", "1", "2") == {"file": "x", "numbers": (1, 2)}
    with pytest.raises(click.UsageError, match="not a valid integer"):
        parse(made, "x", "y")


@pytest.mark.parametrize("setting", settings(), ids=lambda setting: setting.name)
def test_each_setting_can_be_an_option(setting):
    """With its default, its help and the type of its default."""
    made = made_of(takes_settings(setting.name))
    assert parse(made) == {"settings": Settings()}
    (found,) = made.params
    assert found.help == setting.metadata["help"]
    assert found.envvar == (setting.metadata["variable"] or None)
    flag = f"--{setting.name.replace('_', '-')}"
    if isinstance(setting.default, bool):
        assert getattr(parse(made, flag)["settings"], setting.name) is True
    if isinstance(setting.default, int) and not isinstance(setting.default, bool):
        assert getattr(parse(made, flag, "7")["settings"], setting.name) == 7
        with pytest.raises(click.BadParameter):
            parse(made, flag, "x")


def test_a_command_may_have_a_default_of_its_own():
    made = made_of(takes_settings("host", port=0))
    assert [parameter.name for parameter in made.params] == ["host", "port"]
    assert parse(made) == {"settings": Settings(port=0)}
    assert parse(made, "--port", "1") == {"settings": Settings(port=1)}


def test_choices_are_completed_and_not_checked():
    made = made_of(option("--format", default="text", choices=("text", "json", "junit")))
    context = made.make_context("made", [])
    (found,) = made.params
    assert [item.value for item in found.shell_complete(context, "j")] == ["json", "junit"]
    assert parse(made, "--format", "other") == {"format": "other"}


def test_the_names_of_files_and_of_dialects_are_completed():
    made = made_of(takes_settings("record", "dialect", "host"))
    context = made.make_context("made", [])
    record, dialect, host = (found.shell_complete(context, "") for found in made.params)
    assert [item.type for item in record] == ["file"]
    assert [item.value for item in dialect] == ["documented", "strict"]
    assert host == []


@pytest.mark.parametrize(
    ("arguments", "left_out"),
    [
        (["decode", "/v1/pixel/track?userId=1"], {"email", "logging", "traceback", "shutil"}),
        (["check", "mail.html"], {"email.parser", "shutil", "difflib"}),
        (["--version"], {"pixel_emulator.cli.decode"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_imports_only_what_it_needs(tmp_path, arguments, left_out):
    """Its start is mostly imports."""
    (tmp_path / "mail.html").write_text(
        '<img src="https://api.segment.io/v1/pixel/track?userId=1">'
    )
    script = (
        "import sys; before = {*sys.modules}\n"
        "from pixel_emulator.cli.program import main; main(sys.argv[1:])\n"
        "print(*{*sys.modules} - before, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    imported = set(done.stderr.split())
    assert "click" in imported
    assert not imported & {"rich", "typer", "mitmproxy", *left_out}


def test_without_the_extra_a_command_says_how_to_install_it():
    """From a clone: the package is on no index, where anybody could take its name."""
    with pytest.raises(InputError) as caught, needs_mitmproxy():
        raise ModuleNotFoundError(name="mitmproxy")
    (issue,) = caught.value.issues
    assert str(issue) == (
        "this command needs mitmproxy, and mitmproxy is not installed: install "
        "`pixel-emulator[proxy]`, in a clone by `uv tool install '.[proxy]'`"
    )


COMPLETIONS = [
    ("sce", {"scenario"}),
    ("scenario ", {"check", "schema", "new", "update"}),
    ("decode --fo", {"--format"}),
    ("decode --format ", {"text", "json"}),
    ("serve --dialect s", {"strict"}),
    ("explain duplicate_j", {"duplicate_json_key"}),
    ("client ", {"playwright-ts", "playwright-py"}),
]
"""What was typed, and what a shell offers for it."""


@pytest.mark.parametrize(("typed", "offered"), COMPLETIONS)
def test_bash_completes(typed, offered):
    """With the function that the documented line defines."""
    folder = Path(sys.executable).parent
    words = ["pixel-emulator", *typed.split(" ")]
    script = (
        'eval "$(_PIXEL_EMULATOR_COMPLETE=bash_source pixel-emulator)"\n'
        'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n'
        '_pixel_emulator_completion "$1"\nprintf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *words],
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
@pytest.mark.parametrize(("typed", "offered"), COMPLETIONS)
def test_zsh_and_fish_get_the_same(run_cli, monkeypatch, shell, typed, offered):
    """What their function calls the command with, and gets; no summary is cut."""
    typed_words = ["pixel-emulator", *typed.split(" ")]
    before, last = typed_words[:-1], typed_words[-1]
    words = typed_words if shell == "zsh" else before
    monkeypatch.setenv("_PIXEL_EMULATOR_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(before)) if shell == "zsh" else last)
    code, out, err = run_cli()
    assert (code, err) == (0, "")
    assert offered <= set(re.split(r"[\n\t,]", out))  # versions of Click differ in the rest
    assert "..." not in out
