"""Settings of one test: its `pixel` marks, over the ini file."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from pixel_emulator.core.errors import Document, InputError, did_you_mean
from pixel_emulator.core.model import JSON
from pixel_emulator.core.parser.expectations import Policies, read_policies
from pixel_emulator.core.parser.parse_context import ParseContext
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.pytest_plugin.options import NOT_SET, PER_TEST, POLICIES, SETTINGS
from pixel_emulator.pytest_plugin.stash import DEFAULT_OPTIONS
from pixel_emulator.runtime.settings import Settings

_NAMES = (*POLICIES, "accept", *PER_TEST, "record", "clock")
_ALLOWED_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "accept": ((list, tuple, set, frozenset), '["raw_json"]'),
    "dialect": ((str,), '"strict"'),
    "source": ((list, tuple), '["app=KEY"]'),
    "keep_write_keys": ((bool,), "True"),
    "record": ((str, os.PathLike), '"recordings"'),
    "clock": ((str,), '"test"'),
}
"""Types that a mark takes for these names, with an example; the parser checks policies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedOptions:
    """Options of one test: how its calls are verified, and the folder of its recording."""

    settings: Settings
    policies: Policies
    record: str = ""
    clock: Clock = Clock.REAL


def settings_of(config: pytest.Config) -> Settings:
    """Return the settings of the emulator. Fails the test for values that are not allowed."""
    values = {name: _ini_value(config, name) for name in SETTINGS}
    given = {name: value for name, value in values.items() if value is not None}
    return _settings({**given, "port": 0})


def options_of(config: pytest.Config, marks: Iterable[pytest.Mark]) -> MarkedOptions:
    """Return the options of a test with these marks, the closest first.

    Fails the test for a mark with wrong names or values.
    """
    marks = tuple(marks)
    if not marks and DEFAULT_OPTIONS in config.stash:
        return config.stash[DEFAULT_OPTIONS]
    marked: dict[str, Any] = {}
    for mark in marks:
        _check_mark(mark)
        marked = {**mark.kwargs, **marked}
    values = {name: _ini_value(config, name) for name in (*_NAMES, *SETTINGS)}
    values = {name: value for name, value in {**values, **marked}.items() if value is not None}
    settings = {name: value for name, value in values.items() if name in SETTINGS}
    options = MarkedOptions(
        settings=_settings({**settings, "port": 0}),
        policies=_policies(
            {name: values[name] for name in (*POLICIES, "accept") if name in values}
        ),
        record=os.fspath(values["record"]),
        clock=_clock(values["clock"]),
    )
    if not marks:
        config.stash[DEFAULT_OPTIONS] = options
    return options


def _check_mark(mark: pytest.Mark) -> None:
    if mark.args:
        pytest.fail(
            f"the mark `pixel` takes names: pixel(unexpected={mark.args[0]!r})", pytrace=False
        )
    for name in mark.kwargs.keys() - set(_NAMES):
        if name in SETTINGS:
            reason = f": all tests share one emulator; write `pixel_{name}` into the ini file"
        else:
            reason = did_you_mean(name, _NAMES) or f"; it takes {', '.join(_NAMES)}"
        pytest.fail(f"the mark `pixel` takes no `{name}`{reason}", pytrace=False)
    for name, value in mark.kwargs.items():
        types, example = _ALLOWED_TYPES.get(name, ((object,), ""))
        if not isinstance(value, types):
            wrong = f"cannot be {value!r}; write it as {name}={example}"
            pytest.fail(f"the mark `pixel`: {name} {wrong}", pytrace=False)


def _ini_value(config: pytest.Config, name: str) -> Any:
    try:
        value = config.getini(f"pixel_{name}")
    except (ValueError, pytest.UsageError):  # older versions of pytest raise ValueError
        raise pytest.fail.Exception(f"pixel_{name}: must be true or false", pytrace=False) from None
    return None if value is NOT_SET else value


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
    stated: dict[str, JSON] = {name: value for name, value in given.items() if name != "accept"}
    if given.get("accept") and stated.get("damaged", "fail") == "fail":
        stated["damaged"] = {"accept": list(given["accept"])}
    reader = ParseContext(Document("", stated, {}))
    policies = read_policies(reader, {name: ((name,), value) for name, value in stated.items()})
    if reader.issues:
        lines = (f"pixel_{issue}" for issue in reader.sorted_issues())
        named = (line.replace("pixel_damaged.accept", "pixel_accept", 1) for line in lines)
        pytest.fail("\n".join(named), pytrace=False)
    return policies
