"""JSON Schemas of the bodies that the control API takes and returns."""

from collections.abc import Iterable, Mapping

from pixel_emulator.control.problems import PROBLEMS
from pixel_emulator.core.model import JSON, CallType, Dialect, Outcome, Payload
from pixel_emulator.core.schemas.recording_schema import BOOL, COUNT, TEXT, list_of
from pixel_emulator.core.schemas.scenario_schema import ASSERTING

__all__ = ["BOOL", "COMPONENTS", "COUNT", "DOCUMENT", "TEXT", "optional", "ref"]


def ref(name: str) -> Payload:
    """Return a reference to one of `COMPONENTS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _map(
    properties: Mapping[str, Payload], optional: Iterable[str] = (), *, open: bool = False
) -> Payload:
    """Return the schema of a map with these keys: all required except `optional`, no others unless
    `open`."""
    required: list[JSON] = [key for key in properties if key not in set(optional)]
    return {
        "type": "object",
        "properties": {**properties},
        "required": required,
        "additionalProperties": open,
    }


def optional(schema: Payload) -> Payload:
    """Return a schema that also admits null, which means the same as a missing key."""
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(words: Iterable[str]) -> Payload:
    return {"type": "string", "enum": [*map(str, words)]}


DOCUMENT: Payload = {"type": "object"}
"""Schema of a YAML text, once it is parsed."""

_TEXTS = list_of(TEXT)
_ANYTHING: Payload = {}
_TIME: Payload = {"type": "string", "format": "date-time"}
_ENDPOINT: dict[str, Payload] = {
    "proxy": {**TEXT, "description": "Its proxy, as a URL."},
    "url": {
        **TEXT,
        "description": "Its base URL for direct requests: /v1/pixel/track?… is appended.",
    },
    "ca": {**TEXT, "description": "The file of its CA, where the emulator runs."},
    "bundle": {**TEXT, "description": "A file with its CA and all that the machine trusts."},
    "spki": {**TEXT, "description": "The hash by which a browser accepts its CA."},
    "hosts": {**_TEXTS, "description": "The hosts that are emulated."},
}
_REQUEST: dict[str, Payload] = {
    "method": TEXT,
    "url": TEXT,
    "http": TEXT,
    "client": TEXT,
    "headers": {"type": "object", "additionalProperties": TEXT},
}
_PROBLEM = _map(
    {
        "code": TEXT,
        "severity": TEXT,
        "path": TEXT,
        "message": TEXT,
        "source": TEXT,
    }
)
_CALL: dict[str, Payload] = {
    "seq": COUNT,
    "time": _TIME,
    "type": _one_of(CallType),
    "outcome": _one_of(Outcome),
    "payload": _ANYTHING,
    "problems": list_of(_PROBLEM),
    "source": {"type": ["string", "null"]},
}
_CALL_OF_ENTRY = _map(
    {
        "type": _one_of(CallType),
        "outcome": _one_of(Outcome),
        "form": TEXT,
        "alphabet": TEXT,
        "padded": {"type": ["boolean", "null"]},
        "payload": _ANYTHING,
        "problems": list_of(_PROBLEM),
        "source": {"type": ["string", "null"]},
    },
    ("source", "alphabet", "padded"),
)
_ENTRY = _map(
    {
        "seq": COUNT,
        "time": _TIME,
        "step": TEXT,
        "calls": list_of(_CALL_OF_ENTRY),
        "request": _map(
            {**_REQUEST, "body": TEXT, "body_base64": TEXT, "status": COUNT},
            ("body", "body_base64"),
        ),
        "digest": TEXT,
    },
    ("step",),
)


def _page_schema(entry: Payload) -> Payload:
    return _map(
        {
            "entries": list_of(entry),
            "cursor": {
                **COUNT,
                "description": "The value of `since` that returns what comes next.",
            },
            "more": {**BOOL, "description": "Whether there is more already."},
            "cleared": {**COUNT, "description": "All up to this number has been cleared away."},
            "connections": {**COUNT, "description": "How many connections reached the session."},
            "gaps": {**_TEXTS, "description": "Why calls may be missing."},
            "acted": {"type": "object", "additionalProperties": _TIME},
        }
    )


COMPONENTS: dict[str, JSON] = {
    "Health": _map({"status": _one_of(["ok"])}),
    "Emulator": _map(
        {
            "version": TEXT,
            "pid": COUNT,
            "port": COUNT,
            **_ENDPOINT,
            "sessions": _TEXTS,
            "strays": {**_TEXTS, "description": "Requests for sessions that are not open."},
            "failures": {**_TEXTS, "description": "What went wrong in the emulator itself."},
        }
    ),
    "Sessions": _map({"sessions": _TEXTS}),
    "NewSession": _map(
        {
            "name": optional({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}),
            "dialect": optional(_one_of(Dialect)),
            "source": optional(list_of({"type": "string", "pattern": "^[^=]+=."})),
            "keep_write_keys": optional(BOOL),
        },
        ("name", "dialect", "source", "keep_write_keys"),
    ),
    "Session": _map({"name": TEXT, **_ENDPOINT}),
    "NewRequest": _map(
        {
            **{key: optional(schema) for key, schema in _REQUEST.items()},
            "url": {"type": "string", "format": "uri"},
        },
        set(_REQUEST) - {"url"},
    ),
    "Run": _map({"clock": optional(_TIME)}, ("clock",)),
    "Step": _map({"title": TEXT}),
    "Acted": _map({"titles": _TEXTS}),
    "Drained": _map({"gone": BOOL}),
    "Entry": _ENTRY,
    "Requests": _page_schema(ref("Entry")),
    "Call": _map(_CALL),
    "Calls": _page_schema(ref("Call")),
    "Verdict": _map(
        {"status": _one_of(["met", "unmet", "undecided", "incomplete"]), "exit_code": COUNT},
        open=True,
    ),
    "Scenario": {
        "type": "object",
        "anyOf": [{"required": [key]} for key in (*ASSERTING, "scenarios")],
    },
    "Waited": _map(
        {
            "result": _one_of(["met", "impossible", "undecided", "timeout", "more"]),
            "cursor": COUNT,
            "passed": {**BOOL, "description": "Whether the scenario is met, and nothing missing."},
            "verdict": ref("Verdict"),
            "report": {**TEXT, "description": "The verdict for people."},
        },
        ("passed", "verdict", "report"),
    ),
    "Problem": _map(
        {
            "type": _one_of(f"urn:pixel-emulator:problem:{kind}" for kind in PROBLEMS),
            "title": TEXT,
            "status": COUNT,
            "detail": TEXT,
            "mistakes": list_of(
                _map({"message": TEXT, "file": TEXT, "line": COUNT, "column": COUNT, "path": TEXT})
            ),
        },
        ("mistakes",),
    ),
}
