"""The JSON Schema of recordings: it accepts what the reader does, and refuses wrong types."""

import jsonschema_rs
import pytest

from pixel_emulator.core.model import Payload
from pixel_emulator.core.recordings import recording
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.recordings.recording import End, Head
from pixel_emulator.core.schemas.recording_schema import DRAFT, recording_schema
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import START, hit
from tests.schema_objections import objections

RECORDING = jsonschema_rs.Draft7Validator(recording_schema())


def test_the_schema_is_valid():
    jsonschema_rs.meta.validate(recording_schema())
    assert recording_schema()["$schema"] == DRAFT


def recorded(*hits, **end):
    data: Payload = {
        **recording.head_data(Head(created=START, run="r", tool="0.1")),
        "exchanges": [entry(hit.exchange) for hit in hits],
        **(recording.end_data(End(calls=len(hits), connections=1, **end)) if end else {}),
    }
    return parse_document(yaml_writer.write(data), "r.yaml")


RECORDINGS = [
    recorded(),
    recorded(hit(1, "page", {"userId": "u"})),
    recorded(
        hit(1, "track", {"event": "A", "userId": "u", "properties": {"a": [1, {"b": None}]}}),
        hit(2, "page", {"userId": "u"}, form="flat"),
        hit(3, "page", {}, repeats=True),
        gaps=("one is missing",),
    ),
]


@pytest.mark.parametrize("document", RECORDINGS)
def test_recordings_are_accepted(document):
    recording.parse(document)
    assert objections(RECORDING, document.data) == []


# Where a recording is changed, and to what.
CHANGES = [
    (("pixel_recording",), 99),
    (("pixel_recording",), "1"),
    (("created",), 7),
    (("dialect",), "loose"),
    (("redaction",), "some"),
    (("exchanges",), {}),
    (("exchanges", 0), "x"),
    (("exchanges", 0, "seq"), "1"),
    (("exchanges", 0, "time"), 5),
    (("exchanges", 0, "calls", 0, "type"), "pge"),
    (("exchanges", 0, "calls", 0, "outcome"), "kept"),
    (("exchanges", 0, "calls", 0, "form"), "raw"),
    (("exchanges", 0, "calls", 0, "alphabet"), "b64"),
    (("exchanges", 0, "calls", 0, "padded"), "yes"),
    (("exchanges", 0, "calls", 0, "payload"), [1]),
    (("exchanges", 0, "calls", 0, "problems"), {}),
    (("exchanges", 0, "calls", 0, "problems"), [{"code": 1}]),
    (("exchanges", 0, "calls"), None),
    (("exchanges", 0, "calls", 0), {}),
    (("exchanges", 0, "request"), {}),
    (("exchanges", 0, "request", "url"), "x"),
    (("exchanges", 0, "request", "headers"), {"a": 1}),
    (("exchanges", 0, "request", "status"), "200"),
    (("exchanges", 0, "request", "body"), 1),
    (("exchanges", 0, "request", "body_base64"), 1),
    (("exchanges", 0, "digest"), "md5:0"),
    (("end", "calls"), "1"),
    (("end", "gaps"), [1]),
]


@pytest.mark.parametrize(("at", "value"), CHANGES)
def test_invalid_recordings_are_refused(at, value):
    document = recorded(hit(1, "page", {"userId": "u"}), gaps=("x",))
    place = document.data
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    assert objections(RECORDING, document.data)


@pytest.mark.parametrize("key", ["pixel_recording", "created", "dialect", "redaction", "exchanges"])
def test_required_keys_of_recordings_are_required(key):
    document = recorded()
    del document.data[key]
    assert objections(RECORDING, document.data)
