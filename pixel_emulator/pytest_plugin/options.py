"""Options of the plugin: on the command line, in the ini file, and by marks."""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path, PurePosixPath

import pytest

from pixel_emulator.pytest_plugin.stash import WORKER_ARGUMENTS, WORKER_RECORDING

# Names, defaults and meanings are those of `settings.Settings`, which takes long to import.
SETTINGS = {
    "dialect": ("string", "Which account of the endpoint decides: documented (default) or strict."),
    "hosts": ("linelist", "Hosts that are emulated, one in a line; Segment's by default."),
    "source": ("linelist", "NAME=KEY, one in a line: gives a write key a name."),
    "keep_write_keys": ("bool", "Store write keys in recordings as they are."),
    "offline": ("bool", "Refuse every host that is not emulated, but this machine."),
    "http2": ("bool", "Offer HTTP/2 to clients of the emulated hosts."),
}
"""Settings of the emulator in the ini file, by name: their type there, and their help."""

PER_TEST = ("dialect", "source", "keep_write_keys")
"""Settings that a mark may change for one test: those that are not of the whole emulator."""

POLICIES = {
    "unexpected": "Calls that no expectation matches: fail (default), warn, ignore, same-event.",
    "dropped": "Calls that Segment would drop: fail (default), warn, ignore.",
    "damaged": "Calls that Segment keeps, although they are wrong: fail (default), warn, ignore.",
    "duplicates": "Calls with a messageId seen before: fail, warn (default), ignore.",
    "unhandled": "Requests that are no pixel calls: fail, warn (default), ignore.",
}
"""Policies of the scenario language, with their help. They hold for what a test expects, and for
its scenario files where these state none."""

NOT_SET = object()
"""Default of these in the ini file. pytest 7 returns a list if the default is None."""

MARKS = {
    "pixel(**settings)": "policies (unexpected, dropped, damaged, duplicates, unhandled, accept), "
    "dialect, source, keep_write_keys, record and clock, for one test, class or module; a scenario "
    "file overrides policies that it states itself.",
    "pixel_scenario(file, **given)": "the calls of this test have to meet a scenario, a file or a "
    "dict; `given` are values of its variables.",
}


def declare(parser: pytest.Parser) -> None:
    """Declare the options of the command line and of the ini file."""
    group = parser.getgroup("pixel_emulator", "tracking pixels (pixel-emulator)")
    group.addoption("--pixel-show", action="store_true", help="Print each pixel call at once.")
    group.addoption(
        "--pixel-update",
        action="store_true",
        help="Rewrite scenario files and recordings to what happened; matchers are kept. What "
        "another test of the run has met is not rewritten: the test fails.",
    )
    group.addoption(
        "--pixel-url",
        metavar="URL",
        help="Use a running emulator: `serve` on this machine, or, with PIXEL_EMULATOR_TOKEN set, "
        "the control API at this URL.",
    )
    group.addoption(
        "--pixel-recording",
        metavar="FILE",
        help="Record all calls of the run to one file, sorted by test; also with xdist.",
    )
    parser.addini("pixel_recording", "The same, below the root.", "string", default="")
    parser.addini(
        "pixel_emulator_command",
        "Command that runs pixel-emulator in a process of its own. By default that is the "
        "pixel-emulator on PATH, if the extra `proxy` is not installed beside the tests.",
        "string",
        default="",
    )
    for name, (kind, text) in SETTINGS.items():
        parser.addini(f"pixel_{name}", text, kind, default=NOT_SET)  # type: ignore[arg-type] # literals
    for name, text in POLICIES.items():
        parser.addini(f"pixel_{name}", text, "string", default=NOT_SET)
    parser.addini(
        "pixel_clock",
        "The clock that stamps calls: real (default), or test, the one that tests see under "
        "freezegun and time-machine; recordings say which. All waits are by the real one.",
        "string",
        default="real",
    )
    parser.addini("pixel_accept", "Codes of damage that is accepted, one in a line.", "linelist")
    parser.addini(
        "pixel_record",
        "Folder, beside each test file, with a recording of each test: written once, compared from "
        "then on, rewritten by --pixel-update. In CI a missing one fails.",
        "string",
        default="",
    )
    parser.addini(
        "pixel_scenarios",
        "Scenario files that are tests, as globs below the root; those below a folder that is "
        "named on the command line are tests anyway.",
        "linelist",
    )


class PixelWarning(pytest.PytestWarning):
    """A finding whose policy is `warn`, or a call that came after the end of its test."""


_SUFFIXES = (".yaml", ".yml")
_ACTION = re.compile(rb"""\bdo["']?[ \t]*:""")
_WILDCARD = re.compile(r"[*?[]")


def arguments(config: pytest.Config) -> list[str]:
    """Return the absolute paths of files and folders that the command line names."""
    if hasattr(config, "workerinput"):
        return list(config.workerinput.get(WORKER_ARGUMENTS, ()))
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    names = (argument.partition("::")[0] for argument in config.args)
    return [str((config.invocation_params.dir / name).resolve()) for name in names]


def is_argument(config: pytest.Config, file: Path) -> bool:
    """Return True if the command line names this file itself."""
    return str(file) in arguments(config)


def is_chosen(config: pytest.Config, file: Path) -> bool:
    """Return True for a YAML file that `pixel_scenarios` or the command line names.

    The command line names the file itself, or the folder that it is directly in.
    """
    if file.suffix not in _SUFFIXES:
        return False
    globs = config.getini("pixel_scenarios")
    if globs and file.is_relative_to(config.rootpath):
        relative = file.relative_to(config.rootpath).as_posix()
        if any(fnmatch(relative, glob) for glob in globs):
            return True
    paths = arguments(config)
    return str(file) in paths or str(file.parent) in paths


def has_action(file: Path) -> bool:
    """Return True if the text of a scenario file has a key `do`, which makes it a test."""
    return _ACTION.search(file.read_bytes()) is not None


def unmatched_globs(config: pytest.Config) -> Iterator[str]:
    """Yield the globs of `pixel_scenarios` that match no file at all."""
    root = config.rootpath
    for glob in config.getini("pixel_scenarios"):
        parents = PurePosixPath(glob).parent.parts
        fixed = takewhile(lambda part: not _WILDCARD.search(part), parents)
        paths = (path.relative_to(root).as_posix() for path in root.joinpath(*fixed).rglob("*"))
        if not any(fnmatch(path, glob) for path in paths):
            yield glob


def recording_target(config: pytest.Config) -> Path | None:
    """Return the absolute path of the recording of the run; None in a run without."""
    if hasattr(config, "workerinput"):
        sent = config.workerinput.get(WORKER_RECORDING)
        return Path(sent) if sent else None
    if argument := config.getoption("--pixel-recording"):
        # Not `resolve`: links stay as the user has named them.
        return Path(os.path.abspath(argument))  # noqa: PTH100
    named = config.getini("pixel_recording")
    return config.rootpath / named if named else None
