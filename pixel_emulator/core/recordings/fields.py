"""Typed reading of plain data: each field knows its place and says what is wrong there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pixel_emulator.core.calls import JSON, Payload, Steps
from pixel_emulator.core.json_text import kind
from pixel_emulator.core.mistakes import Document, InputError, likely


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a document. Each method raises InputError where the value is of another kind;
    a missing value is None."""

    document: Document
    steps: Steps
    value: JSON

    def __getitem__(self, key: str) -> "Field":
        return Field(self.document, (*self.steps, key), self.map().get(key))

    def map(self) -> Payload:
        """The value as a map."""
        if isinstance(self.value, dict):
            return self.value
        raise self.wrong("a map")

    def items(self) -> Iterator["Field"]:
        """The items of a list; none where it is missing."""
        if not isinstance(self.value, list | None):
            raise self.wrong("a list")
        for index, item in enumerate(self.value or []):
            yield Field(self.document, (*self.steps, index), item)

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
        raise self.error(f'"{word}" is none of {words}{likely(word, allowed)}')

    def time(self) -> datetime:
        """The value as an aware time, in UTC."""
        try:
            time = datetime.fromisoformat(self.text())
            if time.tzinfo is not None:
                return time.astimezone(UTC)
        except (ValueError, OverflowError):  # the second at either end of the calendar
            pass
        raise self.wrong("a time like 2026-01-31T12:00:00.000Z")

    def wrong(self, wanted: str) -> InputError:
        """The error for a value that is not what is `wanted`."""
        found = "is missing" if self.value is None else f"is {_shown(self.value)}"
        return self.error(f"must be {wanted}, but {found}")

    def error(self, message: str) -> InputError:
        """An error at this field."""
        return InputError(self.document.mistake(message, *self.steps))


def _shown(value: JSON) -> str:
    return f'"{value}"' if isinstance(value, str) and len(value) < 60 else f"of type {kind(value)}"
