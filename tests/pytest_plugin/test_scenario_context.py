"""Scenario files inside a test: several at once, in threads, and their errors."""

import pytest

from tests.pytest_plugin.examples import module

pytest_plugins = ["pytester"]

PASSING = {
    "one inside another": """
        with pixels.expecting("e.yaml"):
            send(pixels, "E")
            with pixels.expecting("f.yaml"): send(pixels, "F")
    """,
    "what the outer one wants comes in the inner one": """
        with pixels.expecting("e.yaml"):
            with pixels.expecting("f.yaml"): send(pixels, "F"), send(pixels, "E")
    """,
    "two threads": """
        both = Barrier(2, timeout=20)
        def work(name):
            with pixels.expecting(f"{name.lower()}.yaml"):
                both.wait(), send(pixels, name), both.wait()
        with ThreadPoolExecutor() as pool: list(pool.map(work, "EF"))
    """,
    "two threads with the same file share out two calls": """
        both = Barrier(2, timeout=20)
        def work(_):
            with pixels.expecting("e.yaml"):
                both.wait(), send(pixels, "E"), both.wait()
        with ThreadPoolExecutor() as pool: list(pool.map(work, "12"))
    """,
    "what the test expects by itself": """
        with pixels.expecting("e.yaml"):
            send(pixels, "F")
            pixels.expect(track="F")
            send(pixels, "E")
    """,
    "the one that ends first leaves to the other what only that can use": """
        both = Barrier(2, timeout=20)
        def work():
            with pixels.expecting("f.yaml"): both.wait(), both.wait()
        thread = Thread(target=work)
        thread.start()
        with pixels.expecting("any.yaml"):
            both.wait(), send(pixels, "F"), send(pixels, "E")
        both.wait(), thread.join()
    """,
    "what came before the inner one is none of its business": """
        with pixels.expecting("lenient.yaml"):
            send(pixels, "Noise"), send(pixels, "E")
            with pixels.expecting("f.yaml"): send(pixels, "F")
        pixels.expect(track="Noise")
    """,
    "a context may be made first, and be used twice": """
        context = pixels.expecting("e.yaml")
        with context: send(pixels, "E")
        with context: send(pixels, "E")
    """,
    "clear forgets a failure": """
        with suppress(AssertionError), pixels.expecting("e.yaml"): pass
        pixels.clear()
    """,
}
FAILING = {
    "a thread to which nobody listens": (
        """
        def work():
            with suppress(AssertionError), pixels.expecting("e.yaml"): pass
        thread = Thread(target=work)
        thread.start(), thread.join()
        """,
        "track: E: wanted 1, got 0: not sent*",
    ),
    "a caught error": (
        """
        with suppress(AssertionError):
            with pixels.expecting("e.yaml"): pass
        """,
        "track: E: wanted 1, got 0: not sent*",
    ),
    "a context that is never entered": (
        """
        pixels.expecting("e.yaml")
        """,
        "expecting e.yaml was never entered: write `with`",
    ),
    "a call that nobody wants, in the inner one": (
        """
        with pixels.expecting("e.yaml"):
            send(pixels, "E")
            with pixels.expecting("f.yaml"): send(pixels, "F"), send(pixels, "G")
        """,
        'unexpected: *track "G"',
    ),
    "a call that nobody wants, in the outer one": (
        """
        with pixels.expecting("e.yaml"):
            send(pixels, "E")
            with pixels.expecting("f.yaml"): send(pixels, "F")
            send(pixels, "G")
        """,
        'unexpected: *track "G"',
    ),
    "a second call of the inner one, after its end": (
        """
        with pixels.expecting("e.yaml"):
            with pixels.expecting("f.yaml"): send(pixels, "F")
            send(pixels, "F"), send(pixels, "E")
        """,
        'unexpected: *track "F"',
    ),
    "a second call of the outer one, in the inner one": (
        """
        with pixels.expecting("e.yaml"):
            send(pixels, "E")
            with pixels.expecting("f.yaml"): send(pixels, "F"), send(pixels, "E")
        """,
        "track: E: wanted 1, got 2: sent twice",
    ),
    "one call that two want": (
        """
        with pixels.expecting("e.yaml"):
            with pixels.expecting("e.yaml"): send(pixels, "E")
        """,
        "track: E: wanted 1, got 0: its calls went to line 2",
    ),
    "a call that came before the inner one, which wants it": (
        """
        with pixels.expecting("e.yaml"):
            send(pixels, "E")
            with pixels.expecting("e.yaml"): pass
        """,
        "track: E: wanted 1, got 0: not sent*",
    ),
    "a ban of the inner one on what the outer one wants": (
        """
        with pixels.expecting("e.yaml"):
            with pixels.expecting("no_e.yaml"): send(pixels, "E")
        """,
        "*track: E: wanted 0, got 1*",
    ),
}


@pytest.fixture
def files(pytester):
    texts = {
        "e": "expect: [{track: E}]",
        "f": "expect: [{track: F}]",
        "any": "expect: [{track: }]",
        "lenient": "unexpected: ignore\nexpect: [{track: E}]",
        "no_e": "never: [{track: E}]",
    }
    for name, text in texts.items():
        (pytester.path / f"{name}.yaml").write_text(f"within: 300ms\n{text}\n")


def written(*bodies):
    return module(*bodies).replace("import Thread, Timer", "import Barrier, Thread, Timer")


@pytest.mark.usefixtures("files")
def test_contexts_share_calls(inner):
    inner(test_it=written(*PASSING.values())).assert_outcomes(passed=len(PASSING))


@pytest.mark.usefixtures("files")
def test_what_is_not_met_fails_the_test_in_any_case(inner):
    result = inner("--tb=line", test_it=written(*(body for body, _ in FAILING.values())))
    result.assert_outcomes(failed=len(FAILING))
    lines = [f"*test_it.py:*: AssertionError: {said}" for _, said in FAILING.values()]
    result.stdout.fnmatch_lines(lines)


@pytest.mark.usefixtures("files")
def test_an_error_that_was_swallowed_stands_on_the_line_of_its_context(inner):
    result = inner(
        test_it="""
            from threading import Thread
            def test_it(pixels):
                def work():
                    with pixels.expecting("e.yaml"):
                        pass
                thread = Thread(target=work)
                thread.start(), thread.join()
        """
    )
    result.assert_outcomes(failed=1, warnings=1)
    result.stdout.fnmatch_lines(
        ['>           with pixels.expecting("e.yaml"):', "E *FAIL  e.yaml*", "test_it.py:4: Asse*"]
    )


def test_a_missing_file_is_reported_at_the_call(inner):
    result = inner(test_it='def test_it(pixels):\n    pixels.expecting("no.yaml")')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['>       pixels.expecting("no.yaml")', "E *there is no scenario no.yaml*"]
    )
