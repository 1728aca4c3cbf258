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

    def inlined(self, schema: Payload, at: JsonPath, trail: tuple[str, ...], level: int) -> Payload:
        """The schema at `at` without references; `trail` are those that led to it."""
        self.count += 1
        if self.count > MAX_SCHEMAS:
            message = f"comes to more than {MAX_SCHEMAS:,} schemas, its references written out"
            raise SchemaError(((), message))
        if level > MAX_NESTING:
            raise SchemaError((at, f"nests deeper than {MAX_NESTING} levels"))
        reference = schema.get("$ref")
        if isinstance(reference, str):  # in draft-07 what stands beside it does not count
            way, target = self._target(reference, (*at, "$ref"), trail)
            return self.inlined(target, way, (*trail, reference), level + 1)
        whole = {key: value for key, value in schema.items() if key not in _NAMING}
        for key in [key for key in whole if key in _HOLDERS]:
            value, here = whole[key], (*at, key)
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

    def _value(self, value: JSON, at: JsonPath, trail: tuple[str, ...], level: int) -> JSON:
        """A value where a schema may stand; `true`, `false` and lists of names stay."""
        return self.inlined(value, at, trail, level + 1) if isinstance(value, dict) else value

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


type Plain = bool | int | float | Decimal | str | list[Plain] | dict[str, Plain] | None
"""A value of which the validator knows each type."""

# The validator fails on integers of more digits than Python's limit, and reads them as valid.
# An exponent out of range becomes the nearest one in it, instead of an infinity.
_NUMBERS = Context(prec=1_000, Emax=99_999, Emin=-99_999, rounding=ROUND_DOWN, traps=[])
_LARGEST_INT = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: JSON) -> Plain:
    """The value with numbers of 1,000 digits and lone surrogates replaced by U+FFFD.

    Raises RecursionError for a value of some hundred levels: look before.
    """
    if isinstance(value, dict):
        return {text(key): plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Number):
        return _decimal(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _LARGEST_INT:
        return _NUMBERS.create_decimal(value)
    return value


def text(value: str) -> str:
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

    def errors(self, instance: Plain) -> Iterator["ValidationError"]:
        """What the schema objects to; of a huge value under a huge schema only the first thing.

        The validator makes all errors at once, some ten microseconds each.
        """
        if self.validator.is_valid(instance):
            return
        if self.size * _size(instance) <= MAX_ERRORS:
            yield from self.validator.iter_errors(instance)
            return
        from jsonschema_rs import ValidationError

        try:
            self.validator.validate(instance)
        except ValidationError as error:
            yield error


def compiled(data: Payload) -> Schema:
    """The schema, ready to validate. Raises SchemaError.

    Nothing is ever fetched: a `$ref` leads into the same schema. No regex backtracks.
    """
    mistakes = [*_draft(data), *_against_draft(plain(data))] or list(_regexes(data))
    if mistakes:
        raise SchemaError(*mistakes)
    inlining = Inlining(data)
    whole = inlining.inlined(data, (), (), 0)
    from jsonschema_rs import Draft7Validator, RegexOptions

    try:
        validator = Draft7Validator(
            plain(whole),  # type: ignore[arg-type] # plain of a map is a map
            validate_formats=True,
            pattern_options=RegexOptions(size_limit=MAX_REGEX),
            offline=True,
        )
    except ValueError as error:
        raise SchemaError(((), f"is no schema: {str(error).partition(chr(10))[0]}")) from None
    return Schema(whole, inlining.count, validator)


def _draft(data: Payload) -> Iterator[tuple[JsonPath, str]]:
    draft = data.get("$schema", DRAFT_7)
    url = draft.rstrip("#").replace("https:", "http:") if isinstance(draft, str) else ""
    if url not in _DRAFTS:
        yield ("$schema",), f"must be {DRAFT_7}: Segment's plans are in that draft"


def _against_draft(data: Plain) -> Iterator[tuple[JsonPath, str]]:
    from jsonschema_rs import Draft7Validator

    draft = Draft7Validator({"$ref": DRAFT_7}, offline=True)
    for error in draft.iter_errors(data):
        at, value = tuple(error.instance_path), error.instance
        # `items` and `dependencies` hold a schema or a list: what is wrong stands further in.
        parts: list[tuple[JsonPath, Plain]] = [((), value)]
        if isinstance(value, list):
            parts = [((index,), each) for index, each in enumerate(value)]
        inner = [
            ((*at, *here, *way), words)
            for here, each in parts
            if error.kind.name == "anyOf" and isinstance(each, dict)
            for way, words in _against_draft(each)
        ]
        yield from inner or [(at, _draft_words(at, error))]


def _draft_words(at: JsonPath, error: "ValidationError") -> str:
    if "type" in at[-2:] and error.kind.name == "anyOf":
        found = error.instance
        typo = did_you_mean(found, _TYPES) if isinstance(found, str) else ""
        return f"must be one of {', '.join(_TYPES)}, or a list of them{typo}"
    if error.kind.name == "format":
        return _NO_REGEX
    return f"is not draft-07: {error.message}"


_NO_REGEX = (
    "is no regex that Segment's engine (RE2) knows, or a huge one; it has neither lookaround nor "
    "back-references"
)


def _regexes(data: Payload) -> Iterator[tuple[JsonPath, str]]:
    """Each regex that does not compile, so that the mistake has its place."""
    from jsonschema_rs import Draft7Validator, RegexOptions

    options = RegexOptions(size_limit=MAX_REGEX)
    for at, schema in _everywhere(data):
        found: list[tuple[JsonPath, JSON]] = [((*at, "pattern"), schema.get("pattern"))]
        names = as_map(schema.get("patternProperties"))
        found += [((*at, "patternProperties", name), name) for name in names]
        for where, regex in found:
            if isinstance(regex, str):
                try:
                    Draft7Validator({"pattern": plain(regex)}, pattern_options=options)
                except ValueError:
                    yield where, _NO_REGEX


def _everywhere(data: Payload) -> Iterator[tuple[JsonPath, Payload]]:
    """The schema and all schemas within it, also those that only references lead to."""
    stack: list[tuple[JsonPath, Payload]] = [((), data)]
    while stack:
        at, schema = stack.pop()
        yield at, schema
        named = [(("definitions", name), as_map(each))
                 for name, each in as_map(schema.get("definitions")).items()]  # fmt: skip
        stack += [((*at, *way), each) for way, each in (*subschemas(schema), *named)]


def _size(value: Plain) -> int:
    """How many values a value holds."""
    stack, count = [value], 0
    while stack:
        each = stack.pop()
        count += 1
        if isinstance(each, dict):
            stack += each.values()
        elif isinstance(each, list):
            stack += each
    return count
