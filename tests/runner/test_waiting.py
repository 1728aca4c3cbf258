"""Waits are woken by calls, end at once when decided, and watch through the silence."""

import threading
import time
from datetime import UTC, datetime

import pytest

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.model import CallType
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenarios.scenario import DEFAULT_QUIET, DEFAULT_WITHIN, Step
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.runner.waiting import (
    JournalTail,
    Look,
    NextLook,
    decide,
    mark_done,
    quiet,
    timeouts,
    wait_until_decided,
    within,
)
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

OPENED = "expect:\n  - track: Email Opened\n"
LONG = 3_600.0
"""Longer than any test: a wait that ends earlier did not wait for its deadline."""


def scenarios(text):
    return parse(parse_document(text, "s.yaml"))


def call(event="Email Opened"):
    payload = {"writeKey": "wk_test_0000000000000000", "userId": "user_1", "event": event}
    return request_from_url(encode(CallType.TRACK, dict(payload)))


@pytest.fixture
def journal():
    return Journal(Settings())


def settled(text, journal, *, within=LONG, quiet=0.0, part=None):
    """Return the outcome of a wait; fail if it does not end by itself."""
    outlooks = []
    watch = LiveVerdict(scenarios(text))

    def wait():
        deadline = time.monotonic() + within
        outlooks.append(
            wait_until_decided(watch, part or JournalTail(journal), deadline=deadline, quiet=quiet)
        )

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it waits for what it knows already"
    return outlooks[0]


class Answering(Journal):
    """A journal in which another call arrives whenever somebody begins to wait."""

    def __init__(self, *events):
        super().__init__(Settings())
        self.coming = list(events)

    def wait(self, done, timeout, *ended):
        if self.coming:
            self.record(call(self.coming.pop(0)))
        return super().wait(done, timeout, *ended)


def test_it_ends_with_the_call_that_was_missing():
    assert settled(OPENED, Answering("Email Opened")) is Outlook.MET


def test_what_is_there_already_is_not_waited_for(journal):
    journal.record(call())
    assert settled(OPENED, journal) is Outlook.MET


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (OPENED, ["Email Opened", "Email Opened"]),
        (OPENED, ["Something Else"]),
        ("expect: []\n", ["Email Opened"]),
        (f"never:\n  - track: Bounced\nunexpected: ignore\n{OPENED}", ["Bounced"]),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_what_can_no_longer_be_met_ends_the_wait_at_once(text, events, before):
    journal = Answering(*([] if before else events))
    for event in events if before else ():
        journal.record(call(event))
    assert settled(text, journal, quiet=LONG) is Outlook.IMPOSSIBLE


def test_what_does_not_come_is_open_at_the_deadline(journal):
    assert settled(OPENED, journal, within=0.0) is Outlook.OPEN


def test_in_the_silence_a_call_that_breaks_it_is_caught():
    """The scenario is met by the first call; the second comes in the required silence."""
    assert settled(OPENED, Answering("Email Opened", "Email Opened"), quiet=LONG) is (
        Outlook.IMPOSSIBLE
    )


def test_in_the_silence_a_call_that_fits_does_no_harm():
    text = "expect:\n  - {track: Email Opened, times: 1..}\n"
    assert settled(text, Answering(*["Email Opened"] * 3), quiet=0.3) is Outlook.MET


def test_a_wait_for_silence_ends_when_there_was_some(journal):
    assert settled("expect: []\n", journal, quiet=0.01) is Outlook.MET


def test_a_journal_tail_holds_what_arrived_after_its_start(journal):
    journal.connected()
    journal.record(call("Something Else"))
    part = JournalTail(journal, hits=1, connections=1)
    assert (part.evidence().hits, part.evidence().connections) == ((), 0)
    journal.connected()
    [hit] = journal.record(call()).hits
    assert (part.evidence().hits, part.evidence().connections) == ((hit,), 1)
    assert settled(OPENED, journal, part=part) is Outlook.MET


def test_many_calls_are_looked_at_to_their_end():
    """`LiveVerdict` puts its search off while many calls come; in a lull it is asked again."""
    text = (
        "let: [who]\nexpect:\n"
        "  - {track: Email Opened, userId: $who, times: 700}\n"
        "  - {track: Email Closed, userId: $who}\n"
    )
    journal = Answering(*["Email Opened"] * 30, "Email Closed")
    for _ in range(670):
        journal.record(call())
    assert settled(text, journal) is Outlook.MET


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (OPENED, (DEFAULT_WITHIN, DEFAULT_QUIET)),
        (f"within: 20s\nquiet: 1s\n{OPENED}", (20, 1)),
        (f"within: 0s\nquiet: 0s\n{OPENED}", (0, 0)),
        ("within: 2s\nsteps:\n  - expect: []\n  - expect: []\n    quiet: 3s\n", (4, 3)),
    ],
)
def test_a_run_is_waited_for_as_long_as_its_steps_say(text, seconds):
    assert timeouts(scenarios(text)) == seconds
    assert timeouts([*scenarios(OPENED), *scenarios(text)]) == (
        max(DEFAULT_WITHIN, seconds[0]),
        max(DEFAULT_QUIET, seconds[1]),
    )


def test_a_step_has_its_own_word_or_the_default():
    assert (within(Step()), quiet(Step())) == (DEFAULT_WITHIN, DEFAULT_QUIET)
    assert (within(Step(within=0.0)), quiet(Step(quiet=0.0))) == (0, 0)


@pytest.mark.parametrize("all_gone", [True, False])
def test_calls_under_way_when_a_step_was_done_are_in_time(all_gone):
    """If some clients stay connected, nobody knows when they sent it."""
    ticks = iter(range(100))
    journal = Journal(Settings(), now=lambda: datetime(2030, 1, 31, 9, 0, next(ticks), tzinfo=UTC))

    def drain():
        journal.record(call())
        return all_gone

    before = time.monotonic()
    assert mark_done(journal, ["step"], drain) >= before
    (hit,) = journal.hits
    assert (journal.evidence().acted["step"] > hit.time) is all_gone


OPEN, MET = Outlook.OPEN, Outlook.MET


def decided(*looks, deadline=10.0, quiet=2.0):
    """Return the outlook that `decide` returns, and what it asks for before each look."""
    decision = decide(deadline=deadline, quiet=quiet)
    requests = [next(decision)]
    for outlook, calls, begun, ended in looks:
        try:
            requests.append(decision.send(Look(outlook, calls, begun, ended)))
        except StopIteration as stop:
            return stop.value, requests
    return None, requests


def test_after_new_calls_it_looks_again_soon_and_then_waits_until_the_deadline():
    """A search that was put off is made up for; each wait is followed by a look's time of rest."""
    _, requests = decided((OPEN, 1, 0.0, 0.25), (OPEN, 1, 0.5, 0.75))
    assert requests == [NextLook(), NextLook(0.1, 0.25, 10.0), NextLook(9.25, 0.25, 10.0)]


@pytest.mark.parametrize("outlook", [Outlook.IMPOSSIBLE, Outlook.UNDECIDED])
def test_what_is_decided_ends_the_wait_with_the_first_look(outlook):
    assert decided((outlook, 1, 0.0, 0.25)) == (outlook, [NextLook()])
    assert decided((MET, 1, 0.0, 0.25), (outlook, 2, 0.5, 0.75))[0] is outlook


def test_at_the_deadline_new_calls_are_looked_at_once_more():
    last = NextLook(same_evidence=True)
    assert decided((OPEN, 1, 9.5, 10.0), (OPEN, 1, 10.0, 10.5)) == (OPEN, [NextLook(), last])
    outlook, requests = decided((OPEN, 1, 0.0, 0.5), (OPEN, 1, 10.0, 10.5))
    assert (outlook, len(requests)) == (OPEN, 2)


def test_once_met_it_waits_through_the_silence_from_the_end_of_the_look():
    outlook, requests = decided((MET, 1, 0.0, 1.0), (MET, 1, 1.0, 1.5), (MET, 1, 3.0, 3.0))
    assert outlook is MET
    assert requests == [NextLook(), NextLook(), NextLook(0.1, 0.5, 3.0)]


def test_a_call_in_the_silence_that_opens_it_again_has_until_the_deadline():
    looks = [(MET, 1, 0.0, 1.0), (OPEN, 2, 1.5, 2.0), (OPEN, 2, 2.0, 2.5), (MET, 3, 4.0, 4.5)]
    outlook, requests = decided(*looks, (MET, 3, 6.5, 6.5), (MET, 3, 6.5, 6.5))
    assert outlook is MET
    assert [request.end for request in requests] == [0.0, 0.0, 0.0, 10.0, 0.0, 0.0]
    assert requests[-1].same_evidence


def test_without_deferred_work_it_looks_only_after_new_calls_and_ends_when_met():
    """The wait for a single call: no second look, no rest, and no silence after the call."""
    decision = decide(deadline=10.0, quiet=None, defers=False)
    assert next(decision) == NextLook()
    assert decision.send(Look(OPEN, 1, 0.0, 0.5)) == NextLook(9.5, 0.0, 10.0)
    with pytest.raises(StopIteration) as stop:
        decision.send(Look(MET, 2, 1.0, 1.5))
    assert stop.value.value is MET
    decision = decide(deadline=10.0, quiet=None, defers=False)
    next(decision)
    with pytest.raises(StopIteration) as stop:
        decision.send(Look(OPEN, 1, 9.5, 10.0))
    assert stop.value.value is OPEN
