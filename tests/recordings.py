"""Recordings for tests, and what they hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import CallType, Form
from pixel_emulator.core.recordings.recording import End, Head
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.files.yaml_loader import load
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from tests.hits import KEY, hit

START = datetime(2030, 1, 31, 9, 0, tzinfo=UTC)


def write_recording(path, *calls, closed=True, form="base64"):
    """Record calls, each a pair of a type and a payload, a second apart."""
    settings = Settings(record=str(path))
    ticks = iter(range(10_000))
    journal = Journal(
        settings,
        sink=open_recording(settings),
        now=lambda: START + timedelta(seconds=next(ticks)),
    )
    journal.connected()
    for type, payload in calls:
        said = {"writeKey": KEY, "userId": "user_1", **payload}
        journal.record(request_from_url(encode(CallType(type), said, form=Form(form))))
    if closed:
        journal.close()
    return path


HEAD = Head(created=datetime(2030, 1, 31, 9, tzinfo=UTC), run="r1", tool="0.1.0")
END = End(calls=2, connections=1)


def recorded(seq, **payload):
    """Return the exchange of a call, with a digest, as the recording writer gets it."""
    made = hit(seq, "track", {"event": "Email Opened", "userId": "u", **payload})
    return replace(made.exchange, digest="0a" * 32)


def old_layout(text):
    """Return a recording in the layout before `exchanges:`, in which an entry was a call."""
    head, entries, rest = text.partition("\nexchanges:\n")
    assert entries
    body, end, ending = rest.partition("\nend:\n")
    data: Any = load(f"entries:\n{body}\n", "")
    written = yaml_writer.write([*map(_old_entry, data["entries"])])
    return f"{head}\ncalls:\n{written}{end[1:]}{ending}"


def _old_entry(entry):
    calls = entry.pop("calls")
    call = calls[0] if calls else {"outcome": "unhandled", "problems": []}
    request = {key: entry.pop(key) for key in ("request", "digest")}
    return entry | call | request


def first_payload(path):
    """Return the payload of the first call in a recording."""
    call = read_recording(path).hits[0].call
    assert call is not None
    assert call.payload is not None
    return call.payload


def input_error(call, *arguments):
    """Return the text of the InputError that the call raises."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)
