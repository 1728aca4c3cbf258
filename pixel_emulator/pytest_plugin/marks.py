"""Settings of one test: its `pixel` marks, over the ini file."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pixel_emulator.core.errors import Document, InputError, did_you_mean
from pixel_emulator.core.model import JSON
from pixel_emulator.core.parser.context import ParseContext
from pixel_emulator.core.parser.expectations import Policies, read_policies
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.pytest_plugin.options import PER_TEST, POLICIES, SETTINGS
from pixel_emulator.pytest_plugin.stash import DEFAULT_CHOICES
from pixel_emulator.runtime.settings import Settings

_WORDS = (*POLICIES, "accept", *PER_TEST, "record", "clock")
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "accept": ((list, tuple, set, frozenset), '["raw_json"]'),
    "dialect": ((str,), '"strict"'),
    "source": ((list, tuple), '["app=KEY"]'),
    "keep_write_keys": ((bool,), "True"),
    "record": ((str, os.PathLike), '"recordings"'),
    "clock": ((str,), '"test"'),
}
"""What a mark may say of these, with an example; of policies the language says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How the calls of a test are judged, and the folder that they are recorded to."""

    settings: Settings
    policies: Policies
    record: str = ""
    clock: Clock = Clock.REAL


def settings_of(config: pytest.Config) -> Settings:
    """The settings of the emulator. Fails the test for values that are not allowed."""
    values = {name: _ini(config, name) for name in SETTINGS}
    given = {name: value for name, value in values.items() if value is not None}
    return _settings({**given, "port": 0})


def choices_of(config: pytest.Config, marks: Iterable[pytest.Mark]) -> Choices:
    """What holds for a test with these marks, the closest first; fails it for wrong ones."""
    marks = tuple(marks)
    if not marks and DEFAULT_CHOICES in config.stash:
        return config.stash[DEFAULT_CHOICES]
    marked: dict[str, Any] = {}
    for mark in marks:
        _check(mark)
        marked = {**mark.kwargs, **marked}
    known = {name: _ini(config, name) for name in (*_WORDS, *SETTINGS)}
    known = {name: value for name, value in {**known, **marked}.items() if value is not None}
    settings = {name: value for name, value in known.items() if name in SETTINGS}
    chosen = Choices(
        settings=_settings({**settings, "port": 0}),
        policies=_policies({name: known[name] for name in (*POLICIES, "accept") if name in known}),
        record=os.fspath(known["record"]),
        clock=_clock(known["clock"]),
    )
    if not marks:
        config.stash[DEFAULT_CHOICES] = chosen
    return chosen


def _check(mark: pytest.Mark) -> None:
    if mark.args:
        pytest.fail(
            f"the mark `pixel` takes names: pixel(unexpected={mark.args[0]!r})", pytrace=False
        )
    for name in mark.kwargs.keys() - set(_WORDS):
        if name in SETTINGS:
            reason = f": all tests share one emulator; write `pixel_{name}` into the ini file"
        else:
            reason = did_you_mean(name, _WORDS) or f"; it takes {', '.join(_WORDS)}"
        pytest.fail(f"the mark `pixel` takes no `{name}`{reason}", pytrace=False)
    for name, value in mark.kwargs.items():
        kinds, example = _KINDS.get(name, ((object,), ""))
        if not isinstance(value, kinds):
            wrong = f"cannot be {value!r}; write it as {name}={example}"
            pytest.fail(f"the mark `pixel`: {name} {wrong}", pytrace=False)


def _ini(config: pytest.Config, name: str) -> Any:
    try:
        return config.getini(f"pixel_{name}")
    except (ValueError, pytest.UsageError):  # older ones of pytest raise the first
        raise pytest.fail.Exception(f"pixel_{name}: must be true or false", pytrace=False) from None


def _clock(name: str) -> Clock:
    if name in (Clock.REAL, Clock.TEST):
        return Clock(name)
    wrong = f'"{name}" is not real or test{did_you_mean(name, [*Clock])}'
    raise pytest.fail.Exception(f"pixel_clock: {wrong}", pytrace=False)


def _settings(given: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**given)
    except InputError as error:
        raise pytest.fail.Exception(f"pixel_{error}", pytrace=False) from None


def _policies(given: Mapping[str, Any]) -> Policies:
    said: dict[str, JSON] = {name: value for name, value in given.items() if name != "accept"}
    if given.get("accept") and said.get("damaged", "fail") == "fail":
        said["damaged"] = {"accept": list(given["accept"])}
    reader = ParseContext(Document("", said, {}))
    policies = read_policies(reader, {name: ((name,), value) for name, value in said.items()})
    if reader.issues:
        lines = (f"pixel_{issue}" for issue in reader.sorted_issues())
        named = (line.replace("pixel_damaged.accept", "pixel_accept", 1) for line in lines)
        pytest.fail("\n".join(named), pytrace=False)
    return policies
