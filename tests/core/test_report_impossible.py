"""Why scenarios can no longer be met: first what no further call can mend."""

import pytest

from pixel_emulator.core.report.wording import impossible_reason
from tests.verdicts import track, verdict_on

TWO = "expect: [{track: A}, {track: B}]"


@pytest.mark.parametrize(
    ("text", "events", "why"),
    [
        (TWO, "AB", ""),
        (TWO, "BB", "s.yaml:1 track: B: wanted 1, got 2: sent twice"),
        (TWO, "C", '1 call that no expectation matches: #1 track "C"'),
        (f"{TWO}\nnever: [{{track: C}}]", "C", "s.yaml:2 never track: C: wanted 0, got 1: "),
        ("expect: [{track: B}, {track: A, properties: {n: 1}}]", "A", "s.yaml:1 track: A: wanted"),
        (f"{TWO}\ndeny: [{{contains: user_123}}]", "A", 's.yaml:2 no request may contain "user'),
        (f"{TWO}\nstate: {{u: {{traits: {{a: 1}}}}}}", "C", "1 call that no expectation matches"),
        (TWO, "A", "s.yaml:1 track: B: wanted 1, got 0: not sent"),
    ],
)
def test_the_objection_that_stays_goes_first(text, events, why):
    hits = [track(number, event) for number, event in enumerate(events, 1)]
    found = impossible_reason(verdict_on(text, *hits))
    assert found.startswith(why)
    assert bool(found) is bool(why)
