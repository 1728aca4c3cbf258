"""The JSON Schema of a recording, from the enumerations of its reader; builders of schemas."""

from collections.abc import Iterable, Mapping

from pixel_emulator.core.model import (
    JSON,
    Alphabet,
    CallType,
    Dialect,
    Form,
    Outcome,
    Payload,
    RuleSource,
    Severity,
)
from pixel_emulator.core.recordings.recording import VERSION, Clock, Redaction

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that editors support best: yaml-language-server reads it without a setting."""


SCENARIO_SCHEMA = "scenario.schema.json"
"""Name of the file with the schema that `scenario schema` prints."""


def schema_line(file: str) -> str:
    """Return the comment that refers editors to the schema in a file beside the YAML file."""
    return f"# yaml-language-server: $schema={file}"


TEXT: Payload = {"type": "string"}
BOOL: Payload = {"type": "boolean"}
COUNT: Payload = {"type": "integer", "minimum": 0}


def map_of(
    shapes: Mapping[str, Mapping[str, JSON]],
    descriptions: Mapping[str, str],
    *,
    required: Iterable[str] = (),
    additional: bool = False,
) -> Payload:
    """Return the schema of a map with these keys, and with any others if `additional`.

    The description of a shape itself goes before that of its key.
    """
    properties: Payload = {
        key: {"description": descriptions[key], **shape} if key in descriptions else {**shape}
        for key, shape in shapes.items()
    }
    schema: Payload = {"type": "object", "properties": properties}
    if needed := list(required):
        schema["required"] = [*needed]
    return schema if additional else {**schema, "additionalProperties": False}


def list_of(items: Payload, *, at_least: int = 0) -> Payload:
    """Return the schema of a list of such items."""
    return {"type": "array", "items": items, **({"minItems": at_least} if at_least else {})}


def one_of(words: Iterable[str | None]) -> Payload:
    """Return the schema of one of these words."""
    return {"enum": [*words]}


def any_of(*schemas: Mapping[str, JSON]) -> Payload:
    """Return a schema that accepts what one of these schemas accepts."""
    return {"anyOf": [{**schema} for schema in schemas]}


def ref(name: str) -> Payload:
    """Return a reference to a schema under `definitions`."""
    return {"$ref": f"#/definitions/{name}"}


def matching(pattern: str, *, example: JSON) -> Payload:
    """Return the schema of a text that matches the pattern as a whole."""
    return {"type": "string", "pattern": f"^(?:{pattern})$", "examples": [example]}


_TIME: Payload = {"type": "string", "format": "date-time"}
_DESCRIPTIONS = {
    "pixel_recording": "The version of the format.",
    "created": "When the run began.",
    "run": "The id of the run.",
    "shard": "The name of this part of the run.",
    "tool": "The version that wrote it.",
    "dialect": "Which account of the endpoint decided.",
    "redaction": "What is masked.",
    "clock": "Which clock the times are from; the real one where this is missing.",
    "exchanges": "What arrived, one entry for each request.",
    "end": "What the run counted; without it the recording is open.",
    "seq": "The number of its first call; a request without calls takes one number.",
    "calls": "The calls of the request, in order; none if nothing decodes it.",
    "request": "The request, and the status of the response.",
    "body": "The body, if there is one and it is UTF-8.",
    "body_base64": "A body that is not UTF-8, as base64.",
    "payload": "The data of the call; JSON text if it nests deep; null if it could not be decoded. "
    "Here and in all texts a lone surrogate U+D800 to U+DFFF is written as U+10D800 to U+10DFFF; "
    "such a character of its own, and U+10FFFD, has U+10FFFD before it.",
    "outcome": "What would become of the call at Segment.",
    "source": "The name of the write key.",
    "step": "The step of a scenario that was running.",
    "digest": "The SHA-256 of the original request line and, if there is one, the body.",
    "gaps": "Why calls may be missing.",
    "steps": "When the actions of the steps were done.",
}


def recording_schema() -> Payload:
    """Return the schema of a recording; it allows unknown keys, as the reader does."""
    head: dict[str, Payload] = {
        "pixel_recording": {"const": VERSION},
        "created": _TIME,
        "run": TEXT,
        "shard": {"type": ["string", "null"]},
        "tool": TEXT,
        "dialect": one_of(map(str, Dialect)),
        "redaction": one_of(map(str, Redaction)),
        "clock": one_of(map(str, Clock)),
        "exchanges": {"type": ["array", "null"], "items": _entry()},
        "end": {"anyOf": [{"type": "null"}, _end()]},
    }
    required = ("pixel_recording", "created", "dialect", "redaction", "exchanges")
    return {
        "$schema": DRAFT,
        "title": "pixel-emulator recording",
        **_open_map(head, required),
    }


def _open_map(shapes: dict[str, Payload], required: Iterable[str]) -> Payload:
    return map_of(shapes, _DESCRIPTIONS, required=required, additional=True)


def _entry() -> Payload:
    shapes: dict[str, Payload] = {
        "seq": COUNT,
        "time": _TIME,
        "step": {"type": ["string", "null"]},
        "calls": list_of(_call()),
        "request": _request(),
        "digest": {"type": "string", "pattern": "^sha256:"},
    }
    return _open_map(shapes, ("seq", "time", "calls", "request"))


def _call() -> Payload:
    shapes: dict[str, Payload] = {
        "type": one_of(map(str, CallType)),
        "outcome": one_of(map(str, Outcome)),
        "form": one_of(map(str, Form)),
        "alphabet": one_of([*map(str, Alphabet), None]),
        "padded": {"type": ["boolean", "null"]},
        "payload": {"type": ["object", "string", "null"]},
        "problems": {"type": ["array", "null"], "items": _problem()},
        "source": {"type": ["string", "null"]},
    }
    return _open_map(shapes, ("type", "outcome", "form"))


def _problem() -> Payload:
    shapes = {
        "code": TEXT,
        "severity": one_of(map(str, Severity)),
        "path": TEXT,
        "message": TEXT,
        "source": {
            **one_of(map(str, RuleSource)),
            "description": "Where the rule comes from.",
        },
    }
    return _open_map(shapes, ("code", "severity", "message", "source"))


def _request() -> Payload:
    shapes: dict[str, Payload] = {
        "method": TEXT,
        "url": {**TEXT, "pattern": "^[A-Za-z][A-Za-z0-9+.-]*://"},
        "http": TEXT,
        "client": TEXT,
        "headers": {"type": "object", "additionalProperties": TEXT},
        "body": TEXT,
        "body_base64": TEXT,
        "status": COUNT,
    }
    return _open_map(shapes, ("url", "headers"))


def _end() -> Payload:
    step = _open_map({"title": TEXT, "acted": _TIME}, ("title", "acted"))
    shapes: dict[str, Payload] = {
        "calls": {**COUNT, "description": "How many numbers the entries take."},
        "connections": COUNT,
        "gaps": list_of(TEXT),
        "steps": list_of(step),
    }
    return _open_map(shapes, ("calls", "connections"))
