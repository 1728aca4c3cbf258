"""Further sessions of a test, and their labels."""

import pytest

pytest_plugins = ["pytester"]

NAMED = """
    import pytest
    from client import send
    def use(session):
        send(session, "A")
        session.expect(track="A")
    @pytest.mark.parametrize("n", [1, 2])
    def test_one(pixel_session_factory, n): use(pixel_session_factory("mail"))
    def test_two(pixel_session_factory): use(pixel_session_factory("mail"))
"""


def test_a_label_belongs_to_one_test(inner):
    inner(test_it=NAMED).assert_outcomes(passed=3)


def test_a_test_that_runs_again_gives_its_labels_again(inner):
    result = inner(
        "--reruns=1",
        test_it="""
            runs = []
            def test_it(pixel_session_factory):
                pixel_session_factory("mail")
                runs.append(1)
                assert len(runs) == 2
        """,
    )
    assert result.parseoutcomes() == {"passed": 1, "rerun": 1}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("'mail', 'mail'", 'this test has a session "mail" already'),
        ("'a b',", 'the label of a session is 1 to 64 letters, digits, `-` or `_`, not "a b"'),
    ],
)
def test_a_wrong_label_fails_on_the_line_of_the_test(inner, labels, said):
    result = inner(
        test_it=f"""
            def test_it(pixel_session_factory):
                for label in ({labels}):
                    pixel_session_factory(label)
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">   *pixel_session_factory(label)", f"E *{said}"])
    result.stdout.no_fnmatch_line("*lifecycle.py*")


def test_sessions_without_a_label_are_numbered_and_none_is_called_twice(inner):
    inner(
        test_it="""
            def test_it(pixels, pixel_session_factory):
                made = [pixels, *map(pixel_session_factory, ("3", "", "", "mail"))]
                assert [session.label for session in made] == ["", "3", "4", "5", "mail"]
        """
    ).assert_outcomes(passed=1)


def test_a_failure_says_which_session_it_is_about(inner):
    result = inner(
        test_it="""
            def test_it(pixels, pixel_session_factory):
                pixel_session_factory("mail").expect(track="A")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *FAIL  test_it.py*test_it (mail)"])
