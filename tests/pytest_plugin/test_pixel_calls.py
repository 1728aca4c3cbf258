"""Methods of the fixture `pixels`."""

import pytest

from tests.pytest_plugin.examples import EXAMPLES, FAILING, module

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("body", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_passes(inner, body):
    inner(test_it=module(body)).assert_outcomes(passed=1)


@pytest.mark.parametrize("body", FAILING.values(), ids=FAILING)
def test_at_the_end_a_test_fails_for(inner, body):
    """FAILED, and not ERROR: it is judged while it is still running."""
    result = inner(test_it=module(body))
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*never*raised*")


def test_a_test_that_fails_by_itself_keeps_its_failure_and_the_report_becomes_a_section(inner):
    result = inner(
        test_it="""
            from client import send
            def test_it(pixels):
                send(pixels, "A")
                assert 1 == 2
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E * assert 1 == 2", "*Captured pixels call*", "*1 unexpected", "*Captured pixels seen*"]
    )


def test_silence_is_broken_also_by_what_the_policies_let_through(inner):
    result = inner(
        ini="pixel_unexpected = ignore",
        test_it="""
            from client import send
            def test_lenient(pixels): send(pixels, "A")
            def test_silent(pixels):
                pixels.expect_none()
                send(pixels, "A")
        """,
    )
    result.assert_outcomes(passed=1, failed=1)


def test_a_skipped_test_is_not_verified(inner):
    inner(
        test_it="""
            import pytest
            from client import send
            def test_it(pixels):
                send(pixels, "A")
                pytest.skip("not today")
        """
    ).assert_outcomes(skipped=1)


def test_a_failure_that_is_expected_is_one(inner):
    inner(
        test_it="""
            import pytest
            from client import send
            @pytest.mark.xfail(strict=True)
            def test_it(pixels): send(pixels, "A")
        """
    ).assert_outcomes(xfailed=1)


def test_a_wrong_keyword_is_an_error_on_the_line_of_the_test(inner):
    result = inner(test_it="def test_it(pixels):\n    pixels.expect(trakc='A')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['E *TypeError: trakc: no such key here (did you mean "track"?)'])


def test_a_policy_that_warns_is_a_warning_of_pytest(inner):
    result = inner(
        test_it="""
            from client import send
            def test_it(pixels):
                for _ in range(2): send(pixels, "A", messageId="m1")
                pixels.expect(track="A")
        """
    )
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(["*PixelWarning: duplicate: 1 call with a messageId seen before*"])


def test_a_late_call_of_one_test_lands_in_no_other(inner):
    result = inner(
        test_it="""
            from client import send
            first = []
            def test_first(pixels): first.append(pixels)
            def test_second(pixels):
                send(first[0], "Late")
                assert pixels.requests == ()
        """
    )
    result.assert_outcomes(passed=2)
    closed = "test_it.py::test_first, which was closed: not recorded"
    result.stdout.fnmatch_lines([f"pixels: 1 request for a session of {closed}"])


@pytest.mark.parametrize("number", [1, 2])
def test_what_belongs_to_no_test_is_counted(inner, number):
    result = inner(
        test_it=f"""
            from client import send
            def test_it(pixel_emulator):
                for n in range({number}): send(pixel_emulator, "BAD")
        """
    )
    result.assert_outcomes(passed=1)
    said = ["1 request came*belongs", "2 requests came*belong"][number - 1]
    result.stdout.fnmatch_lines([f"pixels: {said} to no test"])


def test_the_last_lines_count_calls_and_what_is_wrong_with_them(inner):
    result = inner(
        test_it="""
            import pytest
            from client import send, send_dropped
            @pytest.mark.parametrize("n", [1, 2])
            def test_it(pixels, n):
                send(pixels, "A"), send_dropped(pixels)
                pixels.expect(track="A"), pixels.expect(dropped=True)
            def test_other(): pass
        """
    )
    result.stdout.fnmatch_lines(["pixels: 4 calls in 2 tests, 2 dropped"])


def test_junit_has_the_calls(inner, pytester):
    inner(
        "--junitxml=out.xml",
        test_it="""
            from client import send
            def test_it(pixels):
                send(pixels, "A")
                pixels.expect(track="A")
        """,
    )
    xml = (pytester.path / "out.xml").read_text()
    assert '<property name="pixel_calls" value="1"' in xml
    assert '<property name="pixel_call" value="delivered  track &quot;A&quot;' in xml


def test_calls_are_shown_live_on_request(inner):
    result = inner(
        "--pixel-show",
        test_it="""
            from client import send
            def test_it(pixels):
                send(pixels, "A")
                pixels.expect(track="A")
        """,
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(['test_it.py::test_it #1  delivered  track "A"*'])


def test_calls_are_shown_with_the_label_of_their_session_on_lines_of_their_own(inner):
    result = inner(
        *("--pixel-show", "-q"),
        test_it="""
            from client import send
            def test_it(pixels): pass
            def test_two(pixel_session_factory):
                other = pixel_session_factory("other")
                send(other, "A")
                other.expect(track="A")
        """,
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(['test_it.py::test_two (other) #1  delivered  track "A"*'])


def test_a_test_outside_the_root_fails_on_its_own_lines(inner, pytester):
    pytester.mkdir("root")
    result = inner(
        *("--rootdir", "root"),
        test_mail="""
        import pytest
        from client import send

        @pytest.mark.parametrize(
            "name", ["Twice"]
        )
        def test_twice(pixels, name):
            pixels.expect(track=name, times="0..1")
            send(pixels, name)
            send(pixels, name)

        @pytest.mark.filterwarnings("default")
        @pytest.mark.parametrize("name", ["Unexpected"])
        def test_unexpected(pixels, name):
            send(pixels, name)
        """,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            '>       pixels.expect(track=name, times="0..1")',
            "test_mail.py:8: AssertionError",
            "> *def test_unexpected(pixels, name):",
            "test_mail.py:14: AssertionError",
        ]
    )
