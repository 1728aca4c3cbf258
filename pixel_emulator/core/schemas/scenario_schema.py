"""The JSON Schema of a scenario file, built from the vocabulary of its parser."""

from pixel_emulator.core.model import JSON, Payload, Severity
from pixel_emulator.core.parser import vocabulary
from pixel_emulator.core.parser.call_pattern import REQUEST_CHOICES, codes_with
from pixel_emulator.core.parser.definitions import NAME
from pixel_emulator.core.parser.expectations import SAME_EVENT
from pixel_emulator.core.parser.step import ORDERS, SENDABLE_KEYS
from pixel_emulator.core.parser.values import DURATION, MATCHERS, OPERATORS, TIMES
from pixel_emulator.core.scenarios.mail_clients import MAIL_CLIENTS
from pixel_emulator.core.scenarios.scenario import Level, Policy
from pixel_emulator.core.schemas.recording_schema import (
    DRAFT,
    TEXT,
    any_of,
    list_of,
    map_of,
    matching,
    one_of,
    ref,
)

_SPECIAL = matching(r"\$[^$](?:.|\n)*", example="$name")
_FILLED = matching(r"(?:.|\n)*\$(?:.|\n)*", example="$name")
_PLAIN_KEY = r"^(?:[^$]|\$\$|\$?$)"
_DURATION = matching(DURATION, example="5s")
_LEVELS = tuple(map(str, reversed(Level)))

_NAME = f"^{NAME.pattern}$"

_VALUE = ref("value")
_OPERATORS = ref("operators")
_MATCHED_TEXT = any_of({"type": ["string", "null"]}, _OPERATORS)
_MATCHED_MAP = any_of({"type": "object", "allOf": [_VALUE]}, _SPECIAL)
_PADDED = any_of({"type": "boolean"}, _SPECIAL, _OPERATORS)


def scenario_schema() -> Payload:
    """Return the schema of a scenario file: one or several scenarios, or definitions for `use`."""
    scenario, shape = _scenario(), _shape()
    file = {
        "use": list_of({**TEXT, "minLength": 1}),
        "define": _named(_VALUE),
        "defaults": map_of(
            {key: scenario[key] for key in vocabulary.DEFAULTS}, vocabulary.DEFAULTS
        ),
        "scenarios": list_of(_complete(map_of(scenario, vocabulary.SCENARIO)), at_least=1),
    }
    root = map_of({**file, **scenario}, {**vocabulary.FILE, **vocabulary.SCENARIO})
    return {
        "$schema": DRAFT,
        "title": "pixel-emulator scenario",
        **root,
        **_asserts("scenarios", "define", "use"),
        "dependencies": {
            **_exclusive_keys(),
            "scenarios": {"propertyNames": one_of(vocabulary.FILE)},
            "defaults": ["scenarios"],
        },
        "definitions": {
            "value": _value(),
            "operators": _operators(),
            "request": _request(),
            "variant": _variant(shape),
            "expectation": _expectation(shape, _timing()),
            "banned": _expectation(shape, {}),
            "step": map_of(_step(), vocabulary.STEP, required=["expect"]),
            "action": _action(),
        },
    }


ASSERTING = ("expect", "steps", "never", "deny", "state", "plan")
"""Keys of which a scenario needs one: without any it would pass whatever happens."""


def _asserts(*keys: str) -> Payload:
    return any_of(*map(_requires, (*ASSERTING, *keys)))


def _requires(key: str) -> Payload:
    return {"required": [key]}


def _exclusive_keys() -> Payload:
    """Return the constraint on keys that exclude each other."""
    return {"steps": {"not": any_of(_requires("expect"), _requires("do"))}}


def _complete(scenario: Payload) -> Payload:
    return {**scenario, **_asserts(), "dependencies": _exclusive_keys()}


def _named(values: Payload) -> Payload:
    return {
        "type": "object",
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": values,
    }


def _value() -> Payload:
    """Return the schema of any value; a key that begins with `$` is an operator."""
    return any_of(
        {"enum": [*MATCHERS]},
        {"type": ["string", "number", "boolean", "null"]},
        list_of(_VALUE),
        {
            "type": "object",
            "propertyNames": {"pattern": _PLAIN_KEY},
            "additionalProperties": _VALUE,
        },
        ref("operators"),
    )


def _operators() -> Payload:
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {name: {} for name in OPERATORS},
        "additionalProperties": False,
    }


def _shape() -> dict[str, Payload]:
    return {
        **dict.fromkeys((*vocabulary.CALL_TYPES, *vocabulary.FIELDS), _VALUE),
        "any": one_of([*vocabulary.CALL_TYPES, None]),
        "type": one_of([*vocabulary.CALL_TYPES, None]),
        "dropped": any_of(one_of([*codes_with(Severity.DROP), None]), _FILLED),
        "request": ref("request"),
        "note": TEXT,
    }


def _request() -> Payload:
    choices = {
        key: any_of(one_of(words), _SPECIAL, _OPERATORS) for key, words in REQUEST_CHOICES.items()
    }
    free = dict.fromkeys(vocabulary.REQUEST, _VALUE)
    return map_of({**free, "padded": _PADDED, **choices}, vocabulary.REQUEST)


def _variant(shape: dict[str, Payload]) -> Payload:
    """Return the schema of an item of `one-of`; it needs no call line."""
    lines = {key: words for key, words in shape.items() if key != "dropped"}
    return map_of(lines, vocabulary.PATTERN)


def _field_types() -> Payload:
    """Return the types that Segment requires of the fields of a call that it keeps."""
    texts = (*vocabulary.CALL_TYPES, *vocabulary.TEXT_FIELDS)
    return {
        "if": {"not": _requires("dropped")},
        "then": {
            "properties": {
                **dict.fromkeys(texts, _MATCHED_TEXT),
                **dict.fromkeys(vocabulary.MAP_FIELDS, _MATCHED_MAP),
            }
        },
    }


def _expectation(shape: dict[str, Payload], timing: dict[str, Payload]) -> Payload:
    """Return the schema of an expectation, a call or several shapes of one."""
    call = map_of(
        {**shape, **timing, "one-of": list_of(ref("variant"), at_least=1)}, vocabulary.EXPECTATION
    )
    lines: list[JSON] = [*map(_requires, vocabulary.CALL_LINES)]
    return {**call, **any_of(_requires("one-of"), {"oneOf": lines}), **_field_types()}


def _timing() -> dict[str, Payload]:
    times = any_of({"type": "integer", "minimum": 0}, matching(TIMES, example="1.."))
    return {"id": TEXT, "times": times, "after": TEXT, "within": _DURATION}


def _step() -> dict[str, Payload]:
    return {
        "name": TEXT,
        "client": any_of(one_of(MAIL_CLIENTS), _FILLED),
        "do": any_of(ref("action"), list_of(ref("action"))),
        "expect": list_of(ref("expectation")),
        "never": list_of(ref("banned")),
        "order": one_of(ORDERS),
        "within": _DURATION,
        "quiet": _DURATION,
        "since": one_of(("start",)),
    }


def _action() -> Payload:
    command: Payload = any_of({**TEXT, "minLength": 1}, list_of(TEXT, at_least=1))
    file: Payload = {**TEXT, "minLength": 1}
    lines: list[JSON] = [*map(_requires, vocabulary.CALL_TYPES)]
    call = map_of(dict.fromkeys(SENDABLE_KEYS, _VALUE), vocabulary.PATTERN)
    shapes = {
        "run": command,
        "open": file,
        "send": {**call, "oneOf": lines},
        "replay": file,
        "wait": _DURATION,
    }
    return {**map_of(shapes, vocabulary.ACTIONS), "minProperties": 1, "maxProperties": 1}


def _scenario() -> dict[str, Payload]:
    lets = any_of(list_of({**TEXT, "pattern": _NAME}), _named(_VALUE))
    step = {key: shape for key, shape in _step().items() if key in vocabulary.SCENARIO}
    return {
        **step,
        "tags": list_of(TEXT),
        "let": lets,
        "cases": list_of({"type": "object", "minProperties": 1}, at_least=1),
        "given": map_of(
            {"profiles": {"type": "object"}, "clock": TEXT, "seed": {"type": "integer"}},
            vocabulary.GIVEN,
        ),
        "steps": list_of(ref("step"), at_least=1),
        "deny": list_of(_forbidden()),
        "state": {
            "type": "object",
            "additionalProperties": any_of({"type": "object", "allOf": [_VALUE]}, _SPECIAL),
        },
        "plan": any_of(
            TEXT,
            {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": r"^[1-9]\d*$"},
                "additionalProperties": TEXT,
            },
        ),
        **{policy.value: one_of(_LEVELS) for policy in Policy},
        "unexpected": one_of((*_LEVELS, SAME_EVENT)),
        "damaged": any_of(
            one_of(_LEVELS),
            map_of(
                {"accept": list_of(one_of(codes_with(Severity.DAMAGE)))}, {}, required=["accept"]
            ),
        ),
    }


def _forbidden() -> Payload:
    shapes: dict[str, Payload] = {
        "contains": {"not": one_of((None, ""))},
        "in": TEXT,
        "except": list_of(TEXT),
        "because": TEXT,
    }
    return map_of(shapes, vocabulary.FORBIDDEN, required=["contains"])
