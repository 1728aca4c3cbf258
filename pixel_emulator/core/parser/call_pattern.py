"""Parse one shape of a call, a map with a call line, to a pattern."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pixel_emulator.core.matching.diff import describe_expected
from pixel_emulator.core.matching.expected import Expected, scalars_equal
from pixel_emulator.core.matching.predicates import contains_now
from pixel_emulator.core.model import JSON, NAME_FIELDS, CallType, JsonPath, Payload, Severity
from pixel_emulator.core.parser.definitions import Scope
from pixel_emulator.core.parser.parse_context import ParseContext, is_special, value_text
from pixel_emulator.core.parser.values import read_text, read_value
from pixel_emulator.core.parser.vocabulary import (
    ALPHABETS,
    CALL_LINES,
    CALL_TYPES,
    FIELDS,
    FORMS,
    MAP_FIELDS,
    REQUEST,
    TEXT_FIELDS,
)
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.scenarios.expectation import Pattern
from pixel_emulator.core.scenarios.mail_clients import CLIENT_NAMES, Fetch

REQUEST_CHOICES = {
    "form": FORMS,
    "alphabet": ALPHABETS,
    "client": CLIENT_NAMES,
    "fetch": tuple(map(str, Fetch)),
}
"""The values of those fields of `request` that are not free text."""

UNKNOWN_FIELD_ADVICE = "; what a sender adds of its own stands under `properties` or `traits`"


@dataclass(frozen=True, slots=True)
class PatternShape:
    """The contents of a call map; `line` is the key of its call line, empty if it has none."""

    line: str = ""
    type: CallType | None = None
    fields: Mapping[str, Expected] = field(default_factory=dict)
    request: Mapping[str, Expected] = field(default_factory=dict)

    @property
    def pattern(self) -> Pattern:
        """The pattern of this shape."""
        has_now = contains_now({**self.fields}) or contains_now({**self.request})
        return Pattern(type=self.type, fields=self.fields, request=self.request, has_now=has_now)


def call_line_key(context: ParseContext, at: JsonPath, item: Payload) -> str:
    """Return the key of the call line; empty if there is none."""
    lines = [key for key in item if key in CALL_LINES]
    if len(lines) > 1:
        context.add_issue(at, f"one call cannot be both `{lines[0]}` and `{lines[1]}`")
    return lines[0] if lines else ""


def read_shape(
    context: ParseContext, at: JsonPath, item: Payload, scope: Scope, *, exact: bool = True
) -> PatternShape:
    """Parse a call map. If `exact`, fields that Segment requires to be text or maps have to be."""
    line = call_line_key(context, at, item)
    return PatternShape(
        line=line,
        type=_read_type(context, at, item, line),
        fields=_read_name(context, at, item, line, scope)
        | _read_fields(context, at, item, scope, exact=exact),
        request=_read_request(context, (*at, "request"), item["request"], scope)
        if "request" in item
        else {},
    )


def merge_shapes(
    context: ParseContext, at: JsonPath, shared: PatternShape, variant: PatternShape
) -> PatternShape:
    """Merge an item of `one-of`, at path `at`, with the shape that contains the `one-of`."""
    if shared.line and variant.line:
        context.add_issue(at, f"`{shared.line}:` stands beside `one-of` already")
    return PatternShape(
        line=variant.line or shared.line,
        type=variant.type or shared.type,
        fields=_merge_fields(context, at, shared.fields, variant.fields),
        request=_merge_fields(context, (*at, "request"), shared.request, variant.request),
    )


def _merge_fields(
    context: ParseContext,
    at: JsonPath,
    shared: Mapping[str, Expected],
    variant: Mapping[str, Expected],
) -> dict[str, Expected]:
    both = {**shared, **variant}
    for key in shared.keys() & variant.keys():
        here, first, second = (*at, key), shared[key], variant[key]
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            both[key] = _merge_fields(context, here, first, second)
        elif not scalars_equal(first, second):
            context.add_issue(here, f"beside `one-of` it is {describe_expected(first)} already")
    return both


def check_code(context: ParseContext, at: JsonPath, code: str, severity: Severity) -> None:
    """Add an issue if no problem of this severity has the code."""
    if code and code not in (codes := codes_with(severity)):
        effect = {Severity.DROP: "drops", Severity.DAMAGE: "damages"}[severity]
        guess = context.suggestion(at, code, codes)
        context.add_issue(at, f"`{code}` is no problem that {effect} a call{guess}")


def codes_with(severity: Severity) -> list[str]:
    """Return the codes of all problems of one severity."""
    return [rule.code for rule in RULES.values() if rule.severity is severity]


def _read_type(context: ParseContext, at: JsonPath, item: Payload, line: str) -> CallType | None:
    has_type = line in CALL_TYPES or item.get("any") is not None
    if has_type and "type" in item:
        context.add_issue((*at, "type"), f"`{line}:` already says the type")
    if line in CALL_TYPES:
        return CallType(line)
    key = line if has_type else "type"
    value = item.get(key)
    if value is None:
        return None
    word = read_choice(context, (*at, key), value, CALL_TYPES)
    return CallType(word) if word else None


def read_choice(context: ParseContext, at: JsonPath, value: JSON, words: Iterable[str]) -> str:
    """Return `value` if it is one of `words`; otherwise add an issue and return an empty text."""
    words = tuple(words)
    if isinstance(value, str) and value in words:
        return value
    guess = context.suggestion(at, value, words) if isinstance(value, str) else ""
    context.add_issue(at, f"must be one of {', '.join(words)}; it is {value_text(value)}{guess}")
    return ""


def _read_name(
    context: ParseContext, at: JsonPath, item: Payload, line: str, scope: Scope
) -> dict[str, Expected]:
    """Parse the value of the call line: `track: <event>` is the field `event`."""
    value = item.get(line)
    if line not in CALL_TYPES or value is None:
        return {}
    field, here = NAME_FIELDS[CallType(line)], (*at, line)
    if isinstance(value, list) or (
        isinstance(value, dict) and not any(key.startswith("$") for key in value)
    ):
        context.add_issue(here, f"write the fields beside `{line}:`, not under it")
        return {}
    if field in item:
        context.add_issue((*at, field), f"`{line}:` already says the {field}")
    return {field: read_text(context, here, value, scope)}


def _read_fields(
    context: ParseContext, at: JsonPath, item: Payload, scope: Scope, *, exact: bool
) -> dict[str, Expected]:
    fields: dict[str, Expected] = {}
    for key, value in item.items():
        here = (*at, key)
        if key not in FIELDS:
            continue
        if exact and key in TEXT_FIELDS and value is not None:
            fields[key] = read_text(context, here, value, scope)
        elif exact and key in MAP_FIELDS and not _may_be_map(value):
            indent = f"write what it holds under `{key}:`, further to the right"
            context.add_issue(here, f"must be a map, but is {value_text(value)}: {indent}")
        else:
            fields[key] = read_value(context, here, value, scope)
    return fields


def _may_be_map(value: JSON) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and is_special(value))


def _read_request(
    context: ParseContext, at: JsonPath, value: JSON, scope: Scope
) -> dict[str, Expected]:
    if not isinstance(value, dict):
        context.add_issue(
            at, f"must be a map, but is {value_text(value)}: write `request: {{form: flat}}`"
        )
        return {}
    context.check_keys(at, value, REQUEST)
    request: dict[str, Expected] = {}
    for key, fact in value.items():
        here = (*at, key)
        words = REQUEST_CHOICES.get(key)
        is_literal = not isinstance(fact, dict) and not (isinstance(fact, str) and is_special(fact))
        if words and is_literal:
            request[key] = read_choice(context, here, fact, words)
        elif key == "padded" and is_literal and not isinstance(fact, bool):
            context.add_issue(here, f"must be true or false; it is {value_text(fact)}")
        elif key in REQUEST:
            request[key] = read_value(context, here, fact, scope)
    return request
