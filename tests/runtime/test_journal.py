"""The journal records before the answer, wakes waiters without polling, and reports gaps."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import CallType, Dialect, Hit, Outcome, hits_of
from pixel_emulator.core.recordings.recording import End
from pixel_emulator.core.redaction.redact import redacted
from pixel_emulator.runtime.gaps import ClientHelloInfo, Refusal
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.hits import record

START = datetime(2030, 1, 31, 9, 0, 0, 123_999, tzinfo=UTC)


def pixel(event="Email Opened", **fields):
    payload = {"writeKey": "wk_test_000000000000", "userId": "user_1", "event": event, **fields}
    return request_from_url(encode(CallType.TRACK, payload))


class Lines:
    """A sink that keeps what it gets, and can be made to fail."""

    def __init__(self, *, fails=False):
        self.fails = fails
        self.seen = []
        self.end = None

    masks = True
    put_back = False

    def read(self, start, end):
        return redacted(self.seen[start - 1 : end - 1])

    def append(self, *exchanges):
        if self.fails:
            raise OSError(28, "No space left on device")
        self.seen += hits_of(exchanges)

    def abandon(self):
        self.end = "abandoned"

    def close(self, end):
        if self.fails:
            raise OSError(28, "No space left on device")
        self.end = end


def test_a_request_becomes_a_stamped_and_classified_hit():
    journal = Journal(Settings(), now=lambda: START)
    hit = record(journal, pixel())
    assert (hit.seq, hit.exchange.status, hit.outcome) == (1, 200, Outcome.DELIVERED)
    assert hit.time == START.replace(microsecond=123_000)
    assert len(hit.exchange.digest) == 64
    assert journal.hits == (hit,)


def test_what_is_no_pixel_call_is_unhandled():
    hit = record(Journal(Settings()), request_from_url("/v1/pixel/unknown"))
    assert (hit.exchange.status, hit.call, hit.outcome) == (404, None, Outcome.UNHANDLED)


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (pixel(messageId="m1"), Outcome.DUPLICATE),
        (pixel("Other", messageId="m1"), Outcome.DUPLICATE),
        (pixel(messageId="m2"), Outcome.DELIVERED),
        (pixel(messageId="m1", userId="{{ id }}"), Outcome.DAMAGED),
        (pixel("", messageId="m1"), Outcome.DROPPED),
        (pixel(), Outcome.DELIVERED),
        (pixel(messageId=7), Outcome.DELIVERED),
    ],
)
def test_a_message_id_seen_before_makes_a_duplicate(second, outcome):
    """Segment keeps the first call of a messageId; other problems take precedence."""
    journal = Journal(Settings())
    record(journal, pixel(messageId="m1"))
    assert record(journal, second).outcome is outcome


def test_a_dropped_call_takes_no_message_id():
    journal = Journal(Settings())
    record(journal, pixel("", messageId="m1"))
    assert record(journal, pixel(messageId="m1")).outcome is Outcome.DELIVERED


def test_a_hit_is_written_before_anybody_hears_of_it():
    recorder = Lines()
    journal = Journal(Settings(), sink=recorder)
    heard: list[tuple[Hit, list[Hit]]] = []
    journal.subscribe(lambda hit: heard.append((hit, list(recorder.seen))))
    hit = record(journal, pixel())
    assert heard == [(hit, [hit])]


def test_a_subscriber_hears_until_it_leaves():
    journal = Journal(Settings())
    heard: list[Hit] = []
    leave = journal.subscribe(heard.append)
    first = record(journal, pixel())
    leave()
    record(journal, pixel())
    assert heard == [first]


def test_the_end_counts_calls_and_connections():
    recorder = Lines()
    journal = Journal(Settings(), sink=recorder)
    journal.connected()
    record(journal, pixel())
    journal.close()
    assert recorder.end == End(calls=1, connections=1)
    journal.close()


def test_a_hit_belongs_to_the_step_that_is_running():
    journal = Journal(Settings())
    for title in ("", "first", "second", ""):
        journal.begin_step(title)
        record(journal, pixel())
    assert [hit.step for hit in journal.hits] == ["", "first", "second", ""]


def test_the_evidence_and_the_end_have_the_time_of_done_steps():
    recorder = Lines()
    journal = Journal(Settings(), sink=recorder, now=lambda: START)
    journal.mark_done("first", "second")
    time = START.replace(microsecond=123_000)
    assert journal.evidence().acted == {"first": time, "second": time}
    journal.close()
    assert recorder.end == End(calls=0, connections=0, acted={"first": time, "second": time})


def test_a_new_run_has_seen_no_message():
    """Scenarios that run one after the other do not affect each other."""
    journal = Journal(Settings())
    outcomes = []
    for _ in range(2):
        journal.begin_run()
        outcomes += [record(journal, pixel(messageId="m1")).outcome for _ in range(2)]
    assert outcomes == [Outcome.DELIVERED, Outcome.DUPLICATE] * 2


@pytest.mark.parametrize("acts_first", [False, True])
def test_a_clock_is_the_time_of_the_first_thing_and_runs_on(acts_first):
    ticks = iter(START + timedelta(seconds=n) for n in range(10))
    journal = Journal(Settings(), now=lambda: next(ticks))
    clock = datetime(2020, 2, 29, 12, tzinfo=UTC)
    journal.begin_run(clock)
    if acts_first:
        journal.mark_done("step")
        assert journal.evidence().acted == {"step": clock}
    times = [record(journal, pixel()).time for _ in range(2)]
    assert times == [clock + timedelta(seconds=acts_first + n) for n in range(2)]
    journal.begin_run()
    assert record(journal, pixel()).time > START


def test_a_failing_sink_is_a_gap_and_loses_no_hit():
    recorder = Lines(fails=True)
    journal = Journal(Settings(), sink=recorder)
    record(journal, pixel())
    record(journal, pixel())
    assert len(journal.hits) == 2
    assert journal.failures == (
        "call #1 could not be recorded: [Errno 28] No space left on device",
    )
    assert journal.evidence().gaps == journal.failures
    assert recorder.end == "abandoned"


def test_an_end_that_cannot_be_written_is_a_failure():
    journal = Journal(Settings(), sink=Lines(fails=True))
    journal.close()
    assert len(journal.failures) == 1


HOST = "api.segment.io"
CURL, WGET = ClientHelloInfo("curl", number=1), ClientHelloInfo("wget", number=1)
BROWSER, LATER = (
    ClientHelloInfo("browser", retries=True, number=1),
    ClientHelloInfo("browser", retries=True, number=2),
)
DISTRUST = "refused by the client with the alert unknown_ca: it does not trust the CA"
LEFT = "refused by the client without an alert or a request"


@dataclass(frozen=True)
class Reached:
    """A client got a request through."""

    greeting: ClientHelloInfo
    host: str = HOST


def refused(greeting: ClientHelloInfo, host: str = HOST) -> Refusal:
    return Refusal(host, greeting, alert="unknown_ca")


def dropped(greeting: ClientHelloInfo, host: str = HOST) -> Refusal:
    return Refusal(host, greeting)


def failed(greeting: ClientHelloInfo) -> Refusal:
    return Refusal(HOST, greeting, failure="no shared cipher")


@pytest.mark.parametrize(
    ("story", "gaps"),
    [
        ([], []),
        ([refused(CURL)] * 2, [f"0 calls, 2 TLS handshakes for {HOST} {DISTRUST}"]),
        ([dropped(CURL)], [f"0 calls, 1 TLS handshake for {HOST} {LEFT}"]),
        # An alert stays, whoever comes before or after; but for a browser that tries again.
        ([refused(CURL), Reached(CURL)], [DISTRUST]),
        ([Reached(CURL), refused(CURL)], [DISTRUST]),
        ([refused(CURL), Reached(WGET)], [DISTRUST]),
        ([refused(BROWSER), Reached(LATER)], []),
        ([refused(BROWSER), Reached(BROWSER)], [DISTRUST]),
        ([Reached(BROWSER), refused(LATER)], [DISTRUST]),
        ([refused(LATER), Reached(BROWSER)], [DISTRUST]),
        ([refused(BROWSER), Reached(LATER, "other.example")], [DISTRUST]),
        ([refused(BROWSER), refused(LATER), Reached(LATER)], ["2 TLS handshakes"]),
        # Without one the same client has to get through, before or after.
        ([dropped(WGET), Reached(WGET)], []),
        ([Reached(WGET), dropped(WGET)], []),
        ([Reached(WGET), dropped(WGET, "other.example")], [f"for other.example {LEFT}"]),
        ([dropped(WGET), Reached(CURL)], [LEFT]),
        ([Reached(CURL), dropped(WGET)], [LEFT]),
        ([Reached(BROWSER), dropped(LATER), dropped(WGET)], [f"1 TLS handshake for {HOST} {LEFT}"]),
        ([refused(CURL), dropped(CURL), Reached(CURL)], [DISTRUST]),
        # No agreement is no decision of the client.
        ([failed(BROWSER), Reached(LATER)], ["failed, as OpenSSL says: no shared cipher"]),
        ([dropped(CURL), dropped(WGET), refused(CURL)], [DISTRUST, f"2 TLS handshakes for {HOST}"]),
    ],
)
def test_a_client_that_refuses_our_ca_is_a_gap_until_it_comes_through(story, gaps):
    journal = Journal(Settings())
    for event in story:
        if isinstance(event, Reached):
            journal.reached(event.host, event.greeting)
        else:
            journal.handshake_refused(event)
    sentences = journal.evidence().gaps
    assert len(sentences) == len(gaps)
    for sentence, words in zip(sentences, gaps, strict=True):
        assert words in sentence


def test_subscribers_get_each_refusal_that_is_a_gap_at_once():
    journal = Journal(Settings())
    told: list[Refusal] = []
    journal.subscribe_refusals(told.append)
    journal.handshake_refused(dropped(WGET))
    journal.reached(HOST, WGET)
    journal.handshake_refused(dropped(WGET))
    journal.handshake_refused(refused(WGET))
    assert told == [dropped(WGET), refused(WGET)]


@pytest.mark.parametrize(
    ("number", "gaps"),
    [
        (0, ()),
        (1, ("1 request could not be read (answered 400, or cut off): its call is unknown",)),
        (
            2,
            ("2 requests could not be read (answered 400, or cut off): their calls are unknown",),
        ),
    ],
)
def test_requests_that_could_not_be_read_are_a_gap(number, gaps):
    journal = Journal(Settings())
    for _ in range(number):
        journal.unread()
    assert journal.evidence().gaps == gaps


def test_a_head_that_is_too_large_is_a_gap_of_its_own():
    journal = Journal(Settings())
    journal.unread(too_large=True)
    [gap] = journal.evidence().gaps
    assert gap == "1 request had too large a head (answered 431): its call is unknown"


def test_waiting_ends_with_the_call_that_was_waited_for():
    journal = Journal(Settings())
    record(journal, pixel())
    first = threading.Event()

    def send():
        record(journal, pixel())
        first.wait()
        record(journal, pixel())

    sender = threading.Thread(target=send)
    sender.start()
    assert journal.wait(1, timeout=10)
    first.set()
    assert journal.wait(2, timeout=10)
    sender.join()


def test_waiting_ends_with_the_journal_where_that_was_the_end():
    journal, asked, ended = Journal(Settings()), threading.Event(), threading.Event()
    results: list[bool] = []

    def is_ended():
        asked.set()
        return ended.is_set()

    def wait():
        results.append(journal.wait(0, threading.TIMEOUT_MAX, is_ended))

    waiter = threading.Thread(target=wait, daemon=True)
    waiter.start()
    assert asked.wait(10)
    ended.set()
    journal.close()
    waiter.join(10)
    assert results == [False]


def test_waiting_in_vain_ends_at_the_timeout():
    assert not Journal(Settings()).wait(0, timeout=0)


def test_threads_get_numbers_without_holes():
    journal = Journal(Settings(), sink=(recorder := Lines()))
    threads = [
        threading.Thread(target=lambda: [record(journal, pixel()) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [hit.seq for hit in journal.hits] == list(range(1, 201))
    assert list(journal.hits) == recorder.seen


def test_a_named_write_key_names_the_source():
    journal = Journal(Settings(source=("email=wk_test_000000000000",)))
    assert record(journal, pixel()).source == "email"
    other = record(journal, pixel(writeKey="wk_other_00000000"))
    assert (other.source, other.outcome) == (None, Outcome.DROPPED)
    assert "unknown_source" in [problem.code for problem in other.problems]


def test_the_dialect_decides():
    request = request_from_url("/v1/pixel/track?data={}")
    calls = [record(Journal(Settings(dialect=dialect)), request).call for dialect in Dialect]
    assert [call and call.payload for call in calls] == [{}, None]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dialect": "stric"}, 'did you mean "strict"'),
        ({"source": ("email",)}, "not NAME=KEY"),
        ({"source": ("=key",)}, "not NAME=KEY"),
    ],
)
def test_settings_that_are_not_allowed_say_what_is(given, words):
    with pytest.raises(InputError, match=words):
        Settings(**given)


def test_sequences_become_tuples():
    """mitmproxy and Typer pass them as lists."""
    hosts: Any = ["a.example"]
    assert Settings(hosts=hosts).hosts == ("a.example",)


def test_time_is_taken_inside_the_lock():
    """So recorded times never run backwards."""
    ticks = iter(START + timedelta(seconds=n) for n in range(10))
    journal = Journal(Settings(), now=lambda: next(ticks))
    times = [record(journal, pixel()).time for _ in range(5)]
    assert times == sorted(times)


def test_whoever_asks_for_the_time_starts_no_clock():
    ticks = iter(START + timedelta(seconds=n) for n in range(10))
    journal = Journal(Settings(), now=lambda: next(ticks))
    assert journal.now() == START.replace(microsecond=123_000)
    clock = datetime(2020, 2, 29, 12, tzinfo=UTC)
    journal.begin_run(clock)
    assert journal.now() == journal.now() == clock
    assert record(journal, pixel()).time == clock
    assert journal.now() == clock + timedelta(seconds=1)


def test_an_interrupted_run_is_one_gap():
    recorder = Lines()
    journal = Journal(Settings(), sink=recorder)
    journal.interrupted("pytest stopped after the first failure (`-x`)")
    journal.interrupted("pytest stopped after the first failure (`-x`)")
    assert journal.gaps == ("pytest stopped after the first failure (`-x`)",)
    assert journal.failures == ()
    journal.close()
    assert recorder.end == End(calls=0, connections=0, gaps=journal.gaps)
