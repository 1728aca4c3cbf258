"""What a failing test looks like, as golden files.

Run with PIXEL_GOLDEN=update to rewrite tests/cases/pytest, then read what changed.
"""

import os
import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

GOLDEN = Path(__file__).parents[1] / "cases" / "pytest"
HEAD = """\
import re
from dirty_equals import IsStr
from client import send, send_dropped

def test_checkout(pixels):
"""
CASES = {
    "different": """
    send(pixels, "Email Opened", properties={"subject": "Ho ho", "total": "49.90"})
    pixels.expect(
        track="Email Opened",
        properties={"subject": IsStr(regex="Hi.*"), "total": lambda total: total > 0},
    )
""",
    "not_sent": """
    pixels.expect(track="Email Opened")
""",
    "sent_twice": """
    send(pixels, "Order Completed")
    send(pixels, "Order Completed")
    pixels.expect(track="Order Completed", userId=re.compile("^user_"))
    assert pixels.calls
""",
    "unexpected_and_dropped": """
    send(pixels, "Order Completed")
    send_dropped(pixels)
""",
    "waited_in_vain": """
    send(pixels, "Email Opnd")
    pixels.wait_for(track="Email Opened", timeout=0.01)
""",
    "waited_impossibly": """
    pixels.expect(track="Error", times=0)
    send(pixels, "Error")
    pixels.wait_for(track="Email Opened", timeout=300)
""",
    "silence_broken": """
    send(pixels, "Email Opened")
    pixels.expect_none()
""",
    "failed_by_itself": """
    send(pixels, "Email Opened")
    assert pixels.calls == ()
""",
    "a_scenario_file": """
    with pixels.expecting("checkout.yaml", user="user_1"):
        send(pixels, "Order Completed")
""",
}
CHECKOUT = """\
let: {user: }
within: 10ms
expect:
  - track: Order Completed
    userId: $user
"""


def normalised(text):
    """What stays the same from run to run."""
    start = text.index("= FAILURES =")
    lines = [line.rstrip() for line in text[start:].splitlines()[1:-1]]
    # Which Python and pytest it is decides what is underlined.
    kept = "".join(f"{line}\n" for line in lines if line.strip("E ^") or "^" not in line)
    for pattern, words in (
        (r"\d\d:\d\d:\d\d\.\d{3}Z", "09:00:00.000Z"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
        (r"/s/session-\d+", "/s/session-1"),
        (r"0x[0-9a-f]{8,}", "0x7f0000000000"),
        (r"\b\d+ ms\b|\b\d\.\d s\b", "10 ms"),
    ):
        kept = re.sub(pattern, words, kept)
    return kept


@pytest.mark.parametrize("case", CASES)
def test_a_failure_reads_as_it_was_approved(inner, pytester, case):
    (pytester.path / "checkout.yaml").write_text(CHECKOUT)
    result = inner(test_mail=HEAD + CASES[case].lstrip("\n"))
    result.assert_outcomes(failed=1)
    approved(case, result)


def approved(case, result):
    """The failures of a run read as the golden file has them."""
    out = normalised(result.stdout.str())
    golden = GOLDEN / f"{case}.txt"
    if os.environ.get("PIXEL_GOLDEN") == "update":
        golden.write_text(out)
    assert out == golden.read_text()
