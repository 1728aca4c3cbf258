"""The headline of a failure, and repeated expectations."""

import pytest

pytest_plugins = ["pytester"]


def test_no_connection_is_reported_at_the_end_too(inner):
    result = inner(
        test_it="""
            import pytest
            def test_it(pixels):
                with pytest.raises(AssertionError): pixels.expect(track="E")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *0 calls seen · 0 connections *", "E *nothing reached the emulator: does the client *"]
    )


def test_the_headline_is_about_the_expectation_that_failed(inner):
    result = inner(
        test_it="""
            import pytest
            def test_it(pixels):
                with pytest.raises(AssertionError): pixels.expect(track="E0")
                pixels.expect(track="E1")
        """
    )
    result.stdout.fnmatch_lines(["E *AssertionError: track: E1: wanted 1, got 0: * (and 1 more)"])


@pytest.mark.parametrize("user", ["'u1'", "re.compile('^u1')"])
def test_repeats_of_a_loop_are_reported_once(inner, user):
    result = inner(
        test_it=f"""
            import re
            from contextlib import suppress
            from client import send
            def test_it(pixels):
                send(pixels, "E", userId="u2")
                for n in range(49):
                    with suppress(AssertionError): pixels.expect(track="E", userId={user})
                pixels.expect(track="E", userId="u2")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: track: E: wanted 1, got 0: *",
            "E *test_it.py:7   track: E   wanted 1, got 0:*",
            "E * expected 49 times at line 7; `wait_for` waits",
        ]
    )
    assert result.stdout.str().count("test_it.py:7   track: E") == 1


def test_other_calls_on_the_same_line_are_reported_one_by_one(inner):
    result = inner(
        test_it="""
            from contextlib import suppress
            def test_it(pixels):
                for n in range(3):
                    with suppress(AssertionError): pixels.expect(track="E", userId=f"u{n}")
        """
    )
    assert result.stdout.str().count("test_it.py:4   track: E") == 3
