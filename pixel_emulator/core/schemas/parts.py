"""What the schemas are put together from: maps with their keys, and words of a list."""

from collections.abc import Iterable, Mapping

from pixel_emulator.core.model import JSON, Payload

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that editors know best: yaml-language-server reads it without asking."""


def schema_line(kind: str) -> str:
    """The comment that leads an editor to the schema of a `scenario` or `recording`, which
    `scenario schema` prints."""
    return f"# yaml-language-server: $schema={kind}.schema.json"


TEXT: Payload = {"type": "string"}
BOOL: Payload = {"type": "boolean"}
COUNT: Payload = {"type": "integer", "minimum": 0}


def map_of(
    shapes: Mapping[str, Mapping[str, JSON]],
    words: Mapping[str, str],
    *,
    required: Iterable[str] = (),
    others: bool = False,
) -> Payload:
    """A map with these keys and no others; `words` describe them."""
    properties: Payload = {
        key: {**shape, "description": words[key]} if key in words else {**shape}
        for key, shape in shapes.items()
    }
    schema: Payload = {"type": "object", "properties": properties}
    if needed := list(required):
        schema["required"] = [*needed]
    return schema if others else {**schema, "additionalProperties": False}


def list_of(items: Payload, *, at_least: int = 0) -> Payload:
    """A list of such items."""
    return {"type": "array", "items": items, **({"minItems": at_least} if at_least else {})}


def one_of(words: Iterable[str | None]) -> Payload:
    """One of these words."""
    return {"enum": [*words]}


def any_of(*schemas: Mapping[str, JSON]) -> Payload:
    """What one of the schemas accepts."""
    return {"anyOf": [{**each} for each in schemas]}


def ref(name: str) -> Payload:
    """What stands under `definitions`."""
    return {"$ref": f"#/definitions/{name}"}


def matching(pattern: str, *, example: JSON) -> Payload:
    """A text that the whole pattern matches."""
    return {"type": "string", "pattern": f"^(?:{pattern})$", "examples": [example]}
