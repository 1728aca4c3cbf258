"""Which keys a plan knows: what none of its schemas names is unplanned."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.plans.plain import Plain, text

_ALONGSIDE = ("allOf", "anyOf", "oneOf", "if", "then", "else")
"""Where a schema holds others that speak of the same value."""


@dataclass(slots=True)
class _Members:
    """What several schemas say together of a map's members: those they name, and all others."""

    named: dict[str, list[Payload]] = field(default_factory=dict)
    others: list[Payload] = field(default_factory=list)
    open: bool = False


def within(schemas: Iterable[Payload], key: str) -> list[Payload]:
    """The schemas of one member."""
    return _members(schemas).named.get(key, [])


def unplanned(value: Plain, schemas: Sequence[Payload]) -> Iterator[JsonPath]:
    """The way to each key, at any depth of the value, that the schemas do not name.

    A map of which they name no key at all is open, and so is one with `patternProperties`, or with
    `additionalProperties` that are not `false`.
    """
    stack: list[tuple[JsonPath, Plain, Sequence[Payload]]] = [((), value, schemas)]
    while stack:
        steps, value, schemas = stack.pop()
        if isinstance(value, list):
            items = [each for schema in _all(schemas) for each in _schemas(schema.get("items"))]
            stack += reversed([((*steps, index), each, items) for index, each in enumerate(value)])
        elif isinstance(value, dict):
            members = _members(schemas)
            closed = members.named and not members.open
            yield from ((*steps, key) for key in value if closed and key not in members.named)
            stack += reversed(
                [
                    ((*steps, key), each, members.named.get(key, members.others))
                    for key, each in value.items()
                ]
            )


def _members(schemas: Iterable[Payload]) -> _Members:
    found = _Members()
    for schema in _all(schemas):
        properties = schema.get("properties")
        for key, each in (properties if isinstance(properties, dict) else {}).items():
            found.named.setdefault(text(key), []).extend(_schemas(each))
        others = schema.get("additionalProperties", False)
        found.others += _schemas(others)
        found.open = found.open or others is not False or "patternProperties" in schema
    return found


def _all(schemas: Iterable[Payload]) -> Iterator[Payload]:
    """The schemas, and those within them that speak of the same value."""
    stack = list(schemas)
    while stack:
        schema = stack.pop()
        yield schema
        stack += [each for key in _ALONGSIDE for each in _schemas(schema.get(key))]


def _schemas(value: JSON) -> list[Payload]:
    """A schema, or a list of some; `true` and `false` say nothing of keys."""
    items = value if isinstance(value, list) else [value]
    return [each for each in items if isinstance(each, dict)]
