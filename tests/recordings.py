"""Recordings for tests, and what they hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import CallType, Form
from pixel_emulator.core.recordings.recording import End, Head
from pixel_emulator.files.read_write import read_recording
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
