"""Definitions: what `define` says, from one file or several, and that none contains itself."""

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.grammar.values import MATCHERS, OPERATORS
from pixel_emulator.core.model import JSON, JsonPath, Payload

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a variable or a definition may be called."""

MOST_VALUES = 10_000
"""Values that a definition may stand for, with all that it uses: the end of billion laughs."""
DEEPEST = 50
"""Levels of a definition, with all that it uses."""

_INSIDE = re.compile(r"\$\$|\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Definition:
    """The value that stands under a name, and where."""

    reader: Reader
    steps: JsonPath
    value: JSON

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return str(self.reader.location(self.steps))


class Definitions:
    """The definitions that a scenario may use; `hooks` are the names of registered matchers.

    `broken` are those that contain themselves or stand for too much: their mistakes are noted.
    `open` are those that ask for a name which is not known here, say for a variable of a scenario
    that uses them.
    """

    def __init__(self, found: Mapping[str, Definition], hooks: Container[str] = ()) -> None:
        self.found = found
        self.broken: set[str] = set()
        self.open: set[str] = set()
        self._hooks = hooks
        self._asked = {name: Counter(_names(each.value)) for name, each in found.items()}
        self._weights: dict[str, tuple[int, int]] = {}
        for name in found:
            self._follow(name)

    def _follow(self, first: str) -> None:
        """Weigh a definition after those that it uses, without recursion."""
        begun: dict[str, Iterator[str]] = {}
        coming = [first]
        while coming or begun:
            if not coming:
                last = next(reversed(begun))
                coming = [*islice(begun[last], 1)]
                if not coming:
                    del begun[last]
                    self._weigh(last)
                continue
            name = coming.pop()
            if name in begun:
                way = [*begun]
                self._refuse_circle([*way[way.index(name) :], name])
            elif name not in self._weights:
                begun[name] = iter(self._asked[name].keys() & self.found.keys())

    def _refuse_circle(self, names: list[str]) -> None:
        definition = self.found[names[0]]
        way = " → ".join(f"${name}" for name in names)
        definition.reader.wrong(definition.steps, f"contains itself: {way}")
        self.broken.update(names)

    def _weigh(self, name: str) -> None:
        definition, asked = self.found[name], self._asked[name]
        values, depth = _weight(definition.value)
        deepest = 0
        for used in asked.keys() & self._weights.keys():
            values += asked[used] * self._weights[used][0]
            deepest = max(deepest, self._weights[used][1])
        self._weights[name] = min(values, MOST_VALUES + 1), min(depth + deepest, DEEPEST + 1)
        for marked in (self.broken, self.open):
            if marked & asked.keys():
                marked.add(name)
        if any(each not in self.found and not matcher_called(each, self._hooks) for each in asked):
            self.open.add(name)
        if name in self.broken:
            return
        if values > MOST_VALUES:
            message = f"stands for more than {MOST_VALUES:,} values, with what it uses"
        elif depth + deepest > DEEPEST:
            message = f"nests deeper than {DEEPEST} levels, with what it uses"
        else:
            return
        definition.reader.wrong(definition.steps, message)
        self.broken.add(name)


def _weight(value: JSON) -> tuple[int, int]:
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


def _names(value: JSON) -> Iterator[str]:
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


def read_use(reader: Reader, data: Payload) -> Iterator[tuple[JsonPath, str]]:
    """The files that a document names in `use`, each with its place."""
    value = data.get("use", [])
    if isinstance(value, str):
        reader.wrong(("use",), f"must be a list: write [{value}]")
        return
    for steps, file in reader.items(("use",), value):
        if isinstance(file, str) and file:
            yield steps, file
        else:
            reader.wrong(steps, "must be the name of a file")


def read_define(
    reader: Reader, steps: JsonPath, value: JSON, hooks: Container[str]
) -> dict[str, Definition]:
    """The definitions under `define`; `hooks` are the names of registered matchers."""
    if not isinstance(value, dict):
        reader.wrong(steps, f"must be a map of names to values, but is {shown(value)}")
        return {}
    for name in value:
        check_name(reader, (*steps, name), name)
        if taken := matcher_called(name, hooks):
            reader.wrong((*steps, name), f"`${name}` is {taken} already: choose another name")
    return {name: Definition(reader, (*steps, name), each) for name, each in value.items()}


def matcher_called(name: str, hooks: Container[str]) -> str:
    """What kind of matcher has this name; empty for none."""
    if {f"${name}"} & (MATCHERS.keys() | OPERATORS.keys()):
        return "a matcher"
    return "a matcher of a plugin" if name in hooks else ""


def check_name(reader: Reader, steps: JsonPath, name: str) -> None:
    """Refuse a name that no `$name` could refer to."""
    if NAME.fullmatch(name):
        return
    bare = name.removeprefix("$")
    advice = f": write it without `$`, {bare}" if NAME.fullmatch(bare) else ""
    reader.wrong(steps, f"a name has letters, digits and `_`, and begins with no digit{advice}")
