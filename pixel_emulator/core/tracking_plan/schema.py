"""The JSON Schemas of a tracking plan: checked, references inlined, compiled once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal
from typing import TYPE_CHECKING

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.json_codec import Number

MAX_NESTING = 200
"""Nesting levels of schemas that one rule may have once its references are inlined."""
MAX_SCHEMAS = 10_000
"""Schemas that one rule may have once its references are inlined."""

# Keywords whose value is a schema, a list of schemas, or a map of schemas by name.
_ONE = ("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not",
        "propertyNames", "then")  # fmt: skip
_LISTS = ("allOf", "anyOf", "items", "oneOf")
_MAPS = ("dependencies", "patternProperties", "properties")
_HOLDERS = {*_ONE, *_LISTS, *_MAPS}
_RESOLVED = ("$id", "$schema", "definitions", "id")  # useless once references are inlined


class SchemaError(ValueError):
    """An invalid schema; `issues` holds the path to each issue, and a sentence."""

    def __init__(self, *issues: tuple[JsonPath, str]) -> None:
        super().__init__("; ".join(message for _, message in issues))
        self.issues = issues


def subschemas(schema: Payload) -> Iterator[tuple[JsonPath, Payload]]:
    """Yield the schemas directly within a schema and the path to each; not `true` and `false`."""
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
    """Replaces references by their targets; the size of the result bounds a validator's work.

    `count` is the number of schemas in the result so far.
    """

    def __init__(self, root: Payload) -> None:
        self.root = root
        self.count = 0

    def inline(
        self, schema: Payload, at: JsonPath, visited: tuple[str, ...], level: int
    ) -> Payload:
        """Return the schema at a path without references; `visited` are those that led to it.

        Raises SchemaError if the result is too large or too deep, or if a reference is circular.
        """
        self.count += 1
        if self.count > MAX_SCHEMAS:
            message = f"comes to more than {MAX_SCHEMAS:,} schemas, its references written out"
            raise SchemaError(((), message))
        if level > MAX_NESTING:
            raise SchemaError((at, f"nests deeper than {MAX_NESTING} levels"))
        reference = schema.get("$ref")
        if isinstance(reference, str):  # draft-07 ignores all keywords beside it
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
        """Return a subschema inlined; `true`, `false` and lists of names are returned unchanged."""
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
    """Return the value if it is a map, else an empty map."""
    return value if isinstance(value, dict) else {}


type SchemaValue = (
    bool | int | float | Decimal | str | list[SchemaValue] | dict[str, SchemaValue] | None
)
"""A value made only of types that the validator accepts."""

# The validator takes integers with more digits than Python's limit as valid, whatever the schema.
# An exponent out of range becomes the nearest one in range, not an infinity.
_NUMBERS = Context(prec=1_000, Emax=99_999, Emin=-99_999, rounding=ROUND_DOWN, traps=[])
_LARGEST_INT = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")


def schema_value(value: JSON) -> SchemaValue:
    """Return the value with numbers cut to 1,000 digits and lone surrogates replaced by U+FFFD.

    Raises RecursionError if the value has some hundred levels; callers check the depth first.
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
    """Return the text with lone surrogates replaced by U+FFFD, as Segment's edge reads it."""
    return _SURROGATE.sub("\ufffd", value)


def _decimal(number: Number) -> Decimal:
    exact = _NUMBERS.create_decimal(number.text)
    if not exact.is_nan():
        return exact
    # An exponent of some twenty digits is too large for a float, or too small.
    return Decimal("9E+99999" if number > 0 else "-9E+99999") if number else Decimal(0)


if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

MAX_ERRORS = 200_000
"""Most errors that the validator may produce for one call: schemas times values."""
MAX_REGEX = 4_000_000
"""Bytes of a compiled regex. The engine is linear, as Segment's is, but in size times text."""

DRAFT_7 = "http://json-schema.org/draft-07/schema#"
# Segment's plans name draft-07. Those from before 2019 name draft-04, but use nothing only it has.
_DRAFTS = tuple(f"http://json-schema.org/draft-0{n}/schema" for n in (7, 6, 4))
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema without references, with its validator; `size` is the number of schemas in it."""

    data: Payload
    size: int
    validator: "Validator" = field(compare=False, repr=False)

    def errors(self, instance: SchemaValue) -> Iterator["ValidationError"]:
        """Yield the validation errors; only the first one if value and schema are both huge.

        The validator produces all errors at once, in some ten microseconds each.
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
    """Return the schema, ready to validate. Raises SchemaError if it is invalid.

    Nothing is fetched: a `$ref` must lead into the same schema. No regex backtracks.
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
        # `items` and `dependencies` take a schema or a list (anyOf): report the issues inside.
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
    """Yield the path to each regex that does not compile, and a sentence."""
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
    """Yield the schema and all schemas within it, with their paths, `definitions` included."""
    stack: list[tuple[JsonPath, Payload]] = [((), data)]
    while stack:
        at, schema = stack.pop()
        yield at, schema
        named = [(("definitions", name), as_map(definition))
                 for name, definition in as_map(schema.get("definitions")).items()]  # fmt: skip
        stack += [((*at, *path), subschema) for path, subschema in (*subschemas(schema), *named)]


def _count_values(value: SchemaValue) -> int:
    """Return the number of values in a value, itself included."""
    stack, count = [value], 0
    while stack:
        item = stack.pop()
        count += 1
        if isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item
    return count
