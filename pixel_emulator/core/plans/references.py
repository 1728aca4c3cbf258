"""Where schemas stand within a schema, and references written out."""

from collections.abc import Iterator

from pixel_emulator.core.model import JSON, JsonPath, Payload

MAX_NESTING = 200
"""Levels of schemas within each other that one rule may have, its references written out."""
MAX_SCHEMAS = 10_000
"""Schemas that one rule may have, its references written out."""

# Where schemas stand in a schema: as the value, as a list, and as a map of names.
_ONE = ("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not",
        "propertyNames", "then")  # fmt: skip
_LISTS = ("allOf", "anyOf", "items", "oneOf")
_MAPS = ("dependencies", "patternProperties", "properties")
_HOLDERS = {*_ONE, *_LISTS, *_MAPS}
_NAMING = ("$id", "$schema", "definitions", "id")  # no longer needed without references


class SchemaError(ValueError):
    """What is wrong with a schema: the way to each mistake, and a sentence."""

    def __init__(self, *mistakes: tuple[JsonPath, str]) -> None:
        super().__init__("; ".join(words for _, words in mistakes))
        self.mistakes = mistakes


def subschemas(schema: Payload) -> Iterator[tuple[JsonPath, Payload]]:
    """The schemas directly within a schema, with the way to each; `true` and `false` are none."""
    for key in _ONE:
        if isinstance(schema.get(key), dict):
            yield (key,), as_map(schema[key])
    for key in _LISTS:
        value = schema.get(key)
        for index, each in enumerate(value if isinstance(value, list) else ()):
            if isinstance(each, dict):
                yield (key, index), each
    for key in _MAPS:
        for name, each in as_map(schema.get(key)).items():
            if isinstance(each, dict):
                yield (key, name), each


class Inlining:
    """One writing out of all references: the work of a validator is bounded by what comes out."""

    def __init__(self, root: Payload) -> None:
        self.root = root
        self.count = 0

    def inlined(
        self, schema: Payload, steps: JsonPath, trail: tuple[str, ...], level: int
    ) -> Payload:
        """The schema at `steps` without references; `trail` are those that led to it."""
        self.count += 1
        if self.count > MAX_SCHEMAS:
            message = f"comes to more than {MAX_SCHEMAS:,} schemas, its references written out"
            raise SchemaError(((), message))
        if level > MAX_NESTING:
            raise SchemaError((steps, f"nests deeper than {MAX_NESTING} levels"))
        reference = schema.get("$ref")
        if isinstance(reference, str):  # in draft-07 what stands beside it does not count
            way, target = self._target(reference, (*steps, "$ref"), trail)
            return self.inlined(target, way, (*trail, reference), level + 1)
        whole = {key: value for key, value in schema.items() if key not in _NAMING}
        for key in [key for key in whole if key in _HOLDERS]:
            value, here = whole[key], (*steps, key)
            if isinstance(value, dict) and key in _MAPS:
                whole[key] = {
                    name: self._value(each, (*here, name), trail, level)
                    for name, each in value.items()
                }
            elif isinstance(value, list) and key in _LISTS:
                whole[key] = [
                    self._value(each, (*here, index), trail, level)
                    for index, each in enumerate(value)
                ]
            elif key in _ONE:
                whole[key] = self._value(value, here, trail, level)
        return whole

    def _value(self, value: JSON, steps: JsonPath, trail: tuple[str, ...], level: int) -> JSON:
        """A value where a schema may stand; `true`, `false` and lists of names stay."""
        return self.inlined(value, steps, trail, level + 1) if isinstance(value, dict) else value

    def _target(
        self, reference: str, at: JsonPath, trail: tuple[str, ...]
    ) -> tuple[JsonPath, Payload]:
        if reference in trail:
            raise SchemaError((at, f"{reference} leads back to itself: write out the levels"))
        if reference != "#" and not reference.startswith("#/"):
            message = f"{reference} is never fetched: a $ref leads into its own schema, as #/…"
            raise SchemaError((at, message))
        target: JSON = self.root
        way: JsonPath = ()
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            index = (
                isinstance(target, list)
                and key.isdecimal()
                and len(key) < 10
                and int(key) < len(target)
            )
            way = (*way, int(key) if index else key)
            target = (
                target[int(key)] if isinstance(target, list) and index else as_map(target).get(key)
            )
        if not isinstance(target, dict):
            raise SchemaError((at, f"{reference} leads to no schema"))
        return way, target


def as_map(value: JSON) -> Payload:
    """The value, if it is a map, else an empty one."""
    return value if isinstance(value, dict) else {}
