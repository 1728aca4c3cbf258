"""The JSON Schemas of a tracking plan: checked, freed of references, compiled once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pixel_emulator.core.errors import did_you_mean
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.plans.plain import Plain, plain
from pixel_emulator.core.plans.references import Inlining, SchemaError, as_map, subschemas

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
        from jsonschema_rs import ValidationError  # noqa: PLC0415 - slow, and rarely asked for

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
    from jsonschema_rs import Draft7Validator, RegexOptions  # noqa: PLC0415 - slow, and rarely asked

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
    from jsonschema_rs import Draft7Validator  # noqa: PLC0415 - slow, and rarely asked for

    draft = Draft7Validator({"$ref": DRAFT_7}, offline=True)
    for error in draft.iter_errors(data):
        steps, value = tuple(error.instance_path), error.instance
        # `items` and `dependencies` hold a schema or a list: what is wrong stands further in.
        parts: list[tuple[JsonPath, Plain]] = [((), value)]
        if isinstance(value, list):
            parts = [((index,), each) for index, each in enumerate(value)]
        inner = [
            ((*steps, *here, *way), words)
            for here, each in parts
            if error.kind.name == "anyOf" and isinstance(each, dict)
            for way, words in _against_draft(each)
        ]
        yield from inner or [(steps, _draft_words(steps, error))]


def _draft_words(steps: JsonPath, error: "ValidationError") -> str:
    if "type" in steps[-2:] and error.kind.name == "anyOf":
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
    from jsonschema_rs import Draft7Validator, RegexOptions  # noqa: PLC0415 - slow, and rarely asked

    options = RegexOptions(size_limit=MAX_REGEX)
    for steps, schema in _everywhere(data):
        found: list[tuple[JsonPath, JSON]] = [((*steps, "pattern"), schema.get("pattern"))]
        names = as_map(schema.get("patternProperties"))
        found += [((*steps, "patternProperties", name), name) for name in names]
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
        steps, schema = stack.pop()
        yield steps, schema
        named = [(("definitions", name), as_map(each))
                 for name, each in as_map(schema.get("definitions")).items()]  # fmt: skip
        stack += [((*steps, *way), each) for way, each in (*subschemas(schema), *named)]


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
