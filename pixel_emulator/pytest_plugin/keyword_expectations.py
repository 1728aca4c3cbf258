"""Expectations and scenarios in Python, in the words of the scenario language.

A text is what it is in a scenario file: `"$string"` is a matcher, `"$$5"` the text `$5`. Other
values are literals, regexes, dirty-equals, `ANY`, classes and functions. A callable is called with
what arrived, even if it could be compared; only dirty-equals is compared instead. So methods,
builtins and dataclasses with `__call__` are functions here.
"""

import inspect
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from pixel_emulator.core.errors import Document, InputError, Location
from pixel_emulator.core.matching.expected import (
    ABSENT,
    HUGE,
    Absent,
    Bindings,
    Description,
    Expected,
    Matcher,
    Value,
    is_literal,
)
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.model import JSON, JsonPath, Payload, path_text
from pixel_emulator.core.parser.definitions import Definitions, Scope
from pixel_emulator.core.parser.expectations import read_expectation
from pixel_emulator.core.parser.parse_context import ParseContext
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.text import json_codec
from pixel_emulator.files.scenario_loader import RegisteredMatchers, load_data
from pixel_emulator.pytest_plugin.source_lines import MisuseError

type Check = Callable[[JSON], str | None]
"""Returns None if the value matches, else why it does not."""

_DEEPEST = 200  # levels, as in a file; a container may contain itself
_KINDS = {str: "$string", int: "$int", float: "$number", bool: "$bool", list: "$list", dict: "$map"}
_FOREIGN = frozenset({"datetime", "decimal", "uuid", "pathlib"})
_HINTS = frozenset({"typing", "types"})
_BINARY = (bytes, bytearray, memoryview, set, frozenset, complex)


@dataclass(frozen=True, slots=True)
class PythonMatcher(Matcher):
    """A matcher made of a Python object. It is called only for values that are present."""

    description: Description
    check: Check

    def matches(self, got: Value, bound: Bindings) -> bool:  # noqa: ARG002 - it uses no variables
        return self._mismatch(got) is None

    def describe(self) -> Description:
        return self.description

    def reason(self, got: Value) -> str:
        return self._mismatch(got) or ""

    def _mismatch(self, got: Value) -> str | None:
        if isinstance(got, Absent):
            return ""
        try:
            return self.check(_copy(got))
        except Exception as error:  # noqa: BLE001 - foreign code: an error is a mismatch
            return f"it raised {type(error).__name__}: {error}"


def expected_value(value: object, levels: int = _DEEPEST) -> Expected:
    """Return the expected value for a value of Python. Raises TypeError if nothing can match it."""
    if not levels:
        raise TypeError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, int) and abs(value) >= HUGE:
        raise TypeError("an integer of thousands of digits can never arrive as one")
    if value is None or isinstance(value, str | bool | int | float | Matcher):
        return value
    if isinstance(value, list | tuple) and _is_plain(value):
        return [expected_value(member, levels - 1) for member in value]
    if isinstance(value, Mapping) and _is_plain(value):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"the key {wrong[0]!r} is no text, as all keys in JSON are")
        return {key: expected_value(member, levels - 1) for key, member in value.items()}
    return _matcher(value)


def _is_plain(value: object) -> bool:
    """Return True unless a container is one of dirty-equals, which compare in ways of their own."""
    return not _is_of(value, "dirty_equals", "DirtyEquals")


def _is_of(value: object, package: str, name: str) -> bool:
    """Return True for an instance of this class or of a subclass, without importing it."""
    known = ((base.__module__.partition(".")[0], base.__name__) for base in type(value).__mro__)
    return (package, name) in known


def _matcher(value: object) -> Matcher:
    if value is ABSENT:
        return MATCHERS["$absent"].matcher
    if type(value).__module__ == "unittest.mock" and type(value).__name__ == "_ANY":
        return MATCHERS["$present"].matcher
    if isinstance(value, re.Pattern):
        return _regex(value)
    if isinstance(value, type):
        return _class(value)
    if isinstance(value, _BINARY) or type(value).__module__ in _FOREIGN:
        kind = type(value).__name__
        raise TypeError(
            f"{value!r} can never arrive: JSON knows no {kind}; give what it is sent as"
        )
    if any(_is_of(value, package, "NonCallableMock") for package in ("unittest", "mock")):
        raise TypeError(f"{value!r} would match whatever arrives: write ANY if that is meant")
    if inspect.iscoroutinefunction(value):
        raise TypeError(f"{_name(value)} is async: what it says would not be waited for")
    if callable(value) and _is_plain(value) and type(value).__module__ not in _HINTS:
        return _function(cast("Callable[[JSON], object]", value))
    if type(value).__eq__ is not object.__eq__ and type(value).__module__ not in _HINTS:
        return PythonMatcher(Description(repr(value), ""), _equal_to(value))
    raise TypeError(f"{value!r} can never be equal to what arrives")


def _class(wanted: type) -> Matcher:
    if type(wanted).__eq__ is not type.__eq__:  # dirty-equals accepts its classes uncalled
        return PythonMatcher(Description(wanted.__name__, ""), _equal_to(wanted))
    if wanted in _KINDS:
        return MATCHERS[_KINDS[wanted]].matcher
    known = ", ".join(kind.__name__ for kind in _KINDS)
    raise TypeError(f"{wanted.__name__} is no kind of JSON value; these are: {known}")


def _equal_to(wanted: object) -> Check:
    return lambda got: None if got == wanted else ""


def _regex(wanted: re.Pattern[str]) -> Matcher:
    if isinstance(wanted.pattern, bytes):
        raise TypeError("a regex of bytes matches no text")
    description = Description(
        f"matching /{wanted.pattern}/{'i' if wanted.flags & re.IGNORECASE else ''}", ""
    )
    return PythonMatcher(
        description, lambda got: None if isinstance(got, str) and wanted.search(got) else ""
    )


def _function(function: Callable[[JSON], object]) -> Matcher:
    """Return a matcher for a function that returns True or False, or the reason as a string."""

    def check(got: JSON) -> str | None:
        result = function(got)
        if isinstance(result, str):
            return result or "it returned an empty text"
        if result is None:
            return "it returned None; it must return True or False, or the reason as text"
        return None if result else ""

    return PythonMatcher(Description(f"what {_name(function)} accepts", ""), check)


def _name(function: object) -> str:
    code = getattr(function, "__code__", None)
    qualified = getattr(function, "__qualname__", "")
    name = qualified.rpartition(".")[2] or repr(function)
    return f"the lambda in line {code.co_firstlineno}" if name == "<lambda>" and code else name


def _copy(got: JSON) -> JSON:
    """Return a copy of a container, so that foreign code cannot change the evidence."""
    return json_codec.parse(json_codec.write(got)) if isinstance(got, dict | list) else got


_PLACE = ("expect", 0)
"""Path of the expectation in a scenario file: the nesting limit counts from there."""
_SPELLINGS = {"one_of": "one-of"}
_IN_SCENARIO = "it stands in a scenario: `pixels.expecting({'expect': [...]})`"
_REFUSED = {
    "id": _IN_SCENARIO,
    "after": _IN_SCENARIO,
    "within": f"give `timeout` to `wait_for`; {_IN_SCENARIO}",
    "timeout": "`expect` looks at once; `wait_for(…, timeout=…)` waits",
}
SCENARIO_KEYS = ("expect", "steps", "scenarios", "never", "deny", "state", "plan")
"""Keys that make a map a scenario; a map without any of them is a call."""


def expectation_of(call: Mapping[str, object], place: Location) -> Expectation:
    """Return the expectation for these keywords; `place` is its line in the test.

    Raises MisuseError, in the words of the scenario language, for what no call can be.
    """
    for key in _REFUSED.keys() & call.keys():
        raise MisuseError(f"{key}: {_REFUSED[key]}")
    conversion = _Conversion()
    item: Payload = {
        _SPELLINGS.get(key, key): conversion.converted(
            None if key == "dropped" and value is True else value, (key,)
        )
        for key, value in call.items()
    }
    conversion.check()
    # No document around it: `id` and `after`, which refer to others, are refused above.
    reader = ParseContext(Document(place.file, {"expect": [item]}, {_PLACE: place}))
    names = ChainMap(conversion.matchers, RegisteredMatchers())  # type: ignore[arg-type] # not written
    wanted = read_expectation(reader, _PLACE, item, Scope(Definitions({}, names), names))
    if reader.issues:
        wrong = (
            f"{issue.path.removeprefix('expect[0]').lstrip('.')}: {issue.message}"
            for issue in reader.sorted_issues()
        )
        text = "\n".join(line.removeprefix(": ") for line in wrong)
        raise MisuseError(conversion.with_values(text))
    return wanted


def scenarios_of(
    given: object, values: Mapping[str, JSON], place: Location, path: str
) -> tuple[Scenario, ...]:
    """Return the scenarios of a scenario, a call or a list of calls in Python.

    `place` is its line in the test, and `path` the file of the test: files that a scenario names
    are relative to it. Raises MisuseError, with the path of each, for mistakes.
    """
    if not isinstance(given, Mapping):
        given = {"expect": given}
    elif not any(key in given for key in SCENARIO_KEYS):
        given = {"expect": [given]}
    conversion = _Conversion()
    data = conversion.converted(given, ())
    conversion.check()
    document = Document(path, data, {(): place, ("plan",): place})
    try:
        scenarios = load_data(document, conversion.matchers, given=values)
    except InputError as error:
        issues = (
            f"{issue.path}: {issue.message}"
            if issue.location == place and issue.path
            else f"{issue}"
            for issue in error.issues
        )
        raise MisuseError(conversion.with_values("\n".join(issues))) from None
    if any(scenario.has_actions for scenario in scenarios):
        raise MisuseError("do: the test itself sends the calls; a scenario with `do` is a file")
    return scenarios


class _Conversion:
    """Converts values of Python to those of a scenario file; objects that match become names in
    `matchers`."""

    def __init__(self) -> None:
        self.matchers: dict[str, Expected] = {}
        self._written: dict[str, object] = {}
        self._issues: list[str] = []

    def converted(self, value: object, at: JsonPath) -> JSON:
        """Return a value as in a scenario file."""
        if len(at) > _DEEPEST:
            self._issues.append(f"{path_text(at[:1])}: nested deeper than {_DEEPEST} levels")
        elif isinstance(value, str):
            return value
        elif isinstance(value, list | tuple) and _is_plain(value):
            return [self.converted(member, (*at, index)) for index, member in enumerate(value)]
        elif isinstance(value, Mapping) and _is_plain(value):
            if not (wrong := [key for key in value if not isinstance(key, str)]):
                return {key: self.converted(member, (*at, key)) for key, member in value.items()}
            no_text = f"the key {wrong[0]!r} is no text, as all keys in JSON are"
            self._issues.append(f"{path_text(at)}: {no_text}")
        else:
            return self._leaf(value, at)
        return None

    def _leaf(self, value: object, at: JsonPath) -> JSON:
        try:
            wanted = expected_value(value)
        except TypeError as error:
            self._issues.append(f"{path_text(at)}: {error}")
            return None
        if not isinstance(wanted, Matcher):
            return cast("JSON", wanted)
        name = f"python_{len(self.matchers)}"
        self.matchers[name] = wanted
        self._written[f'"${name}" (string)'] = value
        return f"${name}"

    def check(self) -> None:
        """Raise MisuseError if a value can match nothing."""
        if self._issues:
            raise MisuseError("\n".join(self._issues))

    def with_values(self, message: str) -> str:
        """Return a message with the objects of the test in place of their names."""
        if "is no matcher" in message and "for this very text" not in message:
            message += "; `$$` writes a dollar sign"
        for written, value in self._written.items():
            message = message.replace(written, repr(value))
        return message


def variable_values(given: Mapping[str, object]) -> dict[str, JSON]:
    """Return values for the variables of a scenario file.

    Raises MisuseError for a value that is not JSON.
    """
    values: dict[str, JSON] = {}
    for name, value in given.items():
        try:
            want = expected_value(value)
        except TypeError as error:
            raise MisuseError(f"{name}: {error}") from None
        if not is_literal(want):
            matcher = "a variable has one value; a matcher belongs into the file"
            raise MisuseError(f"{name}: {value!r} is a matcher: {matcher}")
        values[name] = want
    return values
