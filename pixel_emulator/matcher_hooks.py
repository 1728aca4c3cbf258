"""Matchers that other packages register: entry points of the group `pixel_emulator.matchers`.

Each is a function from a value to the reason why it does not match, or None where it does.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.matching.predicates import Named

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP = "pixel_emulator.matchers"


class MatcherHooks(Mapping[str, Expected]):
    """The registered matchers by name; one is imported when a scenario asks for it."""

    def __getitem__(self, name: str) -> Expected:
        """The matcher. Raises KeyError, and InputError where it cannot be imported."""
        point = self._points[name]
        where = f"the matcher `${name}` ({point.value})"
        try:
            function = point.load()
        except Exception as error:  # noqa: BLE001 - foreign code: importing it may raise anything
            raise InputError(InputIssue(f"{where} cannot be loaded: {error}")) from None
        if not callable(function):
            raise InputError(InputIssue(f"{where} is no function"))
        return Named(name, function)

    def __iter__(self) -> Iterator[str]:
        return iter(self._points.names)

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        return name in self._points.names

    @cached_property
    def _points(self) -> "EntryPoints":
        from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and rarely needed

        return entry_points(group=GROUP)
