"""pytest's output has no write key, and assertions see the whole keys."""

import pytest

pytest_plugins = ["pytester"]

KEY = "Zq7wKleak9XyTb3RmVn0PdHs5JfGc2Lu"

TESTS = """
import re
from client import send

KEY = "Zq7wKleak9" + "XyTb3RmVn0PdHs5JfGc2Lu"

def test_a_key_is_asserted_whole(pixels):
    send(pixels, "E", writeKey=KEY)
    pixels.expect(track="E", writeKey=KEY)
    assert pixels.calls[0]["writeKey"] == KEY

def test_fails(pixels):
    send(pixels, f"Order {KEY}", writeKey=KEY, properties={"x": f"see {KEY}"})
    pixels.expect(track="Other", writeKey=KEY[:-1] + "x", properties={"x": KEY})

def test_fails_by_itself(pixels):
    send(pixels, "E", writeKey=KEY, userId=KEY)
    assert pixels.calls == (KEY,)

def test_waits_in_vain(pixels):
    send(pixels, KEY, writeKey=KEY)
    pixels.wait_for(track=KEY + " done", timeout=0.01)
"""


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("options", [(), ("--pixel-show",), ("-n1",)])
def test_no_report_shows_a_key(inner, pytester, options):
    done = inner("-rA", "--junit-xml=junit.xml", *options, test_keys=TESTS)
    done.assert_outcomes(passed=1, failed=3)
    told = [*done.outlines, *done.errlines, (pytester.path / "junit.xml").read_text()]
    assert not [
        line for line in told if KEY[:14] in line or (KEY[-14:] in line and "KEY =" not in line)
    ]
