"""Calls that arrive after a test was verified."""

import pytest

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_calls_of_a_fixture_that_goes_are_a_warning_of_their_test(inner, outcome):
    result = inner(
        test_it=f"""
            import pytest
            from client import send
            @pytest.fixture
            def client(pixels):
                yield
                send(pixels, "Late"), send(pixels, "Late")
            def test_it(pixels, client):
                send(pixels, "A")
                pixels.expect(track="A")
                assert {outcome == "passed"}
            def test_other(pixels): pass
        """
    )
    assert result.parseoutcomes()[outcome] >= 1
    said = 'late: 2 calls after the end of test_it.py::test_it, not verified: track "Late"'
    result.stdout.fnmatch_lines(["test_it.py::test_it", f"*PixelWarning: {said}"])
    assert result.stdout.str().count("PixelWarning") == 1


def test_they_fail_a_run_that_takes_warnings_for_errors(inner):
    inner(
        "-Werror::pixel_emulator.pytest_plugin.PixelWarning",
        test_it="""
            import pytest
            from client import send
            @pytest.fixture
            def client(pixels):
                yield
                send(pixels, "Late")
            def test_it(client): pass
        """,
    ).assert_outcomes(passed=1, errors=1)
