"""What stands behind an operator, read as the operator takes it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.matching.captures import variables
from pixel_emulator.core.matching.checks import Check
from pixel_emulator.core.matching.differences import described
from pixel_emulator.core.matching.values import Described
from pixel_emulator.core.matching.wants import Want, is_plain
from pixel_emulator.core.model import JSON, JsonPath, Payload

UNREAD: Want = Check(Described("unreadable", ""), lambda _: False)
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
    read: Callable[[JsonPath, JSON], Want]

    def wrong(self, message: str) -> None:
        """Note a mistake at the operand."""
        self.reader.wrong(self.steps, message)

    def want(self) -> Want:
        """Any want."""
        return self.read(self.steps, self.value)

    def without_variables(self) -> Want:
        """A want in which no variable is without a value."""
        want = self.want()
        for name in sorted(variables(want)):
            self.wrong(f"`${name}` {_NO_VALUE}: nothing could be told to differ from it")
        return want

    def wants(self) -> tuple[Want, ...]:
        """A list of wants, at least one."""
        want = self.want()
        if isinstance(want, list) and want:
            return tuple(want)
        if want is not UNREAD:
            self.wrong(f"takes a list, but gets {self._gets(want) if want else 'an empty one'}")
        return ()

    def members(self) -> dict[str, Want]:
        """A map of wants by keys."""
        want = self.want()
        if isinstance(want, dict):
            return want
        if want is not UNREAD:
            self.wrong(f"takes a map of keys, but gets {self._gets(want)}")
        return {}

    def plain(self, takes: str, make: Callable[[JSON], Want | None]) -> Want:
        """What `make` makes of a value without matchers; it may refuse it with None."""
        want = self.want()
        if want is UNREAD:
            return UNREAD
        made = make(cast("JSON", want)) if is_plain(want) else None
        if made is None:
            self.wrong(f"takes {takes}, but gets {self._gets(want)}")
        return UNREAD if made is None else made

    def text(self, make: Callable[[str], Want]) -> Want:
        """What `make` makes of a text that is not empty."""
        return self.plain(
            "a text that is not empty",
            lambda value: make(value) if isinstance(value, str) and value else None,
        )

    def besides(self, key: str) -> "Operand":
        """The operand of another operator of the same map."""
        return replace(self, steps=(*self.steps[:-1], key), value=self.beside[key])

    def length(self) -> Want:
        """A number of characters, items or keys, or a matcher for it."""
        want = self.want()
        if is_plain(want) and (isinstance(want, bool) or not isinstance(want, int) or want < 0):
            self.wrong(f"takes a whole number, or a matcher for it, but gets {self._gets(want)}")
        return want

    def _gets(self, want: Want) -> str:
        names = sorted(variables(want))
        if names:
            return f"`${names[0]}`: it {_NO_VALUE}"
        if not is_plain(want):
            return f"a matcher: {described(want)}"
        return shown(cast("JSON", want))
