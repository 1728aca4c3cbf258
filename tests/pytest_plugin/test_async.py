"""Async tests with asyncio and trio: their event loops go on during waits."""

import pytest

pytest_plugins = ["pytester"]

HEAD = """
import asyncio
import anyio, pytest
from client import send
"""
FILE = "within: 1h\nexpect:\n  - track: E\n"
LOOP = """
async def soon(pixels, event):
    await anyio.sleep(0.01)
    await anyio.to_thread.run_sync(send, pixels, event)
"""


@pytest.fixture
def e_yaml(pytester):
    return pytester.path / "e.yaml"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_loop_goes_on_while_a_context_waits(inner, e_yaml, backend):
    e_yaml.write_text(FILE)
    inner(
        *("--timeout=20", "-o", "asyncio_mode=strict"),
        test_it=f"""{HEAD}{LOOP}
@pytest.fixture
def anyio_backend(): return {backend!r}
@pytest.mark.anyio
async def test_it(pixels):
    async with anyio.create_task_group() as group, pixels.expecting("e.yaml"):
        group.start_soon(soon, pixels, "E")
""",
    ).assert_outcomes(passed=1)


def test_an_error_stands_on_the_line_of_the_context(inner, e_yaml):
    e_yaml.write_text(FILE.replace("1h", "10ms"))
    result = inner(
        test_it=f"""{HEAD}
async def test_it(pixels):
    async with pixels.expecting("e.yaml"):
        pass
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ['>       async with pixels.expecting("e.yaml"):', "test_it.py:6: AssertionError"]
    )
    result.stdout.no_fnmatch_line("*held up*")


def test_a_wait_in_vain_that_held_up_its_loop_says_so(inner, e_yaml):
    e_yaml.write_text(FILE.replace("1h", "10ms"))
    result = inner(
        "--tb=short",
        test_it=f"""{HEAD}
async def test_with(pixels):
    with pixels.expecting("e.yaml"): pass
async def test_wait_for(pixels):
    pixels.wait_for(track="E", timeout=0.01)
async def test_in_a_thread(pixels):
    await asyncio.to_thread(pixels.wait_for, track="E", timeout=0.01)
def test_sync(pixels):
    with pixels.expecting("e.yaml"): pass
""",
    )
    result.assert_outcomes(failed=4)
    assert result.stdout.str().count("E   the wait held up the event loop of the test") == 2


def test_a_route_that_is_not_awaited_is_a_gap(inner):
    """No browser is needed: nothing is asked of its context."""
    result = inner(
        test_it="""
            import pytest
            from playwright.async_api import BrowserContext
            @pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
            async def test_it(pixels): pixels.route(object.__new__(BrowserContext))
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *calls may be missing*: a page was not led here: write `await pixels.route(page)`"]
    )
