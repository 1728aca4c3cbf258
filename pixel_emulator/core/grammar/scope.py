"""What the names of one scenario stand for: variables, given values, definitions, hooks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pixel_emulator.core.grammar.definitions import Definitions
from pixel_emulator.core.grammar.operands import UNREAD
from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.grammar.values import read_text, read_value
from pixel_emulator.core.matching.expected import ABSENT, Absent, Expected, is_plain, written
from pixel_emulator.core.matching.unification import variables
from pixel_emulator.core.model import JSON, JsonPath, Payload

_DEEPEST = 200  # levels; `read_value` refuses what nests deeper


@dataclass(slots=True)
class Scope:
    """The names of one scenario, in one of its cases.

    `given` are the variables that have a value, `lets` those that do not, `hooks` the matchers
    that Python registered. `used` are the names that were asked for.
    """

    definitions: Definitions
    hooks: Mapping[str, Expected] = field(default_factory=dict)
    given: dict[str, JSON] = field(default_factory=dict)
    lets: dict[str, Expected] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _compiled: dict[str, Expected] = field(default_factory=dict)

    def meaning(self, name: str) -> Expected | Absent:
        """What `$name` stands for, or ABSENT."""
        self.used.add(name)
        if name in self.given:
            return self.given[name]
        if name in self.lets:
            return self.lets[name]
        if name in self.definitions.found:
            return self._definition(name)
        if name in self.hooks:
            return self.hooks[name]
        return ABSENT

    def known(self) -> Collection[str]:
        """All names that stand for something."""
        return {*self.given, *self.lets, *self.definitions.found, *self.hooks}

    def _definition(self, name: str) -> Expected:
        if name in self.definitions.broken:  # its mistake is noted
            return UNREAD
        if name not in self._compiled:
            found = self.definitions.found[name]
            self._compiled[name] = read_value(found.reader, found.steps, found.value, self)
        return self._compiled[name]


def plain_text(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> str:
    """A text that is known before any call comes: it may hold variables that have a value."""
    want = read_text(reader, steps, value, scope)
    if isinstance(want, str):
        return want
    if isinstance(want, int | float) and (number := written(want)) is not None:
        return number
    _refuse(reader, steps, want)
    return ""


def plain_value(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> JSON:
    """A value that is known before any call comes, down to its last text."""
    inner = value if len(steps) < _DEEPEST else None
    if isinstance(inner, dict) and not any(_is_operator(key) for key in inner):
        return {
            key.replace("$$", "$"): plain_value(reader, (*steps, key), each, scope)
            for key, each in inner.items()
        }
    if isinstance(inner, list):
        return [
            plain_value(reader, (*steps, index), each, scope) for index, each in enumerate(inner)
        ]
    want = read_value(reader, steps, value, scope)
    if is_plain(want):
        return want  # type: ignore[return-value] # plain: no matcher in it
    _refuse(reader, steps, want)
    return None


def plain_map(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> Payload:
    """A map that is known before any call comes."""
    found = plain_value(reader, steps, value, scope)
    if isinstance(found, dict):
        return found
    reader.wrong(steps, f"must be a map, but is {shown(value)}")
    return {}


def _is_operator(key: str) -> bool:
    return key.startswith("$") and not key.startswith("$$")


def _refuse(reader: Reader, steps: JsonPath, want: Expected) -> None:
    if want is UNREAD:
        return
    unknown = sorted(variables(want))
    if unknown:
        name = unknown[0]
        give = f"`let: {{{name}: …}}`, a row of `cases`, or `--let {name}=…`"
        message = f"`${name}` has no value before the calls come; give it one by {give}"
    else:
        message = "must be a plain value: no call is there yet that a matcher could look at"
    reader.wrong(steps, message)
