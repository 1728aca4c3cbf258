"""The JSON Schemas of a tracking plan: checked, freed of references, compiled once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal
from typing import TYPE_CHECKING

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.json_codec import Number

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
_RESOLVED = ("$id", "$schema", "definitions", "id")  # no longer needed without references


class SchemaError(ValueError):
    """What is wrong with a schema: the way to each mistake, and a sentence."""

    def __init__(self, *issues: tuple[JsonPath, str]) -> None:
        super().__init__("; ".join(message for _, message in issues))
        self.issues = issues


def subschemas(schema: Payload) -> Iterator[tuple[JsonPath, Payload]]:
    """The schemas directly within a schema, with the way to each; `true` and `false` are none."""
    for key in _ONE:
        if isinstance(schema.get(key), dict):
            yield (key,), as_map(schema[key])
    for key in _LISTS:
        value = schema.get(key)
        for index, item in enumerate(value if isinstance(value, list) else ()):
            if isinstance(item, dict):
                yield (key, index), item
    for key in _MAPS:
        for name, member in as_map(schema.get(key)).items():
            if isinstance(member, dict):
                yield (key, name), member


class RefInliner:
    """One writing out of all references: the work of a validator is bounded by what comes out."""

    def __init__(self, root: Payload) -> None:
        self.root = root
        self.count = 0

    def inline(
        self, schema: Payload, at: JsonPath, visited: tuple[str, ...], level: int
    ) -> Payload:
        """The schema at `steps` without references; `trail` are those that led to it."""
        self.count += 1
        if self.count > MAX_SCHEMAS:
            message = f"comes to more than {MAX_SCHEMAS:,} schemas, its references written out"
            raise SchemaError(((), message))
        if level > MAX_NESTING:
            raise SchemaError((at, f"nests deeper than {MAX_NESTING} levels"))
        reference = schema.get("$ref")
        if isinstance(reference, str):  # in draft-07 what stands beside it does not count
            target_at, target = self._target(reference, (*at, "$ref"), visited)
            return self.inline(target, target_at, (*visited, reference), level + 1)
        result = {key: value for key, value in schema.items() if key not in _RESOLVED}
        for key in [key for key in result if key in _HOLDERS]:
            value, key_at = result[key], (*at, key)
            if isinstance(value, dict) and key in _MAPS:
                result[key] = {
                    name: self._value(member, (*key_at, name), visited, level)
                    for name, member in value.items()
                }
            elif isinstance(value, list) and key in _LISTS:
                result[key] = [
                    self._value(item, (*key_at, index), visited, level)
                    for index, item in enumerate(value)
                ]
            elif key in _ONE:
                result[key] = self._value(value, key_at, visited, level)
        return result

    def _value(self, value: JSON, at: JsonPath, visited: tuple[str, ...], level: int) -> JSON:
        """A value where a schema may stand; `true`, `false` and lists of names stay."""
        return self.inline(value, at, visited, level + 1) if isinstance(value, dict) else value

    def _target(
        self, reference: str, at: JsonPath, visited: tuple[str, ...]
    ) -> tuple[JsonPath, Payload]:
        if reference in visited:
            raise SchemaError((at, f"{reference} leads back to itself: write out the levels"))
        if reference != "#" and not reference.startswith("#/"):
            message = f"{reference} is never fetched: a $ref leads into its own schema, as #/…"
            raise SchemaError((at, message))
        target: JSON = self.root
        target_at: JsonPath = ()
        for part in reference.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            index = (
                isinstance(target, list)
                and key.isdecimal()
                and len(key) < 10
                and int(key) < len(target)
            )
            target_at = (*target_at, int(key) if index else key)
            target = (
                target[int(key)] if isinstance(target, list) and index else as_map(target).get(key)
            )
        if not isinstance(target, dict):
            raise SchemaError((at, f"{reference} leads to no schema"))
        return target_at, target


def as_map(value: JSON) -> Payload:
    """The value, if it is a map, else an empty one."""
    return value if isinstance(value, dict) else {}


type SchemaValue = (
    bool | int | float | Decimal | str | list[SchemaValue] | dict[str, SchemaValue] | None
)
"""A value of which the validator knows each type."""

# The validator fails on integers of more digits than Python's limit, and reads them as valid.
# An exponent out of range becomes the nearest one in it, instead of an infinity.
_NUMBERS = Context(prec=1_000, Emax=99_999, Emin=-99_999, rounding=ROUND_DOWN, traps=[])
_LARGEST_INT = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")


def schema_value(value: JSON) -> SchemaValue:
    """The value with numbers of 1,000 digits and lone surrogates replaced by U+FFFD.

    Raises RecursionError for a value of some hundred levels: look before.
    """
    if isinstance(value, dict):
        return {utf8_text(key): schema_value(member) for key, member in value.items()}
    if isinstance(value, list):
        return [schema_value(item) for item in value]
    if isinstance(value, str):
        return utf8_text(value)
    if isinstance(value, Number):
        return _decimal(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST_INT:
        return _NUMBERS.create_decimal(value)
    return value


def utf8_text(value: str) -> str:
    """The text as UTF-8 can hold it, and as Segment's edge reads it."""
    return _SURROGATE.sub("\ufffd", value)


def _decimal(number: Number) -> Decimal:
    exact = _NUMBERS.create_decimal(number.text)
    if not exact.is_nan():
        return exact
    # An exponent of some twenty digits: too large for a float, or too small.
    return Decimal("9E+99999" if number > 0 else "-9E+99999") if number else Decimal(0)


if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

MAX_ERRORS = 200_000
"""Errors that a validator may make of one call: schemas times values."""
MAX_REGEX = 4_000_000
"""Bytes of a compiled regex: Segment's engine is linear, and so is ours, but in size times text."""

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
# Segment's plans say draft-07; those of before 2019 say draft-04, and use none of its own words.
_DRAFTS = tuple(f"http://json-schema.org/draft-0{n}/schema" for n in (7, 6, 4))
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema without references, and what validates against it; `size` is how many schemas
    it holds."""

    data: Payload
    size: int
    validator: "Validator" = field(compare=False, repr=False)

    def errors(self, instance: SchemaValue) -> Iterator["ValidationError"]:
        """What the schema objects to; of a huge value under a huge schema only the first thing.

        The validator makes all errors at once, some ten microseconds each.
        """
        if self.validator.is_valid(instance):
            return
        if self.size * _count_values(instance) <= MAX_ERRORS:
            yield from self.validator.iter_errors(instance)
            return
        from jsonschema_rs import ValidationError

        try:
            self.validator.validate(instance)
        except ValidationError as error:
            yield error


def compile_schema(data: Payload) -> Schema:
    """The schema, ready to validate. Raises SchemaError.

    Nothing is ever fetched: a `$ref` leads into the same schema. No regex backtracks.
    """
    issues = [*_dialect_issues(data), *_schema_issues(schema_value(data))] or list(
        _regex_issues(data)
    )
    if issues:
        raise SchemaError(*issues)
    inlining = RefInliner(data)
    inlined = inlining.inline(data, (), (), 0)
    from jsonschema_rs import Draft7Validator, RegexOptions

    try:
        validator = Draft7Validator(
            schema_value(inlined),  # type: ignore[arg-type] # plain of a map is a map
            validate_formats=True,
            pattern_options=RegexOptions(size_limit=MAX_REGEX),
            offline=True,
        )
    except ValueError as error:
        raise SchemaError(((), f"is no schema: {str(error).partition(chr(10))[0]}")) from None
    return Schema(inlined, inlining.count, validator)


def _dialect_issues(data: Payload) -> Iterator[tuple[JsonPath, str]]:
    draft = data.get("$schema", DRAFT_7)
    url = draft.rstrip("#").replace("https:", "http:") if isinstance(draft, str) else ""
    if url not in _DRAFTS:
        yield ("$schema",), f"must be {DRAFT_7}: Segment's plans are in that draft"


def _schema_issues(data: SchemaValue) -> Iterator[tuple[JsonPath, str]]:
    from jsonschema_rs import Draft7Validator

    draft = Draft7Validator({"$ref": DRAFT_7}, offline=True)
    for error in draft.iter_errors(data):
        at, value = tuple(error.instance_path), error.instance
        # `items` and `dependencies` hold a schema or a list: what is wrong stands further in.
        parts: list[tuple[JsonPath, SchemaValue]] = [((), value)]
        if isinstance(value, list):
            parts = [((index,), item) for index, item in enumerate(value)]
        inner = [
            ((*at, *prefix, *path), message)
            for prefix, part in parts
            if error.kind.name == "anyOf" and isinstance(part, dict)
            for path, message in _schema_issues(part)
        ]
        yield from inner or [(at, _draft_message(at, error))]


def _draft_message(at: JsonPath, error: "ValidationError") -> str:
    if "type" in at[-2:] and error.kind.name == "anyOf":
        value = error.instance
        typo = did_you_mean(value, _TYPES) if isinstance(value, str) else ""
        return f"must be one of {', '.join(_TYPES)}, or a list of them{typo}"
    if error.kind.name == "format":
        return _NO_REGEX
    return f"is not draft-07: {error.message}"


_NO_REGEX = (
    "is no regex that Segment's engine (RE2) knows, or a huge one; it has neither lookaround nor "
    "back-references"
)


def _regex_issues(data: Payload) -> Iterator[tuple[JsonPath, str]]:
    """Each regex that does not compile, so that the mistake has its place."""
    from jsonschema_rs import Draft7Validator, RegexOptions

    options = RegexOptions(size_limit=MAX_REGEX)
    for at, schema in _all_schemas(data):
        regexes: list[tuple[JsonPath, JSON]] = [((*at, "pattern"), schema.get("pattern"))]
        names = as_map(schema.get("patternProperties"))
        regexes += [((*at, "patternProperties", name), name) for name in names]
        for regex_at, regex in regexes:
            if isinstance(regex, str):
                try:
                    Draft7Validator({"pattern": schema_value(regex)}, pattern_options=options)
                except ValueError:
                    yield regex_at, _NO_REGEX


def _all_schemas(data: Payload) -> Iterator[tuple[JsonPath, Payload]]:
    """The schema and all schemas within it, also those that only references lead to."""
    stack: list[tuple[JsonPath, Payload]] = [((), data)]
    while stack:
        at, schema = stack.pop()
        yield at, schema
        named = [(("definitions", name), as_map(definition))
                 for name, definition in as_map(schema.get("definitions")).items()]  # fmt: skip
        stack += [((*at, *path), subschema) for path, subschema in (*subschemas(schema), *named)]


def _count_values(value: SchemaValue) -> int:
    """How many values a value holds."""
    stack, count = [value], 0
    while stack:
        item = stack.pop()
        count += 1
        if isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item
    return count
