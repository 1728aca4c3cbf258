"""Typed access to the data of a document; each error names the file, the line and the path."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pixel_emulator.core.errors import Document, InputError, did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.json_codec import json_type
from pixel_emulator.core.times import parse_clock, parse_utc

_TIME_FORMAT = "a time like 2026-01-31T12:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document, with its path `at`; the value of a missing key is None.

    Each method raises InputError if the value is of another type.
    """

    document: Document
    at: JsonPath
    value: JSON

    def __getitem__(self, key: str) -> "Node":
        return Node(self.document, (*self.at, key), self.map().get(key))

    def map(self) -> Payload:
        """Return the value as a map."""
        if isinstance(self.value, dict):
            return self.value
        raise self.type_error("a map")

    def items(self) -> Iterator["Node"]:
        """Yield the items of the value as a list; none if it is missing."""
        if not isinstance(self.value, list | None):
            raise self.type_error("a list")
        for index, item in enumerate(self.value or []):
            yield Node(self.document, (*self.at, index), item)

    def text(self, default: str | None = None) -> str:
        """Return the value as text, or `default` if it is missing."""
        value = default if self.value is None else self.value
        if isinstance(value, str):
            return value
        raise self.type_error("text")

    def number(self, default: int | None = None) -> int:
        """Return the value as a whole number, or `default` if it is missing."""
        value = default if self.value is None else self.value
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.type_error("a whole number")

    def choice[E: StrEnum](self, allowed: type[E]) -> E:
        """Return the value as one of the `allowed` words."""
        word = self.text()
        if word in allowed:
            return allowed(word)
        words = ", ".join(allowed)
        raise self.error(f'"{word}" is none of {words}{did_you_mean(word, allowed)}')

    def time(self) -> datetime:
        """Return the value, a time with an offset, in UTC."""
        return self._time(parse_utc)

    def clock(self) -> datetime:
        """Return the value as the start time of a clock, in UTC (see `parse_clock`)."""
        return self._time(parse_clock)

    def _time(self, parse: Callable[[str], datetime]) -> datetime:
        try:
            return parse(self.text())
        except InputError:
            raise self.type_error(_TIME_FORMAT) from None
        except ValueError as error:
            raise self.type_error(f"{_TIME_FORMAT} ({error})") from None

    def type_error(self, expected: str) -> InputError:
        """Return the error for a value that is not what is `expected`, such as `a map`."""
        actual = "is missing" if self.value is None else f"is {_shown(self.value)}"
        return self.error(f"must be {expected}, but {actual}")

    def error(self, message: str) -> InputError:
        """Return an error at this value."""
        return InputError(self.document.issue(message, *self.at))


def _shown(value: JSON) -> str:
    return (
        f'"{value}"'
        if isinstance(value, str) and len(value) < 60
        else f"of type {json_type(value)}"
    )
