"""A slow follower of one session delays others, once, and loses no call."""

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from pixel_emulator.files.read_write import read_recording
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from tests.fast_path_settings import with_fast_path, without_fast_path
from tests.wire import PIXEL, TIMEOUT, ask, connect, get, read

MADE = pytest.mark.parametrize("made", [with_fast_path, without_fast_path])
ROOM = 20
"""Calls that memory has room for."""

MOST = ROOM // 2 + 1
"""Calls that may arrive, one by one, before a follower has looked at any."""


def send_pixels(e: Emulator, session: str, number: int) -> None:
    with connect(e.port) as client:
        for _ in range(number):
            assert ask(client, get(f"/s/{session}{PIXEL}", "localhost")).is_pixel


@MADE
def test_a_stuck_follower_delays_other_sessions_once(
    made: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pixel_emulator.runtime.journal._FOLLOWER_TIMEOUT", 0.1)
    settings = made(port=0, max_calls=ROOM)
    with Emulator(settings, Journal(settings)) as e:
        followed, other = e.sessions.open(), e.sessions.open()
        asked = count()
        followed.follow(lambda: 0 * next(asked))
        send_pixels(e, followed.name, ROOM - 1)
        send_pixels(e, other.name, ROOM)
        waits = next(asked)
        send_pixels(e, followed.name, 1)
        assert next(asked) == waits + 1  # nobody waits for it any more
        assert followed.evidence().total == ROOM
        assert other.evidence().total == ROOM
        assert e.journal.failures == ()


@MADE
def test_the_journal_can_be_read_while_calls_wait_and_they_are_not_answered(
    made: Callable[..., Settings], tmp_path: Path
):
    """A follower can read the journal, and an answer still means that its call is written."""
    file = tmp_path / "calls.yaml"
    settings = made(port=0, max_calls=ROOM, record=str(file))
    journal = Journal(settings, sink=open_recording(settings))
    with Emulator(settings, journal) as e, connect(e.port) as client:
        seen, is_full, is_behind = 0, threading.Event(), threading.Event()

        def looked_at() -> float:
            if is_full.is_set():
                is_behind.set()
            return seen

        leave = journal.follow(looked_at)
        for _ in range(MOST):
            assert ask(client, get(PIXEL, "api.segment.io")).is_pixel
        is_full.set()
        client.sendall(get(PIXEL, "api.segment.io"))
        assert is_behind.wait(TIMEOUT)
        assert len(journal.evidence().hits) == MOST
        assert len(read_recording(file).hits) == MOST
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        client.settimeout(TIMEOUT)
        seen = ROOM
        journal.notify_progress()
        assert read(client).is_pixel
        assert len(read_recording(file).hits) == MOST + 1
        leave()
    journal.close()
