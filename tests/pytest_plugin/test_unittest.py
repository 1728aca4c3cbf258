"""Tests of unittest with fixtures: a missing call fails them, and this may be expected."""

import pytest

pytest_plugins = ["pytester"]

CASE = """
import unittest
import pytest
from client import url
URL = url("https://api.segment.io", "A")

class TestMail(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _pixels(self, pixels):
        self.pixels = pixels

    {mark}
    def test_it(self):
        {body}
"""
EXPECTED = "@unittest.expectedFailure"


@pytest.mark.parametrize(
    ("mark", "body", "outcome"),
    [
        (EXPECTED, "self.pixels.receive(URL)", {"xfailed": 1}),
        (EXPECTED, "self.pixels.expect(track='A')", {"xfailed": 1}),
        (EXPECTED, "raise RuntimeError", {"xfailed": 1}),
        (EXPECTED, "self.pixels.receive(URL); raise RuntimeError", {"xfailed": 1}),
        (EXPECTED, "pass", {"failed": 1}),
        (EXPECTED, "self.pixels.receive(URL); self.pixels.expect(track='A')", {"failed": 1}),
        ("", "self.pixels.receive(URL)", {"failed": 1}),
        ("", "self.pixels.receive(URL); self.pixels.expect(track='A')", {"passed": 1}),
        ("@pytest.mark.xfail(strict=True)", "self.pixels.receive(URL)", {"xfailed": 1}),
    ],
)
def test_an_expected_failure_may_be_one_of_pixels(inner, mark, body, outcome):
    inner(test_it=CASE.format(mark=mark, body=body)).assert_outcomes(**outcome)
