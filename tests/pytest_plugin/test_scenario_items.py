"""Scenario files: inside a test, by mark, and as tests of their own."""

import re

import pytest

pytest_plugins = ["pytester"]

WELCOME = """\
let: {user: }
expect:
  - track: Email Opened
    userId: $user
"""
SILENCE = "expect: []\n"
DRIP = """\
name: drip ${n}
let: {n: }
cases:
  - {n: 1}
  - {n: 2}
do:
  send: {track: Email Opened, userId: u1, properties: {step: $n}}
expect:
  - track: Email Opened
    properties: {step: 1}
"""


@pytest.fixture
def write(pytester):
    """Write a file below the folder of the inner run."""

    def write(name, text):
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_calls_meet_a_file_while_its_context_lasts(inner, write):
    write("scenarios/welcome.yaml", WELCOME)
    inner(
        test_it="""
            from threading import Timer
            from client import send
            def test_it(pixels):
                with pixels.expecting("scenarios/welcome.yaml", user="user_123"):
                    Timer(0.05, send, (pixels, "Email Opened")).start()
        """
    ).assert_outcomes(passed=1)


def test_leaving_the_context_fails_on_its_line_with_the_lines_of_the_file(inner, write):
    write("welcome.yaml", f"within: 50ms\n{WELCOME}")
    result = inner(
        test_it="""
            from client import send
            def test_it(pixels):
                with pixels.expecting("welcome.yaml", user="user_1"):
                    send(pixels, "Email Opened")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       with pixels.expecting("welcome.yaml", user="user_1"):',
            "E * track: Email Opened: wanted 1, got 0: sent, but by somebody else",
            "E         welcome.yaml:4   track: Email Opened *",
            "test_it.py:3: AssertionError",
        ]
    )


def test_what_cannot_be_met_any_more_is_not_waited_for(inner, write):
    """Else the timeout would be far too short."""
    write("welcome.yaml", f"within: 1h\n{WELCOME}never: [{{track: Error}}]")
    result = inner(
        "--timeout=20",
        test_it="""
            from client import send
            def test_it(pixels):
                with pixels.expecting("welcome.yaml", user="user_1"):
                    send(pixels, "Error")
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*Timeout*")


def test_an_error_inside_the_context_is_the_failure(inner, write):
    write("welcome.yaml", WELCOME)
    result = inner(
        test_it="""
            def test_it(pixels):
                with pixels.expecting("welcome.yaml", user="u"):
                    raise OSError("no network")
        """
    )
    result.stdout.fnmatch_lines(["E * OSError: no network"])


def test_what_a_file_claimed_is_there_for_nobody_else(inner, write):
    write("welcome.yaml", WELCOME)
    result = inner(
        test_it="""
            from client import send
            def test_it(pixels):
                with pixels.expecting("welcome.yaml", user="user_123"):
                    send(pixels, "Email Opened")
                pixels.expect(track="Email Opened")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * track: Email Opened: wanted 1, got 0: not sent"])


def test_a_mark_does_not_see_what_a_context_has_claimed(inner, write):
    write("welcome.yaml", WELCOME)
    inner(
        test_it="""
            import pytest
            from client import send
            @pytest.mark.pixel_scenario("welcome.yaml", user="user_123")
            def test_it(pixels):
                with pixels.expecting("welcome.yaml", user="user_123"):
                    send(pixels, "Email Opened")
                send(pixels, "Email Opened")
        """
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize(("event", "outcome"), [("Email Opened", "passed"), ("B", "failed")])
def test_a_mark_makes_a_test_meet_a_file_also_without_the_fixture(inner, write, event, outcome):
    write("welcome.yaml", f"within: 50ms\n{WELCOME}")
    inner(
        test_it=f"""
            import pytest
            from client import send
            @pytest.fixture
            def client(pixels): return lambda: send(pixels, "{event}")
            @pytest.mark.pixel_scenario("welcome.yaml", user="user_123")
            def test_it(client): client()
        """
    ).assert_outcomes(**{outcome: 1})


def test_a_mark_waits_as_its_file_says(inner, write):
    write("welcome.yaml", WELCOME)
    inner(
        test_it="""
            import pytest
            from threading import Timer
            from client import send
            @pytest.mark.pixel_scenario("welcome.yaml", user="user_123")
            def test_it(pixels):
                Timer(0.05, send, (pixels, "Email Opened")).start()
        """
    ).assert_outcomes(passed=1)


def test_what_a_mark_and_a_test_expect_is_verified_together(inner, write):
    write("welcome.yaml", WELCOME)
    inner(
        test_it="""
            import pytest
            from client import send
            @pytest.mark.pixel_scenario("welcome.yaml", user="user_123")
            def test_it(pixels):
                send(pixels, "Email Opened")
                send(pixels, "B")
                pixels.expect(track="B")
        """
    ).assert_outcomes(passed=1)


def test_silence_and_a_mark_are_verified_together(inner, write):
    write("welcome.yaml", f"unexpected: ignore\n{WELCOME}")
    inner(
        test_it="""
            import pytest
            from client import send
            @pytest.mark.pixel_scenario("welcome.yaml", user="user_123")
            def test_it(pixels):
                pixels.expect_none()
                send(pixels, "Email Opened")
                send(pixels, "B")
        """
    ).assert_outcomes(failed=1)


def test_a_test_that_fails_by_itself_is_explained_by_its_marks(inner, write):
    write("welcome.yaml", WELCOME)
    result = inner(
        test_it="""
            import pytest
            from client import send
            @pytest.mark.pixel_scenario("welcome.yaml", user="user_123")
            def test_met(pixels):
                send(pixels, "Email Opened")
                assert False
            @pytest.mark.pixel_scenario("welcome.yaml", user="user_1")
            def test_unmet(pixels): assert False
        """
    )
    result.assert_outcomes(failed=2)
    out = result.stdout.str()
    assert out.count("Captured pixels call") == 1
    result.stdout.fnmatch_lines(["*test_unmet*", "*Captured pixels call*", "FAIL  welcome.yaml"])


LENIENT = """
    import pytest
    from client import send, send_dropped
    @pytest.fixture
    def both(pixels):
        return lambda: (send(pixels, "Email Opened"), send(pixels, "B"))
    MARK
    class TestIt:
        def test_inside(self, pixels, both):
            with pixels.expecting("welcome.yaml"): both()
        @pytest.mark.pixel_scenario("welcome.yaml")
        def test_mark(self, both): both()
"""
OPENED = "within: 50ms\nexpect:\n  - track: Email Opened\n"


@pytest.mark.parametrize(
    ("file", "ini", "mark", "passed"),
    [
        (OPENED, "", "", 0),
        (OPENED, "ignore", "", 2),
        (OPENED, "same-event", "", 2),
        (OPENED, "", "ignore", 2),
        (OPENED, "ignore", "fail", 0),
        (f"unexpected: fail\n{OPENED}", "ignore", "ignore", 0),
        # What a context leaves is judged with the rest of its test.
        (f"unexpected: ignore\n{OPENED}", "fail", "fail", 1),
        (f"damaged: ignore\n{OPENED}", "ignore", "", 2),
        ("within: 0s\nexpect: []\n", "ignore", "ignore", 0),
        ("within: 0s\nsteps: [{expect: []}]\n", "ignore", "ignore", 0),
    ],
)
def test_policies_of_ini_file_and_marks_hold_where_a_file_says_nothing(
    inner, write, file, ini, mark, passed
):
    write("welcome.yaml", file)
    marked = f'@pytest.mark.pixel(unexpected="{mark}")' if mark else ""
    result = inner(
        ini=f"pixel_unexpected = {ini}" if ini else "", test_it=LENIENT.replace("MARK", marked)
    )
    result.assert_outcomes(passed=passed, failed=2 - passed)


def test_damage_that_is_accepted_for_all_is_accepted_under_a_file(inner, write):
    write("welcome.yaml", OPENED)
    test = """
        def test_it(pixels):
            with pixels.expecting("welcome.yaml"):
                pixels.receive('/v1/pixel/track?data={"userId":"u","event":"Email%20Opened",'
                    '"writeKey":"wk_test_0000000000"}')
    """
    inner(test_it=test).assert_outcomes(failed=1)
    inner(ini="pixel_accept = raw_json").assert_outcomes(passed=1)


def test_a_file_that_is_a_test_is_verified_as_on_the_command_line(inner, write):
    write("drip.yaml", DRIP)
    inner("drip.yaml", ini="pixel_unexpected = ignore").assert_outcomes(passed=1, failed=1)
    extra = DRIP.replace("step: 1", "step: $n").replace(
        "do:\n", "do:\n  - send: {page: , userId: u}\n"
    )
    write("drip.yaml", extra.replace("  send: {track", "  - send: {track"))
    inner("drip.yaml", ini="pixel_unexpected = ignore").assert_outcomes(failed=2)


def test_junit_has_every_file_that_a_test_has_to_meet(inner, write, pytester):
    write("welcome.yaml", WELCOME)
    write("other.yaml", WELCOME)
    inner(
        "--junitxml=out.xml",
        test_it="""
            import pytest
            from client import send
            @pytest.mark.pixel_scenario("other.yaml", user="user_123")
            def test_it(pixels, pixel_session_factory):
                for session in (pixels, pixel_session_factory()):
                    with session.expecting("welcome.yaml", user="user_123"):
                        send(session, "Email Opened")
                send(pixels, "Email Opened")
        """,
    ).assert_outcomes(passed=1)
    said = re.findall(
        'name="pixel_scenario" value="(.*?)"', (pytester.path / "out.xml").read_text()
    )
    assert said == ["welcome.yaml", "other.yaml"]


def test_a_mark_without_a_file_fails_the_test(inner):
    result = inner(
        test_it="""
            import pytest
            @pytest.mark.pixel_scenario(user="user_123")
            def test_it(pixels): pass
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *the mark `pixel_scenario` names no file"])


def test_mistakes_in_a_marked_file_fail_the_test_with_their_lines(inner, write):
    write("welcome.yaml", "expct: []\n")
    result = inner(
        test_it="""
            import pytest
            @pytest.mark.pixel_scenario("welcome.yaml")
            def test_it(pixels): pass
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['E * welcome.yaml:1:1: expct: no such key here*"expect"*'])
    result.stdout.no_fnmatch_line("*scenario_files.py*")


def test_silence_of_a_file_has_to_be_proven(inner, write):
    write("silence.yaml", SILENCE)
    result = inner(
        test_it="""
            import pytest
            @pytest.mark.pixel_scenario("silence.yaml")
            def test_it(pixels): pass
        """
    )
    result.stdout.fnmatch_lines(["E *INCOMPLETE *"])


def test_a_file_that_acts_by_itself_is_no_file_for_a_test(inner, write):
    write("drip.yaml", DRIP)
    result = inner(
        test_it="""
            def test_it(pixels):
                with pixels.expecting("drip.yaml"): pass
        """
    )
    result.stdout.fnmatch_lines(["E *acts by itself (`do`): name its file on the command line*"])


def test_files_of_a_named_folder_are_tests_one_for_each_case(inner, write):
    write("scenarios/drip.yaml", DRIP)
    write("scenarios/compose.yaml", "services: {do: x}\n")
    write("scenarios/deeper/drip.yaml", DRIP)
    write("scenarios/welcome.yaml", WELCOME)
    result = inner("-v", "scenarios")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "scenarios/drip.yaml::drip 1?n=1? PASSED*",
            "scenarios/drip.yaml::drip 2?n=2? FAILED*",
            ">     - track: Email Opened",
            "E     AssertionError: track: Email Opened: wanted 1, got 0: sent, but different",
            "E           properties.step   want 1 (number)   got 2 (number)",
            "E       scenarios/drip.yaml:5   the case n=2",
            "scenarios/drip.yaml:9: AssertionError",
            "pixels: 2 calls in 2 tests",
        ]
    )


@pytest.mark.thorough_but_first
@pytest.mark.parametrize("arguments", [(), ("-n1",)])
def test_a_named_file_that_does_not_act_is_an_error_that_says_so(inner, write, arguments):
    write("welcome.yaml", WELCOME.replace("$user", "u").replace("let: {user: }\n", ""))
    write("other.yaml", "services: {}\n")
    result = inner(*arguments, "welcome.yaml", apart=bool(arguments))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*welcome.yaml: has no `do`, so it is no test: a test meets it*"])
    assert "has no `do`" not in inner("other.yaml").stdout.str()


def test_the_line_of_a_test_is_that_of_its_case(inner, write):
    write("drip.yaml", DRIP)
    write("conftest.py", "def pytest_itemcollected(item): print(item.location[:2])")
    result = inner("--collect-only", "-s", "drip.yaml")
    result.stdout.fnmatch_lines(["*('drip.yaml', 3)", "*('drip.yaml', 4)"])


@pytest.mark.parametrize(
    ("glob", "said"),
    [
        ("scenarios/*.yaml", False),
        ("sc*/*.yaml", False),
        ("*.yaml", False),
        ("scenarios/drip.yaml", False),
        ("senarios/*.yaml", True),
        ("scenarios/*.yml", True),
        ("/scenarios/*.yaml", True),
    ],
)
def test_a_glob_that_matches_nothing_is_reported(inner, write, glob, said):
    write("scenarios/deeper/drip.yaml", DRIP)
    write("scenarios/drip.yaml", DRIP)
    result = inner(ini=f"pixel_scenarios = {glob}", test_it="def test_it(): pass")
    assert (f"pixels: pixel_scenarios: no file matches {glob}" in result.outlines) is said


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("arguments", "ini", "tests"),
    [
        ((), "", 0),
        ((".",), "", 0),
        (("scenarios",), "", 2),
        (("scenarios/drip.yaml",), "", 2),
        (("scenarios/drip.yaml::drip 1[n=1]",), "", 1),
        ((), "pixel_scenarios = scenarios/*.yaml", 2),
        ((), "testpaths = scenarios", 0),
        (("-n2", "scenarios"), "", 2),
        (("-n2",), "testpaths = scenarios", 0),
    ],
)
def test_files_are_tests_where_they_are_named(inner, write, arguments, ini, tests):
    write("scenarios/drip.yaml", DRIP.replace("step: 1", "step: $n"))
    outcomes = inner(*arguments, ini=ini, apart="-n2" in arguments).parseoutcomes()
    assert outcomes.get("passed", 0) == tests
    assert "failed" not in outcomes


TAGGED = DRIP.replace("step: 1", "step: $n").replace("cases", "tags: [TAGS]\ncases")


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(
    ("arguments", "tests"),
    [
        (("-m", "smoke"), 2),
        (("-m", "not smoke"), 3),
        (("-m", "e2e-mail and not smoke"), 2),
        (("-k", "smoke"), 2),
        (("-k", "team:mail or odd"), 4),
        (("-k", "_odd"), 2),
        (("-n1", "-m", "smoke"), 2),
    ],
)
@pytest.mark.parametrize("strict", [(), ("--strict-markers",)], ids=["", "strict"])
def test_tags_choose_as_marks_do(inner, write, arguments, tests, strict):
    write("scenarios/a.yaml", TAGGED.replace("TAGS", "smoke, 'team:mail', smoke"))
    write("scenarios/b.yaml", TAGGED.replace("TAGS", "e2e-mail, _odd"))
    result = inner(
        *arguments,
        *strict,
        "-Werror::pytest.PytestUnknownMarkWarning",
        "scenarios",
        "test_it.py",
        apart="-n1" in arguments,
        test_it="def test_it(): pass",
    )
    result.assert_outcomes(passed=tests, deselected=0 if "-n1" in arguments else 5 - tests)


@pytest.mark.parametrize("tag", ["skip", "skipif", "xfail"])
def test_no_tag_excuses_a_scenario(inner, write, tag):
    write("drip.yaml", DRIP.replace("let", f"tags: [{tag}]\nlet"))
    inner("-k", tag, "drip.yaml").assert_outcomes(passed=1, failed=1)


def test_the_mistakes_of_a_file_are_errors_with_their_lines(inner, write):
    write("scenarios/drip.yaml", DRIP.replace("track:", "trakc:"))
    result = inner("scenarios")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(['scenarios/drip.yaml:7:10: do.send.trakc: *"track"*'])


def test_a_command_of_a_file_runs_with_its_calls_led_here(inner, write):
    url = "$PIXEL_EMULATOR_URL/v1/pixel/page?userId=u1&writeKey=wk_test_0000"
    write("page.yaml", f"do: {{run: 'curl -s \"{url}\"'}}\nexpect:\n  - page:\n")
    inner("page.yaml").assert_outcomes(passed=1)


def test_a_command_that_fails_fails_its_test(inner, write):
    write("page.yaml", "do: {run: 'echo no; exit 3'}\nexpect: []\nwithin: 0s\n")
    result = inner("page.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *`echo no; exit 3` failed: exit code 3"])


def test_what_stands_above_a_scenario_fails_on_the_first_line_of_it(inner, write):
    run = "run: |\n        : '\n        def f(): pass'"
    scenario = f"  - do:\n    - {run}\n    - send: {{track: A, userId: u1}}\n    expect: []\n"
    write("a.yaml", f"defaults: {{never: [track: A]}}\nscenarios:\n{scenario}")
    result = inner("a.yaml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["> *- do:", "a.yaml:3: AssertionError"])
