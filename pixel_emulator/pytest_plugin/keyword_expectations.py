"""Expectations from the keywords of `expect` and `wait_for`, and from Python values."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from pixel_emulator.core.errors import Document, Location
from pixel_emulator.core.matching.expected import (
    ABSENT,
    HUGE,
    Absent,
    Bindings,
    Description,
    Expected,
    Matcher,
    Value,
)
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.model import JSON, Payload
from pixel_emulator.core.parser.context import ParseContext, escape
from pixel_emulator.core.parser.definitions import Definitions, Scope
from pixel_emulator.core.parser.expectations import read_expectation
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.text import json_codec
from pixel_emulator.pytest_plugin.source_lines import MisuseError

type Objection = Callable[[JSON], str | None]
"""Why a value does not match, or None where it does."""

_DEEPEST = 200  # levels, as in a file; a container that holds itself has no end
_KINDS = {str: "$string", int: "$int", float: "$number", bool: "$bool", list: "$list", dict: "$map"}
_FOREIGN = frozenset({"datetime", "decimal", "uuid", "pathlib"})
_HINTS = frozenset({"typing", "types"})
_BINARY = (bytes, bytearray, memoryview, set, frozenset, complex)


@dataclass(frozen=True, slots=True)
class PythonMatcher(Matcher):
    """What an object of Python says of a value; it is only asked about what is there."""

    words: Description
    objection: Objection

    def matches(self, got: Value, bound: Bindings) -> bool:  # noqa: ARG002 - it knows no variables
        return self._objection(got) is None

    def describe(self) -> Description:
        return self.words

    def reason(self, got: Value) -> str:
        return self._objection(got) or ""

    def _objection(self, got: Value) -> str | None:
        if isinstance(got, Absent):
            return ""
        try:
            return self.objection(_own(got))
        except Exception as error:  # noqa: BLE001 - foreign code: what it raises is an objection
            return f"it raised {type(error).__name__}: {error}"


def want_of(value: object, levels: int = _DEEPEST) -> Expected:
    """What a value of Python wants. Raises TypeError for one that no JSON value can be."""
    if not levels:
        raise TypeError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, int) and abs(value) >= HUGE:
        raise TypeError("an integer of thousands of digits can never arrive as one")
    if value is None or isinstance(value, str | bool | int | float | Matcher):
        return value
    if isinstance(value, list | tuple) and _is_plain(value):
        return [want_of(member, levels - 1) for member in value]
    if isinstance(value, Mapping) and _is_plain(value):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"the key {wrong[0]!r} is no text, as all keys in JSON are")
        return {key: want_of(member, levels - 1) for key, member in value.items()}
    return _matcher(value)


def _is_plain(value: object) -> bool:
    """Whether a container compares as those of Python do: those of dirty-equals do not."""
    return not _is_of(value, "dirty_equals", "DirtyEquals")


def _is_of(value: object, package: str, name: str) -> bool:
    """Whether it is of a class that nobody has to have installed, or of one derived from it."""
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
    if type(wanted).__eq__ is not type.__eq__:  # dirty-equals takes its classes without brackets
        return PythonMatcher(Description(wanted.__name__, ""), _equal_to(wanted))
    if wanted in _KINDS:
        return MATCHERS[_KINDS[wanted]].matcher
    known = ", ".join(kind.__name__ for kind in _KINDS)
    raise TypeError(f"{wanted.__name__} is no kind of JSON value; these are: {known}")


def _equal_to(wanted: object) -> Objection:
    return lambda got: None if got == wanted else ""


def _regex(wanted: re.Pattern[str]) -> Matcher:
    if isinstance(wanted.pattern, bytes):
        raise TypeError("a regex of bytes matches no text")
    words = Description(
        f"matching /{wanted.pattern}/{'i' if wanted.flags & re.IGNORECASE else ''}", ""
    )
    return PythonMatcher(
        words, lambda got: None if isinstance(got, str) and wanted.search(got) else ""
    )


def _function(holds: Callable[[JSON], object]) -> Matcher:
    """A function says whether it holds; a text is the reason why it does not."""

    def objection(got: JSON) -> str | None:
        said = holds(got)
        if isinstance(said, str):
            return said or "it returned an empty text"
        if said is None:
            return "it returned None; it must return True or False, or the reason as text"
        return None if said else ""

    return PythonMatcher(Description(f"what {_name(holds)} accepts", ""), objection)


def _name(function: object) -> str:
    code = getattr(function, "__code__", None)
    qualified = getattr(function, "__qualname__", "")
    name = qualified.rpartition(".")[2] or repr(function)
    return f"the lambda in line {code.co_firstlineno}" if name == "<lambda>" and code else name


def _own(got: JSON) -> JSON:
    """A copy of a container: what foreign code does to it changes no evidence."""
    return json_codec.parse(json_codec.write(got)) if isinstance(got, dict | list) else got


_PLACE = ("expect", 0)
"""Where a file would have it: how deep it may nest counts from there."""
_SPELLED = {"one_of": "one-of"}
_NOT_HERE = {
    "id": "the order of calls is the business of a scenario file",
    "after": "the order of calls is the business of a scenario file",
    "within": "give `timeout` to `wait_for`, or write a scenario file",
    "timeout": "`expect` looks at once; `wait_for(…, timeout=…)` waits",
}


def expectation_of(call: Mapping[str, object], place: Location) -> Expectation:
    """The expectation that keywords mean, at its place in the test.

    Text is literal, whatever it begins with. Raises MisuseError for what no call can be, in
    the words of the scenario language.
    """
    for key in _NOT_HERE.keys() & call.keys():
        raise MisuseError(f"{key}: {_NOT_HERE[key]}")
    hooks: dict[str, Expected] = {}
    item: Payload = {}
    for key, value in call.items():
        try:
            item[_SPELLED.get(key, key)] = _written(_line(key, value), hooks)
        except TypeError as error:
            raise MisuseError(f"{key}: {error}") from None
    # A document around it would say nothing more: ids and `after` are refused above.
    reader = ParseContext(Document(place.file, {"expect": [item]}, {_PLACE: place}))
    wanted = read_expectation(reader, _PLACE, item, Scope(Definitions({}, hooks), hooks))
    if reader.issues:
        wrong = (
            f"{issue.path.removeprefix('expect[0]').lstrip('.')}: {issue.message}"
            for issue in reader.sorted_issues()
        )
        said = "\n".join(line.removeprefix(": ") for line in wrong)
        for written, value in zip(item.values(), call.values(), strict=True):
            if isinstance(written, str) and written[1:] in hooks:
                said = said.replace(f'"{written}" (string)', repr(value))
        raise MisuseError(said)
    return wanted


def values_of(given: Mapping[str, object]) -> dict[str, JSON]:
    """Values of the variables of a scenario file. Raises MisuseError for what is no JSON value."""
    values: dict[str, JSON] = {}
    for name, value in given.items():
        hooks: dict[str, Expected] = {}
        try:
            want = want_of(value)
            _written(want, hooks)
        except TypeError as error:
            raise MisuseError(f"{name}: {error}") from None
        if hooks:
            matcher = "a variable has one value; a matcher belongs into the file"
            raise MisuseError(f"{name}: {value!r} is a matcher: {matcher}")
        values[name] = cast("JSON", want)
    return values


def _line(key: str, value: object) -> Expected:
    """A value as a want; `dropped=True` means for whatever reason."""
    return None if key == "dropped" and value is True else want_of(value)


def _written(want: Expected, hooks: dict[str, Expected]) -> JSON:
    """A want as a file would have it; matchers become names, which `hooks` resolve."""
    if isinstance(want, Matcher):
        name = f"python_{len(hooks)}"
        hooks[name] = want
        return f"${name}"
    if isinstance(want, dict):
        return {escape(key): _written(member, hooks) for key, member in want.items()}
    if isinstance(want, list):
        return [_written(member, hooks) for member in want]
    return escape(want) if isinstance(want, str) else want  # type: ignore[return-value] # a scalar
