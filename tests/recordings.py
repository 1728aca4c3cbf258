"""Recordings for tests, written by the recording writer."""

from datetime import UTC, datetime, timedelta

from pixel_emulator.core.endpoint.pixel import encode, request_from_url
from pixel_emulator.core.model import CallType, Form
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from tests.hits import KEY

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
