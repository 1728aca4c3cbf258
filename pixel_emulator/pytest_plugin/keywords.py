"""The keywords of `expect` and `wait_for` as an expectation: the words are the language's own."""

from collections.abc import Mapping
from typing import cast

from pixel_emulator.core.errors import Document, Location
from pixel_emulator.core.matching.expected import Expected, Matcher
from pixel_emulator.core.model import JSON, Payload
from pixel_emulator.core.parser.context import ParseContext, escape
from pixel_emulator.core.parser.definitions import Definitions, Scope
from pixel_emulator.core.parser.expectations import read_expectation
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.pytest_plugin.places import MisuseError
from pixel_emulator.pytest_plugin.values import want_of

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
            f"{each.path.removeprefix('expect[0]').lstrip('.')}: {each.message}"
            for each in reader.sorted_issues()
        )
        said = "\n".join(each.removeprefix(": ") for each in wrong)
        for written, value in zip(item.values(), call.values(), strict=True):
            if isinstance(written, str) and written[1:] in hooks:
                said = said.replace(f'"{written}" (string)', repr(value))
        raise MisuseError(said)
    return wanted


def values_of(given: Mapping[str, object]) -> dict[str, JSON]:
    """Values of the variables of a scenario file. Raises MisuseError for what is no JSON value."""
    found: dict[str, JSON] = {}
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
        found[name] = cast("JSON", want)
    return found


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
        return {escape(key): _written(each, hooks) for key, each in want.items()}
    if isinstance(want, list):
        return [_written(each, hooks) for each in want]
    return escape(want) if isinstance(want, str) else want  # type: ignore[return-value] # a scalar
