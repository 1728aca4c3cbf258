"""Definitions: parse `define`, resolve names, and refuse cycles and excessive sizes."""

import re
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from pixel_emulator.core.matching.expected import ABSENT, Absent, Expected, is_literal, text_form
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.parser.operators import INVALID
from pixel_emulator.core.parser.parse_context import ParseContext, value_text
from pixel_emulator.core.parser.values import MATCHERS, OPERATORS, read_text, read_value

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The name of a variable or a definition."""

MAX_VALUES = 10_000
"""Values that a definition may expand to; prevents exponential expansion (billion laughs)."""
MAX_DEPTH = 50
"""Levels that a definition may expand to."""

_INSIDE = re.compile(r"\$\$|\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Definition:
    """A defined value with its path and the document it is in."""

    context: ParseContext
    at: JsonPath
    value: JSON

    @property
    def location_text(self) -> str:
        """The location, as messages show it."""
        return str(self.context.location(self.at))


class Definitions:
    """The definitions that a scenario may use; `plugin_matchers` are names of registered matchers.

    `broken` are definitions that contain themselves or are too large; their issues are added.
    `incomplete` are definitions that refer to a name unknown here, such as a variable of a
    scenario that uses them.
    """

    def __init__(
        self, by_name: Mapping[str, Definition], plugin_matchers: Container[str] = ()
    ) -> None:
        self.by_name = by_name
        self.broken: set[str] = set()
        self.incomplete: set[str] = set()
        self._plugin_matchers = plugin_matchers
        self._references = {
            name: Counter(_referenced_names(definition.value))
            for name, definition in by_name.items()
        }
        self._sizes: dict[str, tuple[int, int]] = {}
        for name in by_name:
            self._measure(name)

    def _measure(self, first: str) -> None:
        """Check a definition after those that it uses, without recursion."""
        open_names: dict[str, Iterator[str]] = {}
        pending = [first]
        while pending or open_names:
            if not pending:
                last = next(reversed(open_names))
                pending = [*islice(open_names[last], 1)]
                if not pending:
                    del open_names[last]
                    self._check_size(last)
                continue
            name = pending.pop()
            if name in open_names:
                path = [*open_names]
                self._reject_cycle([*path[path.index(name) :], name])
            elif name not in self._sizes:
                open_names[name] = iter(self._references[name].keys() & self.by_name.keys())

    def _reject_cycle(self, names: list[str]) -> None:
        definition = self.by_name[names[0]]
        cycle = " → ".join(f"${name}" for name in names)
        definition.context.add_issue(definition.at, f"contains itself: {cycle}")
        self.broken.update(names)

    def _check_size(self, name: str) -> None:
        definition, references = self.by_name[name], self._references[name]
        values, depth = _size_and_depth(definition.value)
        deepest = 0
        for used in references.keys() & self._sizes.keys():
            values += references[used] * self._sizes[used][0]
            deepest = max(deepest, self._sizes[used][1])
        self._sizes[name] = min(values, MAX_VALUES + 1), min(depth + deepest, MAX_DEPTH + 1)
        for names in (self.broken, self.incomplete):
            if names & references.keys():
                names.add(name)
        if any(
            used not in self.by_name and not matcher_kind(used, self._plugin_matchers)
            for used in references
        ):
            self.incomplete.add(name)
        if name in self.broken:
            return
        if values > MAX_VALUES:
            message = f"stands for more than {MAX_VALUES:,} values, with what it uses"
        elif depth + deepest > MAX_DEPTH:
            message = f"nests deeper than {MAX_DEPTH} levels, with what it uses"
        else:
            return
        definition.context.add_issue(definition.at, message)
        self.broken.add(name)


def _size_and_depth(value: JSON) -> tuple[int, int]:
    """Return the number of values in `value` and the number of its levels."""
    values = deepest = 0
    stack = [(value, 1)]
    while stack:
        part, depth = stack.pop()
        values, deepest = values + 1, max(deepest, depth)
        if isinstance(part, dict | list):
            inner = part.values() if isinstance(part, dict) else part
            stack += [(item, depth + 1) for item in inner]
    return values, deepest


def _referenced_names(value: JSON) -> Iterator[str]:
    """Yield every name that a text inside the value refers to."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            stack += part.values()
        elif isinstance(part, list):
            stack += part
        elif isinstance(part, str) and not part.startswith("$/"):
            whole = part.removeprefix("$")
            if part.startswith("$") and NAME.fullmatch(whole):
                yield whole
            yield from filter(None, _INSIDE.findall(part))


def read_use(context: ParseContext, data: Payload) -> Iterator[tuple[JsonPath, str]]:
    """Yield the path and the name of each file in `use`."""
    value = data.get("use", [])
    if isinstance(value, str):
        context.add_issue(("use",), f"must be a list: write [{value}]")
        return
    for at, file in context.items(("use",), value):
        if isinstance(file, str) and file:
            yield at, file
        else:
            context.add_issue(at, "must be the name of a file")


def read_define(
    context: ParseContext, at: JsonPath, value: JSON, plugin_matchers: Container[str]
) -> dict[str, Definition]:
    """Return the definitions under `define`; `plugin_matchers` are names they may not take."""
    if not isinstance(value, dict):
        context.add_issue(at, f"must be a map of names to values, but is {value_text(value)}")
        return {}
    for name in value:
        check_name(context, (*at, name), name)
        if taken := matcher_kind(name, plugin_matchers):
            context.add_issue((*at, name), f"`${name}` is {taken} already: choose another name")
    return {name: Definition(context, (*at, name), inner) for name, inner in value.items()}


def matcher_kind(name: str, plugin_matchers: Container[str]) -> str:
    """Return the kind of matcher that has this name; empty if there is none."""
    if {f"${name}"} & (MATCHERS.keys() | OPERATORS.keys()):
        return "a matcher"
    return "a matcher of a plugin" if name in plugin_matchers else ""


def check_name(context: ParseContext, at: JsonPath, name: str) -> None:
    """Add an issue if `$name` cannot refer to the name."""
    if NAME.fullmatch(name):
        return
    bare = name.removeprefix("$")
    advice = f": write it without `$`, {bare}" if NAME.fullmatch(bare) else ""
    context.add_issue(at, f"a name has letters, digits and `_`, and begins with no digit{advice}")


_MAX_NESTING = 200  # levels; `read_value` refuses deeper values


@dataclass(slots=True)
class Scope:
    """The names of one scenario, for one of its cases.

    `given` are the variables that have a value, `variables` those that do not, `plugin_matchers`
    the matchers registered in Python. `used` are the names that were looked up.
    """

    definitions: Definitions
    plugin_matchers: Mapping[str, Expected] = field(default_factory=dict)
    given: dict[str, JSON] = field(default_factory=dict)
    variables: dict[str, Expected] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _compiled: dict[str, Expected] = field(default_factory=dict)

    def lookup(self, name: str) -> Expected | Absent:
        """Return the meaning of `$name`, or ABSENT if it has none."""
        self.used.add(name)
        if name in self.given:
            return self.given[name]
        if name in self.variables:
            return self.variables[name]
        if name in self.definitions.by_name:
            return self._definition(name)
        if name in self.plugin_matchers:
            return self.plugin_matchers[name]
        return ABSENT

    def names(self) -> Collection[str]:
        """Return all names that have a meaning."""
        return {*self.given, *self.variables, *self.definitions.by_name, *self.plugin_matchers}

    def _definition(self, name: str) -> Expected:
        if name in self.definitions.broken:  # the issue is already added
            return INVALID
        if name not in self._compiled:
            definition = self.definitions.by_name[name]
            context, at = definition.context, definition.at
            self._compiled[name] = read_value(context, at, definition.value, self)
        return self._compiled[name]


def read_constant_text(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> str:
    """Parse a text that is known before any call arrives; variables in it need a value."""
    expected = read_text(context, at, value, scope)
    if isinstance(expected, str):
        return expected
    if isinstance(expected, int | float) and (number := text_form(expected)) is not None:
        return number
    _reject_not_constant(context, at, expected)
    return ""


def read_constant(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> JSON:
    """Parse a value that is known before any call arrives, including the texts inside it."""
    inner = value if len(at) < _MAX_NESTING else None
    if isinstance(inner, dict) and not any(_is_operator(key) for key in inner):
        return {
            key.replace("$$", "$"): read_constant(context, (*at, key), member, scope)
            for key, member in inner.items()
        }
    if isinstance(inner, list):
        return [
            read_constant(context, (*at, index), item, scope) for index, item in enumerate(inner)
        ]
    expected = read_value(context, at, value, scope)
    if is_literal(expected):
        return expected
    _reject_not_constant(context, at, expected)
    return None


def read_constant_map(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> Payload:
    """Parse a map that is known before any call arrives."""
    constant = read_constant(context, at, value, scope)
    if isinstance(constant, dict):
        return constant
    context.add_issue(at, f"must be a map, but is {value_text(value)}")
    return {}


def _is_operator(key: str) -> bool:
    return key.startswith("$") and not key.startswith("$$")


def _reject_not_constant(context: ParseContext, at: JsonPath, expected: Expected) -> None:
    if expected is INVALID:
        return
    unknown = sorted(variable_names(expected))
    if unknown:
        name = unknown[0]
        give = f"`let: {{{name}: …}}`, a row of `cases`, or `--let {name}=…`"
        message = f"`${name}` has no value before the calls come; give it one by {give}"
    else:
        message = "must be a plain value: no call is there yet that a matcher could look at"
    context.add_issue(at, message)
