"""Recordings of tests that are written once and compared from then on; `--pixel-update`."""

import pytest

from pixel_emulator.core.scenarios.expectation import call_name
from pixel_emulator.files.read_write import read_recording

pytest_plugins = ["pytester"]

RECORD = "pixel_record = recordings"
TEST = """
    import os, pytest
    from client import send
    class TestMail:
        @pytest.mark.parametrize("n", [1])
        def test_opened(self, pixels, n):
            send(pixels, os.environ.get("EVENT", "Email Opened"))
            pixels.expect(any="track")
"""


@pytest.fixture
def recording(pytester):
    return pytester.path / "recordings" / "test_mail" / "TestMail.test_opened[1].yaml"


def test_a_missing_recording_is_written_beside_the_test(inner, recording):
    inner(ini=RECORD, test_mail=TEST).assert_outcomes(passed=1)
    evidence = read_recording(recording).evidence()
    assert [call_name(hit) for hit in evidence.hits] == ["Email Opened"]
    assert b"wk_test_0000000000000000" not in recording.read_bytes()


def test_a_recording_that_says_the_same_stays_as_it_is(inner, recording):
    inner(ini=RECORD, test_mail=TEST)
    before = recording.read_bytes()
    inner(ini=RECORD).assert_outcomes(passed=1)
    assert recording.read_bytes() == before


def test_what_was_not_recorded_fails_the_test(inner, recording, monkeypatch):
    inner(ini=RECORD, test_mail=TEST)
    before = recording.read_bytes()
    monkeypatch.setenv("EVENT", "Email Closed")
    result = inner(ini=RECORD)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *track: Email Opened   wanted 1, got 0: sent, but different"])
    assert recording.read_bytes() == before


def test_it_is_rewritten_on_request(inner, recording, monkeypatch):
    inner(ini=RECORD, test_mail=TEST)
    monkeypatch.setenv("EVENT", "Email Closed")
    inner("--pixel-update", ini=RECORD).assert_outcomes(passed=1)
    inner(ini=RECORD).assert_outcomes(passed=1)
    assert b"Email Closed" in recording.read_bytes()


def test_in_ci_a_missing_recording_fails_and_is_not_written(inner, recording, monkeypatch):
    monkeypatch.setenv("CI", "true")
    result = inner(ini=RECORD, test_mail=TEST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *there is no recording recordings/*--pixel-update*"])
    assert not recording.exists()


@pytest.mark.parametrize("no", ["", "0", "false", "False"])
def test_a_variable_that_says_no_is_no_ci(inner, recording, monkeypatch, no):
    monkeypatch.setenv("CI", no)
    inner(ini=RECORD, test_mail=TEST).assert_outcomes(passed=1)
    assert recording.exists()


def test_a_recording_of_the_same_calls_is_not_rewritten(inner, recording):
    inner(ini=RECORD, test_mail=TEST)
    before = recording.read_bytes()
    inner("--pixel-update", ini=RECORD).assert_outcomes(passed=1)
    assert recording.read_bytes() == before


def test_each_test_has_a_recording_of_its_own_however_its_parameters_are_spelled(inner, pytester):
    """`a/b` and `a:b` shared one, and a long id was an OSError."""
    ids = ["a-b", "a/b", "a:b", "A-b", "\u00fc", "u\u0308", "con", "../x", "", "x" * 300, "x" * 301]
    spelled = f"""
        import pytest
        from client import send, url
        @pytest.mark.parametrize("n", {ids!r})
        def test_it(pixels, n):
            pixels.receive(url("https://api.segment.io", "E", userId="u" + n))
            pixels.expect(track="E")
    """
    for more in ((), (), ("--pixel-update",)):
        inner(*more, ini=RECORD, test_mail=spelled).assert_outcomes(passed=len(ids))
    folder = pytester.path / "recordings" / "test_mail"
    assert len({path.name.casefold() for path in folder.iterdir()}) == len(ids)
    assert {"test_it[a-b].yaml", "test_it[con].yaml"} <= {path.name for path in folder.iterdir()}


ALONE = """
    import os, pytest
    from client import send, send_dropped
    @pytest.mark.pixel(record="recordings")
    class TestMail:
        @pytest.mark.parametrize("n", [1])
        def test_opened(self, pixels, n):
            send(pixels, os.environ.get("EVENT", "Email Opened"))
            if "EVENT" in os.environ: send(pixels, "Email Clicked")
"""


def test_a_recording_is_all_that_a_test_has_to_name(inner, recording, monkeypatch):
    for _ in range(2):
        inner(test_mail=ALONE).assert_outcomes(passed=1)
    assert [call_name(hit) for hit in read_recording(recording).hits] == ["Email Opened"]
    before = recording.read_bytes()
    monkeypatch.setenv("EVENT", "Email Opened")
    result = inner(test_mail=ALONE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *unexpected: 1 call that no expectation matches*Email Clicked*"]
    )
    assert recording.read_bytes() == before
    inner("--pixel-update", test_mail=ALONE).assert_outcomes(passed=1)
    inner(test_mail=ALONE).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("send_dropped(pixels)", "dropped: 1 call that Segment would drop*"),
        ("send(pixels, 'A'); send(pixels, 'B'); pixels.expect(track='A')", "unexpected: 1 call*"),
        ("send(pixels, 'A'); pixels.expect_none()", "*#1*"),
    ],
)
def test_a_recording_accepts_no_more_than_calls_of_which_nothing_is_expected(
    inner, pytester, body, said
):
    test = f"""
        from client import send, send_dropped
        def test_it(pixels):
            {body}
    """
    result = inner(ini=RECORD, test_mail=test)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *AssertionError: {said}"])
    assert not (pytester.path / "recordings").exists()


def test_a_test_that_fails_records_nothing(inner, recording):
    inner(ini=RECORD, test_mail=TEST.replace('any="track"', 'any="page"')).assert_outcomes(failed=1)
    assert not recording.exists()


SESSIONS = """
    import os
    from client import send
    def test_two(pixels, pixel_session_factory):
        for session in (pixels, pixel_session_factory("other"), pixel_session_factory()):
            send(session, session.label + os.environ.get("EVENT", "A"))
            session.expect(any="track")
"""


def test_each_session_of_a_test_has_a_recording_of_its_own(inner, pytester, monkeypatch):
    inner(ini=RECORD, test_mail=SESSIONS).assert_outcomes(passed=1)
    folder = pytester.path / "recordings" / "test_mail"
    recorded = {path.name: read_recording(path).hits for path in folder.iterdir()}
    assert {name: [call_name(hit) for hit in hits] for name, hits in recorded.items()} == {
        "test_two.yaml": ["A"],
        "test_two@other.yaml": ["otherA"],
        "test_two@3.yaml": ["3A"],
    }
    inner(ini=RECORD).assert_outcomes(passed=1)
    monkeypatch.setenv("EVENT", "B")
    inner(ini=RECORD).assert_outcomes(failed=1)


SCENARIO = """\
# by hand
expect:
  - track: Email Opened  # the one
    userId: $/^user_/
    properties: {total: 1}
"""
MARKED = """
    import pytest
    from client import send
    @pytest.mark.pixel_scenario("mail.yaml")
    def test_mail(pixels): send(pixels, "Email Opened", properties={"total": 2})
"""
INSIDE = """
    from client import send
    def test_mail(pixels):
        with pixels.expecting("mail.yaml"):
            send(pixels, "Email Opened", properties={"total": 2})
"""
QUIET = "within: 200ms\n"


@pytest.mark.parametrize("test", [MARKED, INSIDE])
def test_a_scenario_is_rewritten_to_what_happened_and_keeps_its_matchers(inner, pytester, test):
    path = pytester.path / "mail.yaml"
    path.write_text(QUIET + SCENARIO)
    inner(test_mail=test).assert_outcomes(failed=1)
    assert path.read_text() == QUIET + SCENARIO
    inner("--pixel-update").assert_outcomes(passed=1)
    assert path.read_text() == QUIET + SCENARIO.replace("total: 1", "total: 2")


@pytest.mark.parametrize("test", [MARKED, INSIDE])
def test_a_missing_scenario_is_drafted_on_request_only(inner, pytester, test):
    result = inner(test_mail=test)
    result.assert_outcomes(failed=1)
    said = "E *there is no scenario mail.yaml: --pixel-update drafts it"
    result.stdout.fnmatch_lines([said])
    inner("--pixel-update").assert_outcomes(passed=1)
    assert "- track: Email Opened" in (pytester.path / "mail.yaml").read_text()
    inner().assert_outcomes(passed=1)


SHARED = """
    import pytest
    from client import send
    @pytest.mark.parametrize("event", ["A", "B"])
    @pytest.mark.pixel_scenario("mail.yaml")
    def test_mail(pixels, event): send(pixels, event)
"""


@pytest.mark.parametrize("before", [None, "A", "C"])
def test_tests_that_rewrite_one_file_differently_are_refused(inner, pytester, before):
    path = pytester.path / "mail.yaml"
    if before:
        path.write_text(f"{QUIET}expect:\n  - track: {before}\n    userId: user_123\n")
    result = inner("--pixel-update", test_mail=SHARED)
    result.assert_outcomes(passed=1, failed=1)
    both = "test_mail.py::test_mail?A? has met it in this run, and test_mail.py::test_mail?B? sent*"
    result.stdout.fnmatch_lines([f"E *mail.yaml is not rewritten: {both}"])
    assert "track: A" in path.read_text()


def test_a_test_rewrites_a_file_once_and_again_when_it_is_run_again(inner, pytester):
    result = inner(
        "--pixel-update",
        "--reruns=1",
        test_mail="""
            from client import send
            runs = []
            def test_mail(pixels):
                runs.append(1)
                with pixels.expecting("mail.yaml"): send(pixels, f"A{len(runs)}")
                assert len(runs) > 1
            def test_twice(pixels):
                for event in "AB":
                    with pixels.expecting("twice.yaml"): send(pixels, event)
        """,
    )
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "rerun": 2}
    assert "track: A2" in (pytester.path / "mail.yaml").read_text()
    result.stdout.fnmatch_lines(["E *twice.yaml is not rewritten: *"])


def test_a_scenario_that_is_a_test_is_rewritten_too(inner, pytester):
    path = pytester.path / "mail.yaml"
    send = "{track: A, userId: u1, properties: {total: 2}}"
    path.write_text(f"do: {{send: {send}}}\n{QUIET}expect:\n  - {send.replace('2', '1')}\n")
    inner("mail.yaml").assert_outcomes(failed=1)
    inner("--pixel-update", "mail.yaml").assert_outcomes(passed=1)
    inner("mail.yaml").assert_outcomes(passed=1)
