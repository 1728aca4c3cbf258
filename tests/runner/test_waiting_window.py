"""A window looks at each call once, and holds few of many that are alike."""

import threading

import pytest

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.model import CallType, exchanges_of
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.verification.components import MAX_KEPT
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.pytest_plugin.shared_calls import received_calls
from pixel_emulator.runner.waiting import _BATCH, Window
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from tests.hits import KEY
from tests.toy_route import batch, toy_route

MANY = parse(parse_document("expect: [{track: A, times: 1..}]\nnever: [track: B]", "s.yaml"))
ROOM = 50


def pixel(event="A", **fields):
    said = {"writeKey": KEY, "userId": "u", "event": event, **fields}
    return request_from_url(encode(CallType.TRACK, said))


def filled(journal, window, count, event="A"):
    """Record many calls; each batch is looked at before memory has no room for it."""
    for _ in range(0, count, ROOM):
        journal.record_all([pixel(event) for _ in range(ROOM)])
        window.evidence()


@pytest.mark.parametrize("records", [False, True])
def test_what_is_held_does_not_grow_with_the_calls(tmp_path, records):
    settings = Settings(max_calls=ROOM, record=str(tmp_path / "c.yaml") if records else "")
    journal = Journal(settings, sink=open_recording(settings))
    window = Window(journal, MANY)
    held = []
    for count in (1_000, 2_000):
        filled(journal, window, 1_000)
        evidence = window.evidence()
        held.append(len(evidence.hits))
        verdict = verify(MANY, evidence)
        assert (evidence.total, evidence.gaps, verdict.status) == (count, (), Status.MET)
        assert verdict.scenarios[0].expectations[0].got == count
    assert held == [MAX_KEPT, MAX_KEPT]


def test_the_one_call_that_must_not_come_is_seen_among_many():
    journal = Journal(Settings(max_calls=ROOM))
    window = Window(journal, MANY)
    filled(journal, window, 1_000)
    journal.record(pixel("B"))
    window.evidence()
    filled(journal, window, 1_000)
    assert verify(MANY, window.evidence()).status is Status.UNMET


def test_calls_that_nobody_looked_at_in_time_are_a_gap():
    journal = Journal(Settings(max_calls=ROOM))
    window = Window(journal, MANY)
    filled(journal, window, ROOM)
    journal.record_all([pixel() for _ in range(2 * ROOM)])
    evidence = window.evidence()
    assert "are not known: only a recording keeps more" in evidence.gaps[0]
    assert verify(MANY, evidence).status is Status.INCOMPLETE
    assert window.evidence() == evidence  # and stays one


def test_calls_that_nobody_looked_at_in_time_are_read_from_the_recording(tmp_path):
    settings = Settings(max_calls=ROOM, record=str(tmp_path / "c.yaml"))
    journal = Journal(settings, sink=open_recording(settings))
    window = Window(journal, MANY)
    filled(journal, window, 1_000)
    journal.record_all([pixel() for _ in range(3 * ROOM)])
    evidence = window.evidence()
    assert (len(evidence.hits), evidence.masked, evidence.gaps) == (1_150, True, ())
    assert verify(MANY, evidence).status is Status.MET


def test_calls_wait_for_a_follower_that_is_far_behind():
    """No call is evicted before it was looked at, however fast they come."""
    journal = Journal(Settings(max_calls=ROOM))
    window = Window(journal, MANY)
    with window.followed():
        for _ in range(500):
            journal.record_all([pixel(), pixel()])
    evidence = window.evidence()
    assert (evidence.total, evidence.gaps) == (1_000, ())


def test_nobody_waits_for_a_follower_for_ever(monkeypatch):
    monkeypatch.setattr("pixel_emulator.runtime.journal._FOLLOWER_TIMEOUT", 0.01)
    journal = Journal(Settings(max_calls=ROOM))
    journal.follow(lambda: 0)
    for _ in range(ROOM):
        journal.record(pixel())
    assert journal.evidence().total == ROOM


def test_a_window_that_starts_again_looks_at_all_calls():
    journal = Journal(Settings())
    window = Window(journal, MANY)
    filled(journal, window, 400)
    window.restart(parse(parse_document("expect: []", "s.yaml")))
    assert window.evidence().total == 400


def test_a_window_behind_another_has_only_later_calls():
    journal = Journal(Settings())
    journal.connected()
    first = Window(journal, MANY)
    filled(journal, first, 500)
    second = first.after(first.evidence(), MANY)
    assert second.evidence().total == second.evidence().connections == 0
    journal.record(pixel("B"))
    journal.connected()
    [hit] = second.evidence().hits
    assert (hit.seq, second.evidence().connections) == (501, 1)


def test_it_is_followed_while_something_else_goes_on():
    journal = Journal(Settings(max_calls=ROOM))
    window = Window(journal, MANY)
    looked = threading.Event()
    journal_evidence = journal.evidence

    def evidence(since=0, most=None):
        evidence = journal_evidence(since, most)
        if since + len(evidence.hits) >= ROOM:
            looked.set()
        return evidence

    journal.evidence = evidence  # type: ignore[method-assign] # to know when it was looked at
    with window.followed():
        journal.record_all([pixel() for _ in range(ROOM)])
        assert looked.wait(30)
    journal.record_all([pixel() for _ in range(ROOM)])
    assert window.evidence().total == 2 * ROOM
    assert window.evidence().gaps == ()


def test_an_exchange_may_have_more_calls_than_are_looked_at_together():
    """Its hits come in several looks, and older ones are decoded anew for each."""
    events = [f"Event {number}" for number in range(_BATCH + 400)]
    with toy_route():
        journal = Journal(Settings())
        journal.record(batch(*({"event": event} for event in events)))
        evidence = Window(journal, MANY).evidence()
        assert evidence.total == len(events)
        hits = journal.evidence(since=3).hits
    assert [call["event"] for call in received_calls(hits)] == events[3:]
    assert len([*exchanges_of(hits)]) == 1
