"""What stands behind an operator, read as the operator takes it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.matching.diff import described
from pixel_emulator.core.matching.expected import Described, Expected, is_plain
from pixel_emulator.core.matching.predicates import Predicate
from pixel_emulator.core.matching.unification import variables
from pixel_emulator.core.model import JSON, JsonPath, Payload

UNREAD: Expected = Predicate(Described("unreadable", ""), lambda _: False)
"""What stands for a value that could not be read; its mistake is noted. It matches nothing."""


_NO_VALUE = "has no value before the calls come"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """What stands at `steps` behind an operator; `beside` is the map that the operator is in.

    A method that finds another thing than it should notes the mistake, and gives an empty value.
    """

    reader: Reader
    steps: JsonPath
    value: JSON
    beside: Payload
    read: Callable[[JsonPath, JSON], Expected]

    def wrong(self, message: str) -> None:
        """Note a mistake at the operand."""
        self.reader.wrong(self.steps, message)

    def want(self) -> Expected:
        """Any want."""
        return self.read(self.steps, self.value)

    def without_variables(self) -> Expected:
        """A want in which no variable is without a value."""
        want = self.want()
        for name in sorted(variables(want)):
            self.wrong(f"`${name}` {_NO_VALUE}: nothing could be told to differ from it")
        return want

    def wants(self) -> tuple[Expected, ...]:
        """A list of wants, at least one."""
        want = self.want()
        if isinstance(want, list) and want:
            return tuple(want)
        if want is not UNREAD:
            self.wrong(f"takes a list, but gets {self._gets(want) if want else 'an empty one'}")
        return ()

    def members(self) -> dict[str, Expected]:
        """A map of wants by keys."""
        want = self.want()
        if isinstance(want, dict):
            return want
        if want is not UNREAD:
            self.wrong(f"takes a map of keys, but gets {self._gets(want)}")
        return {}

    def plain(self, takes: str, make: Callable[[JSON], Expected | None]) -> Expected:
        """What `make` makes of a value without matchers; it may refuse it with None."""
        want = self.want()
        if want is UNREAD:
            return UNREAD
        made = make(cast("JSON", want)) if is_plain(want) else None
        if made is None:
            self.wrong(f"takes {takes}, but gets {self._gets(want)}")
        return UNREAD if made is None else made

    def text(self, make: Callable[[str], Expected]) -> Expected:
        """What `make` makes of a text that is not empty."""
        return self.plain(
            "a text that is not empty",
            lambda value: make(value) if isinstance(value, str) and value else None,
        )

    def besides(self, key: str) -> "Operand":
        """The operand of another operator of the same map."""
        return replace(self, steps=(*self.steps[:-1], key), value=self.beside[key])

    def length(self) -> Expected:
        """A number of characters, items or keys, or a matcher for it."""
        want = self.want()
        if is_plain(want) and (isinstance(want, bool) or not isinstance(want, int) or want < 0):
            self.wrong(f"takes a whole number, or a matcher for it, but gets {self._gets(want)}")
        return want

    def _gets(self, want: Expected) -> str:
        names = sorted(variables(want))
        if names:
            return f"`${names[0]}`: it {_NO_VALUE}"
        if not is_plain(want):
            return f"a matcher: {described(want)}"
        return shown(cast("JSON", want))
