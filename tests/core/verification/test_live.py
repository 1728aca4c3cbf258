"""A live verdict is `met` at once, and `impossible` as soon as no further call could help."""

import pytest

from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import KEY, START, changed, evidence, hit

OF_STEP = "s.yaml \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "

MET, OPEN, IMPOSSIBLE = Outlook.MET, Outlook.OPEN, Outlook.IMPOSSIBLE


def scenarios(text):
    return parse(parse_document(text, "s.yaml"))


def calls(text):
    """Yield calls written as `A=1/one`: event, a property, step mark."""
    for seq, word in enumerate(text.split(), 1):
        place, _, step = word.partition("/")
        event, _, value = place.partition("=")
        fields = {"event": event, "properties": {"a": value}} | (
            {} if event == "dropped" else {"userId": "u"}
        )
        made = hit(seq, "track", fields, at=100 * (seq - 1))
        yield changed(made, step=f"{OF_STEP}{step}" if step else "")


def outlooks_of(text, sent, **options):
    live, hits = LiveVerdict(scenarios(text), **options), list(calls(sent))
    return [live.update(evidence(*hits[:count])) for count in range(len(hits) + 1)]


BOTH = "let: [x]\nexpect: [{track: A, properties: {a: $x}}, {track: B, properties: {a: $x}}]"

# The scenario, the calls, and the outlook before the first call and after each call.
OUTLOOKS = [
    ("expect: []", "", [MET]),
    ("expect: []", "A", [MET, IMPOSSIBLE]),
    ("expect: [track: A]", "A A", [OPEN, MET, IMPOSSIBLE]),
    ("expect: [track: A]", "B A", [OPEN, IMPOSSIBLE, IMPOSSIBLE]),
    ("unexpected: ignore\nexpect: [track: A]", "B A", [OPEN, OPEN, MET]),
    ("expect: [{track: A, times: 2..3}]", "A A A A", [OPEN, OPEN, MET, MET, IMPOSSIBLE]),
    ("expect: [track: A, {track: B, times: 0}]", "B", [OPEN, IMPOSSIBLE]),
    ("expect: [track: A]", "dropped", [OPEN, IMPOSSIBLE]),
    ("expect: [track: A, {dropped: , times: 0..}]", "dropped A", [OPEN, OPEN, MET]),
    ("expect: [track: A]\ndeny: [{contains: x}]", "A=x", [OPEN, IMPOSSIBLE]),
    ("order: listed\nexpect: [track: A, track: B]", "B", [OPEN, IMPOSSIBLE]),
    ("order: listed\nexpect: [track: A, track: B]", "A B", [OPEN, OPEN, MET]),
    ("unexpected: ignore\norder: strict\nexpect: [track: A, track: B]", "C A C B",
     [OPEN, OPEN, OPEN, IMPOSSIBLE, IMPOSSIBLE]),
    ("expect: [{track: A, id: a}, {track: B, after: a}]", "B", [OPEN, IMPOSSIBLE]),
    ("expect: [{track: A, id: a}, {track: B, after: a}]", "A B A", [OPEN, OPEN, MET, IMPOSSIBLE]),
    (BOTH, "A=1 B=1", [OPEN, OPEN, MET]),
    (BOTH, "A=1 B=2", [OPEN, OPEN, IMPOSSIBLE]),
    (f"unexpected: ignore\n{BOTH}", "A=1 B=2 A=2", [OPEN, OPEN, OPEN, MET]),
    ("expect: [track: A]\nstate: {u: {events: {A: 1}}}", "A", [OPEN, MET]),
    ("expect: [track: A]\nstate: {u: {traits: {x: 1}}}", "A", [OPEN, OPEN]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sent", "outlooks"), OUTLOOKS)
def test_the_outlook_after_each_call(text, sent, outlooks):
    assert outlooks_of(text, sent) == outlooks


STEPS = "steps: [{name: one, expect: [track: A]}, {name: two, expect: [track: B]}]"


def test_steps_are_verified_one_after_the_other():
    assert outlooks_of(STEPS, "A/one", step_count=1) == [OPEN, MET]
    assert outlooks_of(STEPS, "A/one B/two", step_count=2) == [OPEN, OPEN, MET]
    assert outlooks_of(STEPS, "B/one", step_count=1) == [OPEN, IMPOSSIBLE]


@pytest.mark.parametrize("sent", ["B A/one B/two", "C A/one B/two"])
def test_steps_that_have_no_calls_yet_may_get_marks(sent):
    """Calls without a mark then belong to no step, although they seemed to be out of order."""
    one, two = (
        "{name: one, expect: [track: A]}",
        "{name: two, expect: [track: B], never: [track: C]}",
    )
    assert outlooks_of(f"unexpected: ignore\nsteps: [{one}, {two}]", sent) == [
        OPEN,
        OPEN,
        OPEN,
        MET,
    ]


def test_a_call_that_is_late_once_the_step_has_acted_makes_it_impossible():
    live = LiveVerdict(scenarios("within: 50ms\nexpect: [track: A, track: B]"))
    hits = tuple(calls("A B"))
    assert live.update(evidence(*hits)) is MET  # no call is late before the actions end
    acted = {f"{OF_STEP}1": START}
    assert live.update(evidence(*hits, acted=acted)) is IMPOSSIBLE


def test_masked_write_keys_are_compared_through_their_mask():
    live = LiveVerdict(scenarios(f"expect: [{{track: A, writeKey: {KEY}}}]"))
    sent = hit(1, "track", {"event": "A", "userId": "u", "writeKey": mask(KEY)})
    assert live.update(evidence(sent, masked=True)) is MET


def test_other_evidence_starts_again():
    live = LiveVerdict(scenarios("expect: [track: A]"))
    assert live.update(evidence(*calls("B"))) is IMPOSSIBLE
    assert live.update(evidence(*calls("A"))) is MET


def test_with_many_calls_an_update_without_new_ones_decides():
    text = "let: [x]\nunexpected: ignore\nexpect: [{track: A, properties: {a: $x}, times: 1..}]"
    live, hits = LiveVerdict(scenarios(text)), tuple(calls("A=1 " * 600))
    for count in range(501, 600, 7):
        live.update(evidence(*hits[:count]))
    live.update(evidence(*hits))
    assert live.update(evidence(*hits)) is MET


TWO = "steps:\n- {name: one, expect: [track: A]}\n- {name: two, expect: [track: B]}\n"


def test_a_dropped_call_fails_steps_without_marks_too():
    """The outlook is open, because later calls may have marks; it is never met."""
    assert outlooks_of(TWO, "A dropped B") == [OPEN, OPEN, OPEN, OPEN]


def test_an_extra_call_may_still_belong_to_no_step():
    assert outlooks_of(TWO, "A A B")[2:] == [OPEN, OPEN]


def test_a_damaged_call_fails_whichever_scenario_claims_it():
    text = """
scenarios:
  - {name: one, let: [x], expect: [{any: , properties: {a: $x}, times: 0}]}
  - {name: two, expect: [track: A]}
"""
    sent = hit(1, "track", {"event": "A", "userId": "{{ id }}", "properties": {"b": 1}})
    assert LiveVerdict(scenarios(text)).update(evidence(sent)) is IMPOSSIBLE


def test_an_extra_call_without_mark_may_belong_to_no_step_in_the_end():
    """The first call with a mark shows that calls without a mark belong to no step."""
    text = "unexpected: ignore\n" + TWO.replace("expect", "since: start, expect")
    outlooks = outlooks_of(text, "A A A/one B/two")
    assert outlooks[2] is OPEN
    assert outlooks[-1] is MET
