"""Definitions: what `define` says, from one file or several, and that none contains itself."""

import re
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from pixel_emulator.core.matching.expected import ABSENT, Absent, Expected, is_literal, text_form
from pixel_emulator.core.matching.unification import variable_names
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.parser.context import ParseContext, value_text
from pixel_emulator.core.parser.operators import INVALID
from pixel_emulator.core.parser.values import MATCHERS, OPERATORS, read_text, read_value

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a variable or a definition may be called."""

MAX_VALUES = 10_000
"""Values that a definition may stand for, with all that it uses: the end of billion laughs."""
MAX_DEPTH = 50
"""Levels of a definition, with all that it uses."""

_INSIDE = re.compile(r"\$\$|\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Definition:
    """The value that stands under a name, and where."""

    context: ParseContext
    at: JsonPath
    value: JSON

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return str(self.context.location(self.at))


class Definitions:
    """The definitions that a scenario may use; `plugin_matchers` are the names of registered
    matchers.

    `broken` are those that contain themselves or stand for too much: their mistakes are noted.
    `incomplete` are those that ask for a name which is not known here, say for a variable of a
    scenario that uses them.
    """

    def __init__(
        self, found: Mapping[str, Definition], plugin_matchers: Container[str] = ()
    ) -> None:
        self.by_name = found
        self.broken: set[str] = set()
        self.incomplete: set[str] = set()
        self._plugin_matchers = plugin_matchers
        self._references = {
            name: Counter(_referenced_names(each.value)) for name, each in found.items()
        }
        self._sizes: dict[str, tuple[int, int]] = {}
        for name in found:
            self._measure(name)

    def _measure(self, first: str) -> None:
        """Weigh a definition after those that it uses, without recursion."""
        begun: dict[str, Iterator[str]] = {}
        coming = [first]
        while coming or begun:
            if not coming:
                last = next(reversed(begun))
                coming = [*islice(begun[last], 1)]
                if not coming:
                    del begun[last]
                    self._check_size(last)
                continue
            name = coming.pop()
            if name in begun:
                way = [*begun]
                self._reject_cycle([*way[way.index(name) :], name])
            elif name not in self._sizes:
                begun[name] = iter(self._references[name].keys() & self.by_name.keys())

    def _reject_cycle(self, names: list[str]) -> None:
        definition = self.by_name[names[0]]
        way = " → ".join(f"${name}" for name in names)
        definition.context.add_issue(definition.at, f"contains itself: {way}")
        self.broken.update(names)

    def _check_size(self, name: str) -> None:
        definition, asked = self.by_name[name], self._references[name]
        values, depth = _size_and_depth(definition.value)
        deepest = 0
        for used in asked.keys() & self._sizes.keys():
            values += asked[used] * self._sizes[used][0]
            deepest = max(deepest, self._sizes[used][1])
        self._sizes[name] = min(values, MAX_VALUES + 1), min(depth + deepest, MAX_DEPTH + 1)
        for marked in (self.broken, self.incomplete):
            if marked & asked.keys():
                marked.add(name)
        if any(
            each not in self.by_name and not matcher_kind(each, self._plugin_matchers)
            for each in asked
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
    """How many values it holds, and on how many levels."""
    values = deepest = 0
    stack = [(value, 1)]
    while stack:
        each, depth = stack.pop()
        values, deepest = values + 1, max(deepest, depth)
        if isinstance(each, dict | list):
            inner = each.values() if isinstance(each, dict) else each
            stack += [(item, depth + 1) for item in inner]
    return values, deepest


def _referenced_names(value: JSON) -> Iterator[str]:
    """Each name that a text inside the value asks for."""
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack += each.values()
        elif isinstance(each, list):
            stack += each
        elif isinstance(each, str) and not each.startswith("$/"):
            whole = each.removeprefix("$")
            if each.startswith("$") and NAME.fullmatch(whole):
                yield whole
            yield from filter(None, _INSIDE.findall(each))


def read_use(context: ParseContext, data: Payload) -> Iterator[tuple[JsonPath, str]]:
    """The files that a document names in `use`, each with its place."""
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
    """The definitions under `define`; `plugin_matchers` are the names of registered matchers."""
    if not isinstance(value, dict):
        context.add_issue(at, f"must be a map of names to values, but is {value_text(value)}")
        return {}
    for name in value:
        check_name(context, (*at, name), name)
        if taken := matcher_kind(name, plugin_matchers):
            context.add_issue((*at, name), f"`${name}` is {taken} already: choose another name")
    return {name: Definition(context, (*at, name), each) for name, each in value.items()}


def matcher_kind(name: str, plugin_matchers: Container[str]) -> str:
    """What kind of matcher has this name; empty for none."""
    if {f"${name}"} & (MATCHERS.keys() | OPERATORS.keys()):
        return "a matcher"
    return "a matcher of a plugin" if name in plugin_matchers else ""


def check_name(context: ParseContext, at: JsonPath, name: str) -> None:
    """Refuse a name that no `$name` could refer to."""
    if NAME.fullmatch(name):
        return
    bare = name.removeprefix("$")
    advice = f": write it without `$`, {bare}" if NAME.fullmatch(bare) else ""
    context.add_issue(at, f"a name has letters, digits and `_`, and begins with no digit{advice}")


_MAX_NESTING = 200  # levels; `read_value` refuses what nests deeper


@dataclass(slots=True)
class Scope:
    """The names of one scenario, in one of its cases.

    `given` are the variables that have a value, `variables` those that do not, `plugin_matchers`
    the matchers that Python registered. `used` are the names that were asked for.
    """

    definitions: Definitions
    plugin_matchers: Mapping[str, Expected] = field(default_factory=dict)
    given: dict[str, JSON] = field(default_factory=dict)
    variables: dict[str, Expected] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _compiled: dict[str, Expected] = field(default_factory=dict)

    def lookup(self, name: str) -> Expected | Absent:
        """What `$name` stands for, or ABSENT."""
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
        """All names that stand for something."""
        return {*self.given, *self.variables, *self.definitions.by_name, *self.plugin_matchers}

    def _definition(self, name: str) -> Expected:
        if name in self.definitions.broken:  # its mistake is noted
            return INVALID
        if name not in self._compiled:
            found = self.definitions.by_name[name]
            self._compiled[name] = read_value(found.context, found.at, found.value, self)
        return self._compiled[name]


def read_constant_text(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> str:
    """A text that is known before any call comes: it may hold variables that have a value."""
    want = read_text(context, at, value, scope)
    if isinstance(want, str):
        return want
    if isinstance(want, int | float) and (number := text_form(want)) is not None:
        return number
    _reject_not_constant(context, at, want)
    return ""


def read_constant(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> JSON:
    """A value that is known before any call comes, down to its last text."""
    inner = value if len(at) < _MAX_NESTING else None
    if isinstance(inner, dict) and not any(_is_operator(key) for key in inner):
        return {
            key.replace("$$", "$"): read_constant(context, (*at, key), each, scope)
            for key, each in inner.items()
        }
    if isinstance(inner, list):
        return [
            read_constant(context, (*at, index), each, scope) for index, each in enumerate(inner)
        ]
    want = read_value(context, at, value, scope)
    if is_literal(want):
        return want  # type: ignore[return-value] # plain: no matcher in it
    _reject_not_constant(context, at, want)
    return None


def read_constant_map(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> Payload:
    """A map that is known before any call comes."""
    found = read_constant(context, at, value, scope)
    if isinstance(found, dict):
        return found
    context.add_issue(at, f"must be a map, but is {value_text(value)}")
    return {}


def _is_operator(key: str) -> bool:
    return key.startswith("$") and not key.startswith("$$")


def _reject_not_constant(context: ParseContext, at: JsonPath, want: Expected) -> None:
    if want is INVALID:
        return
    unknown = sorted(variable_names(want))
    if unknown:
        name = unknown[0]
        give = f"`let: {{{name}: …}}`, a row of `cases`, or `--let {name}=…`"
        message = f"`${name}` has no value before the calls come; give it one by {give}"
    else:
        message = "must be a plain value: no call is there yet that a matcher could look at"
    context.add_issue(at, message)
