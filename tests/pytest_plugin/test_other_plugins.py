"""With other plugins, xdist workers and threads: no call is lost or counted for another test."""

import importlib.util

import pytest

pytest_plugins = ["pytester"]

MANY = """
    import pytest
    from client import send
    @pytest.mark.parametrize("n", range(60))
    {mark}
    def test_it(pixels, n):
        for _ in range(3): send(pixels, "A", properties={{"n": n}})
        assert [call["properties"]["n"] for call in pixels.calls] == [n] * 3
        pixels.expect(track="A", times=3, properties={{"n": n}})
"""
GROUPED = '@pytest.mark.xdist_group("g")'


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "mark"), [(("-n2",), ""), (("-n8",), ""), (("-n2", "--dist=loadgroup"), GROUPED)]
)
def test_workers_of_xdist_have_an_emulator_each(inner, arguments, mark):
    result = inner(*arguments, apart=True, test_it=MANY.format(mark=mark))
    result.assert_outcomes(passed=60)
    result.stdout.fnmatch_lines(["pixels: 180 calls in 60 tests"])


@pytest.mark.thorough
def test_late_calls_of_a_worker_are_reported(inner):
    result = inner(
        "-n1",
        apart=True,
        test_it="""
            from client import send
            first = []
            def test_first(pixels): first.append(pixels)
            def test_second(pixels): send(first[0], "Late")
        """,
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["pixels: 1 request for a session of test_it.py::test_first*"])


@pytest.mark.thorough
def test_calls_in_workers_are_shown_once_each(inner, pytester):
    """Those of a test that passes, of one that fails, and of a scenario file."""
    (pytester.path / "page.yaml").write_text(
        "do: {send: {page: C, userId: u1}}\nexpect: [page: C]\n"
    )
    result = inner(
        *("-n2", "--pixel-show", "page.yaml", "test_it.py"),
        apart=True,
        test_it="""
            from client import send
            def test_passes(pixels):
                send(pixels, "A")
                send(pixels, "A")
                pixels.expect(track="A", times=2)
            def test_fails(pixels): send(pixels, "B")
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    shown = [line for line in result.outlines if "::" in line and "  delivered  " in line]
    assert sorted(shown) == [
        'page.yaml::page #1  delivered  page "C"  userId=u1',
        'test_it.py::test_fails #1  delivered  track "B"  userId=user_123',
        'test_it.py::test_passes #1  delivered  track "A"  userId=user_123',
        'test_it.py::test_passes #2  delivered  track "A"  userId=user_123',
    ]


def test_threads_of_one_test_may_have_a_session_each(inner):
    inner(
        test_it="""
            from concurrent.futures import ThreadPoolExecutor
            from client import send
            def test_it(pixel_session_factory):
                def work(n):
                    own = pixel_session_factory()
                    for _ in range(5): send(own, "A", properties={"n": n})
                    own.expect(track="A", times=5, properties={"n": n})
                with ThreadPoolExecutor(8) as pool: list(pool.map(work, range(16)))
        """
    ).assert_outcomes(passed=1)


ASYNC = """
    import asyncio
    {head}
    from client import send, url
    {mark}
    async def test_it(pixels):
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, lambda: loop.run_in_executor(None, send, pixels, "A"))
        call = await asyncio.to_thread(pixels.wait_for, track="A")
        pixels.expect(track="A")
    {mark}
    async def test_fails(pixels):
        await asyncio.to_thread(send, pixels, "A")
"""


@pytest.mark.parametrize(
    ("head", "mark"),
    [
        ("import pytest", "@pytest.mark.asyncio"),
        (
            'import pytest\n    anyio_backend = pytest.fixture(lambda: "asyncio")',
            "@pytest.mark.anyio",
        ),
    ],
    ids=["asyncio", "anyio"],
)
def test_an_async_test_is_verified_as_any_other(inner, head, mark):
    result = inner("-o", "asyncio_mode=strict", test_it=ASYNC.format(head=head, mark=mark))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["> *async def test_fails(pixels):", "E *unexpected: 1 call that no expectation matches*"]
    )


def test_a_test_that_is_run_again_begins_anew(inner, pytester):
    result = inner(
        *("--reruns=1", "--junitxml=out.xml"),
        test_it="""
            from client import send
            runs = []
            def test_it(pixels):
                runs.append(1)
                send(pixels, "A")
                pixels.expect(track="A", times=len(runs) - 1 or 2)
        """,
    )
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["rerun"]) == (1, 1)
    result.stdout.fnmatch_lines(["pixels: 1 call in 1 test"])
    told = (pytester.path / "out.xml").read_text().count('name="pixel_calls"')
    assert told == 2  # JUnit has an entry for each of the runs, and each tells of its own calls


def test_a_test_that_runs_out_of_time_fails_with_what_was_seen(inner):
    result = inner(
        "--timeout=2",
        test_it="""
            from client import send
            def test_it(pixels):
                send(pixels, "A")
                pixels.wait_for(track="B", timeout=60)
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Timeout*", "*Captured pixels seen call*"])


@pytest.mark.thorough
@pytest.mark.skipif(not importlib.util.find_spec("pytest_randomly"), reason="it is not installed")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_tests_makes_no_difference(inner, seed):
    random = ("-p", "randomly", f"--randomly-seed={seed}")
    result = inner(*random, apart=True, all_plugins=True, test_it=MANY.format(mark=""))
    result.assert_outcomes(passed=60)
    result.stdout.fnmatch_lines([f"Using --randomly-seed={seed}", "pixels: 180 calls in 60 tests"])
