"""`pixels.route(page)`: both APIs of Playwright, with a local and a remote emulator."""

import shlex
import sys

import pytest

from tests.pixel_site import site as small_site
from tests.programs import CHROMIUM, needs_chromium

pytest_plugins = ["pytester"]
pytestmark = needs_chromium

# The last flag keeps whatever page.route() cannot see from leaving this machine.
FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
LAUNCH = {"executable_path": CHROMIUM, "args": FLAGS}
CONFTEST = f"""
    import pytest
    from playwright.async_api import async_playwright
    from playwright.sync_api import sync_playwright
    LAUNCH = {LAUNCH!r}

    @pytest.fixture(scope="session")
    def browser():
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(**LAUNCH)
            yield browser
            browser.close()

    @pytest.fixture
    def page(browser):
        page = browser.new_page()
        yield page
        page.close()
"""
PASSING = """
    def test_a_call(pixels, page):
        pixels.route(page)
        page.goto(SITE + "/signup")
        pixels.wait_for(track="Signed Up")
        pixels.expect(track="Signed Up", userId="user_1")

    def test_a_call_that_comes_while_it_is_waited_for(pixels, page):
        pixels.route(page)
        page.goto(SITE + "/empty")
        page.evaluate("url => setTimeout(() => { new Image().src = url }, 100)", URL)
        pixels.wait_for(track="Signed Up")
        pixels.expect(track="Signed Up")

    def test_a_whole_context(pixels, page):
        pixels.route(page.context)
        page.goto(SITE + "/many")
        for event in ("Frame", "Popup", "Worker"):
            pixels.wait_for(track=event)
            pixels.expect(track=event)

    def test_two_contexts(pixels, browser):
        for _ in range(2):
            page = browser.new_page()
            pixels.route(page)
            page.goto(SITE + "/signup")
            pixels.wait_for(track="Signed Up")
            page.close()
        pixels.expect(track="Signed Up", times=2)

    def test_what_the_browser_sends_stays_what_it_was(pixels, browser, page):
        pixels.route(page)
        proxy = {"server": pixels.proxy}
        proxied = browser.new_context(proxy=proxy, ignore_https_errors=True).new_page()
        for tab in (page, proxied):
            tab.goto(SITE + "/signup")
        pixels.expect(track="Signed Up", times=2)
        here, there = (call.request for call in pixels.calls)
        assert (here.method, here.target) == (there.method, there.target)
        one, other = dict(here.headers), dict(there.headers)
        assert {"user-agent", "referer", "accept"} <= set(one) <= set(other)
        lacking = {name for name in set(other) - set(one) if not name.startswith("sec-fetch-")}
        assert lacking <= {"accept-encoding"}
        differing = {name for name in one if one[name] != other[name]}
        assert differing <= {"host", "connection"}

    def test_a_scenario_file(pixels, page):
        pixels.route(page)
        with pixels.expecting("signup.yaml"):
            page.goto(SITE + "/empty")
            page.evaluate("url => setTimeout(() => { new Image().src = url }, 100)", URL)

    @pytest.mark.pixel_scenario("signup.yaml")
    def test_a_scenario_file_by_its_mark(pixels, page):
        pixels.route(page)
        page.goto(SITE + "/empty")
        page.evaluate("url => setTimeout(() => { new Image().src = url }, 100)", URL)
"""
FAILING = """
    def test_a_call_that_nobody_expected(pixels, page):
        pixels.route(page)
        page.goto(SITE + "/signup")

    def test_a_call_that_does_not_come(pixels, page):
        pixels.route(page)
        page.goto(SITE + "/empty")
        pixels.wait_for(track="Signed Up", timeout=0.1)

    def test_a_redirect(pixels, page):
        pixels.route(page)
        page.goto(SITE + "/redirecting")

    def test_another_route(pixels, page):
        pixels.route(page)
        page.route("**/v1/pixel/**", lambda route: route.abort())
        page.goto(SITE + "/signup")
"""
ASYNC = """
    import asyncio
    from conftest import LAUNCH
    from playwright.async_api import async_playwright

    async def test_async(pixels):
        async with async_playwright() as playwright:
            page = await (await playwright.chromium.launch(**LAUNCH)).new_page()
            await pixels.route(page)
            await page.goto(SITE + "/signup")
            await asyncio.to_thread(pixels.wait_for, track="Signed Up")
            pixels.expect(track="Signed Up")

    async def test_async_redirect(pixels):
        async with async_playwright() as playwright:
            page = await (await playwright.chromium.launch(**LAUNCH)).new_page()
            await pixels.route(page)
            await page.goto(SITE + "/redirecting")
"""
ELSEWHERE = f"pixel_emulator_command = {shlex.join([sys.executable, '-m', 'pixel_emulator'])}"


@pytest.fixture(scope="module")
def site():
    """The URL of a small site."""
    with small_site() as url:
        yield url


@pytest.fixture
def tests(inner, pytester, site):
    """Run tests of the site in a process of their own."""

    def run(body, ini=""):
        (pytester.path / "signup.yaml").write_text("within: 2s\nexpect:\n  - track: Signed Up\n")
        head = f"""
    import pytest
    from client import url
    SITE, URL = {site!r}, url("https://api.segment.io", "Signed Up")
"""
        return inner(
            "-p", "no:playwright", ini=ini, apart=True, conftest=CONFTEST, test_it=head + body
        )

    return run


@pytest.mark.thorough
@pytest.mark.parametrize("ini", ["", ELSEWHERE], ids=["here", "elsewhere"])
def test_what_passes(tests, ini):
    tests(PASSING, ini).assert_outcomes(passed=7)


@pytest.mark.thorough
@pytest.mark.parametrize("ini", ["", ELSEWHERE], ids=["here", "elsewhere"])
def test_what_fails(tests, ini):
    result = tests(FAILING, ini)
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: unexpected: 1 call that no expectation matches*",
            "*wanted 1, got 0: not sent*",
            "*api.segment.io/v1/pixel/track: page.route() does not see redirects; use the proxy*",
            "*api.segment.io/v1/pixel/track: another route took it*",
        ]
    )


@pytest.mark.thorough
def test_the_async_api(tests):
    result = tests(ASYNC)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*page.route() does not see redirects*"])
