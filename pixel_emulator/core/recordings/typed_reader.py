"""Typed reading of plain data: each field knows its place and says what is wrong there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pixel_emulator.core.errors import Document, InputError, did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.json_codec import json_type
from pixel_emulator.core.times import parse_clock, parse_utc

_TIME = "a time like 2026-01-31T12:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document. Each method raises InputError where the value is of another kind;
    a missing value is None."""

    document: Document
    at: JsonPath
    value: JSON

    def __getitem__(self, key: str) -> "Node":
        return Node(self.document, (*self.at, key), self.map().get(key))

    def map(self) -> Payload:
        """The value as a map."""
        if isinstance(self.value, dict):
            return self.value
        raise self.wrong("a map")

    def items(self) -> Iterator["Node"]:
        """The items of a list; none where it is missing."""
        if not isinstance(self.value, list | None):
            raise self.wrong("a list")
        for index, item in enumerate(self.value or []):
            yield Node(self.document, (*self.at, index), item)

    def text(self, default: str | None = None) -> str:
        """The value as text, or `default` where it is missing."""
        value = default if self.value is None else self.value
        if isinstance(value, str):
            return value
        raise self.wrong("text")

    def number(self, default: int | None = None) -> int:
        """The value as a whole number, or `default` where it is missing."""
        value = default if self.value is None else self.value
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.wrong("a whole number")

    def choice[E: StrEnum](self, allowed: type[E]) -> E:
        """The value as one of the `allowed` words."""
        word = self.text()
        if word in allowed:
            return allowed(word)
        words = ", ".join(allowed)
        raise self.error(f'"{word}" is none of {words}{did_you_mean(word, allowed)}')

    def time(self) -> datetime:
        """The value as a time with its offset, in UTC."""
        return self._time(parse_utc)

    def clock(self) -> datetime:
        """The value as the time at which a clock begins, in UTC."""
        return self._time(parse_clock)

    def _time(self, read: Callable[[str], datetime]) -> datetime:
        try:
            return read(self.text())
        except InputError:
            raise self.wrong(_TIME) from None
        except ValueError as error:
            raise self.wrong(f"{_TIME} ({error})") from None

    def wrong(self, wanted: str) -> InputError:
        """The error for a value that is not what is `wanted`."""
        found = "is missing" if self.value is None else f"is {_shown(self.value)}"
        return self.error(f"must be {wanted}, but {found}")

    def error(self, message: str) -> InputError:
        """An error at this field."""
        return InputError(self.document.issue(message, *self.at))


def _shown(value: JSON) -> str:
    return (
        f'"{value}"'
        if isinstance(value, str) and len(value) < 60
        else f"of type {json_type(value)}"
    )
