"""The history of a journal is bounded, and redecoded hits equal the original ones."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import (
    JSON,
    CallType,
    Dialect,
    Form,
    HttpRequest,
    Outcome,
    Payload,
    hits_of,
)
from pixel_emulator.core.problems.classify import MessageIds
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.runtime.history import Classifier, History
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from tests.hits import record, redact

START = datetime(2030, 1, 31, 9, tzinfo=UTC)
JUDGE = Classifier(Dialect.DOCUMENTED, {"wk_test_000000000000": "shop"})


def pixel(event: JSON = "Email Opened", form: Form = Form.BASE64, **fields: JSON):
    payload: Payload = {"writeKey": "wk_test_000000000000", "userId": "user_1", "event": event}
    return request_from_url(encode(CallType.TRACK, payload | fields, form=form))


REQUESTS = [
    pixel(),
    pixel(messageId="m1"),
    pixel(messageId="m1"),  # a duplicate
    pixel(userId="{{ id }}", messageId="m1"),  # damaged, and one as well
    pixel(""),  # dropped
    pixel(form=Form.FLAT),
    pixel(form=Form.JSON),
    pixel(writeKey="wk_test_another_one0"),
    request_from_url("/v1/pixel/nothing"),
    request_from_url("/v1/pixel/track?data=%%%"),
    HttpRequest(target=b"/v1/pixel/track?a=\xff", method="POST", headers=(("a", "b"),)),
]


def _time(seq):
    return START + timedelta(seconds=seq)


def filled(requests=REQUESTS, *, limit=1_000, decoded=2):
    """Return a history with these requests, and their hits."""
    memory, seen = History(limit, JUDGE, decoded=decoded), MessageIds()
    exchanges = [
        seen.check(
            JUDGE.classify(seq, request, START + timedelta(seconds=seq), f"step {seq % 3}").exchange
        )
        for seq, request in enumerate(requests, 1)
    ]
    for exchange in exchanges:
        memory.add([exchange])
    return memory, hits_of(exchanges)


@pytest.mark.parametrize("decoded", [0, 1, 5, 100])
def test_a_hit_that_is_made_again_is_what_it_was(decoded):
    memory, hits = filled(decoded=decoded)
    assert memory.since(0).hits() == hits
    assert {Outcome.DUPLICATE, Outcome.DAMAGED, Outcome.DROPPED} <= {hit.outcome for hit in hits}


@given(st.lists(st.builds(HttpRequest, target=st.binary().map(b"/v1/pixel/track?".__add__))))
def test_whatever_came(requests):
    memory, hits = filled(requests, decoded=0)
    assert memory.since(0).hits() == hits


@pytest.mark.parametrize("count", range(len(REQUESTS) + 2))
@pytest.mark.parametrize("decoded", [0, 3, 100])
def test_the_hits_since_some_number(count, decoded):
    memory, hits = filled(decoded=decoded)
    assert memory.since(count).hits() == hits[count:]


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11, 12])
@pytest.mark.parametrize("count", [0, 1, 7, 11])
def test_past_the_limit_the_first_ones_go(limit, count):
    memory, hits = filled(limit=limit, decoded=3)
    gone = max(len(hits) - limit, 0)
    snapshot = memory.since(count)
    assert (snapshot.evicted, len(memory)) == (gone, len(hits))
    assert snapshot.hits() == hits[max(gone, count) :]


def test_what_has_gone_still_counts():
    memory, hits = filled(limit=1)
    assert memory.outcomes == Counter(hit.outcome for hit in hits)


@pytest.mark.parametrize(("calls", "gap"), [(3, ""), (4, "#1 to #1"), (9, "#1 to #6")])
def test_without_a_recording_what_has_gone_is_a_gap(calls, gap):
    journal = Journal(Settings(max_calls=3))
    for number in range(calls):
        record(journal, pixel(messageId=f"m{number}"))
    evidence = journal.evidence()
    assert [hit.seq for hit in evidence.hits] == [*range(max(calls - 3, 0) + 1, calls + 1)]
    said = f"calls {gap} are not known: only a recording keeps more than `max_calls`"
    assert evidence.gaps == journal.gaps == ((said,) if gap else ())
    assert journal.evidence(calls).gaps == ()  # nothing of what is behind it is unknown


def test_message_ids_that_were_forgotten_are_a_gap_too():
    journal = Journal(Settings(max_calls=1))
    for number in range(11):
        record(journal, pixel(messageId=f"m{number}"))
    assert record(journal, pixel(messageId="m10")).outcome is Outcome.DUPLICATE
    assert record(journal, pixel(messageId="m0")).outcome is Outcome.DELIVERED
    assert "the first 2 messageIds of this run are forgotten" in journal.gaps[0]


@pytest.mark.parametrize("number", [0, -1])
def test_max_calls_must_be_positive(number):
    with pytest.raises(InputError, match=f"max_calls: {number} is not 1 or more"):
        Settings(max_calls=number)


def test_with_a_recording_what_has_gone_is_read_back(tmp_path):
    """They are as written: with masked write keys, and the hits in memory are then masked too."""
    settings = Settings(max_calls=10, record=str(tmp_path / "calls.yaml"))
    journal = Journal(settings, sink=open_recording(settings))
    hits = [record(journal, pixel(f"Event {number}")) for number in range(600)]
    journal.record_all([pixel("One"), pixel("Two")])
    evidence = journal.evidence()
    assert (len(evidence.hits), evidence.masked, evidence.gaps) == (602, True, ())
    assert evidence.hits[:600] == tuple(map(redact, hits))
    for since in (0, 1, 255, 256, 257, 511, 512, 590, 591):
        assert journal.evidence(since).hits == evidence.hits[since:]
    late = journal.evidence(592)  # all of these are here, as they came
    assert (late.masked, late.hits[:8]) == (False, tuple(hits[592:]))
    journal.close()
    assert journal.evidence() == evidence
    assert read_recording(settings.record).hits == evidence.hits


def test_what_cannot_be_read_back_is_a_gap(tmp_path):
    settings = Settings(max_calls=1, record=str(tmp_path / "calls.yaml"))
    journal = Journal(settings, sink=open_recording(settings))
    for number in range(3):
        record(journal, pixel(f"Event {number}"))
    Path(settings.record).unlink()
    [gap] = journal.evidence().gaps
    assert gap.startswith(f"calls #1 to #2 are not known: {settings.record}: cannot read this file")
    assert len(journal.evidence().hits) == 1


def test_a_file_that_holds_other_calls_by_now_is_a_gap(tmp_path):
    settings = Settings(max_calls=1, record=str(tmp_path / "calls.yaml"))
    journal = Journal(settings, sink=open_recording(settings))
    for number in range(3):
        record(journal, pixel(f"Event {number}"))
    text = Path(settings.record).read_text(encoding="utf-8")
    Path(settings.record).write_text(text.replace("seq: 2", "seq: 9"), encoding="utf-8")
    [gap] = journal.evidence().gaps
    assert "holds other calls now where #1 to #2 were" in gap
