"""With pytest-playwright: only browsers of tests with pixels use the proxy."""

import importlib.util
import os

import pytest

from pixel_emulator.email.render import find_browser
from tests.pixel_site import site as small_site

pytest_plugins = ["pytester"]

BROWSER = find_browser(os.environ)
pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("pytest_playwright") and BROWSER),
    reason="pytest-playwright or a browser is not installed",
)

# So that whatever is not diverted stays on this machine.
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
CONFTEST = f"""
    import pytest
    @pytest.fixture(scope="session")
    def browser_type_launch_args(browser_type_launch_args):
        chosen = {{"executable_path": "{BROWSER}", "args": ["--no-sandbox", {NOWHERE!r}]}}
        chosen["args"] += browser_type_launch_args.get("args", [])
        return {{**browser_type_launch_args, **chosen}}
    @pytest.fixture(scope="session")
    def browser_context_args(browser_context_args):  # as its documentation has it
        return {{**browser_context_args, "locale": "de-DE"}}
"""
TEST = """
    from client import url
    def test_page(pixels, page):
        page.set_content(f'<img src="{url("https://api.segment.io", "Email Opened")}">')
        call = pixels.wait_for(track="Email Opened")
        assert call.request.scheme == "https"
        pixels.expect(track="Email Opened", request={"host": "api.segment.io"})

    def test_context(pixels, new_context):
        page = new_context(user_agent="mine").new_page()
        page.set_content(f'<img src="{url("https://api.segment.io", "Email Opened")}">')
        pixels.wait_for(track="Email Opened", request={"user_agent": "mine"})
        pixels.expect(track="Email Opened")
"""
BY_MARK = """
    import pytest

    @pytest.mark.pixel_scenario("scenarios/welcome.yaml")
    def test_by_mark(pixels, page): page.goto(SITE + "/signup")

    @pytest.mark.pixel_scenario("scenarios/welcome.yaml")
    def test_by_mark_alone(page): page.goto(SITE + "/signup")
"""
UNMET = """
    import pytest

    @pytest.mark.pixel_scenario("scenarios/welcome.yaml")
    def test_another_event(page): page.goto(SITE + "/many")

    def test_nobody_expected_it(pixels, page): page.goto(SITE + "/signup")
"""
OTHERS = """
    def test_other_pages_pass_through_untouched_and_prove_that_silence_is_one(pixels, page):
        assert page.goto(SITE + "/empty").text() == "<p>nothing"
        assert pixels.requests == ()
        pixels.expect_none()

    def test_a_test_without_pixels_is_not_diverted(page):
        page.goto(SITE + "/signup")
        assert page.locator("img").evaluate("image => image.naturalWidth") == 0
"""
MANY = """
    import pytest
    from client import url

    @pytest.mark.parametrize("n", range(6))
    def test_it(pixels, new_context, n):
        for part in "ab":
            page = new_context().new_page()
            page.goto(SITE + "/empty")
            page.set_content(f'<img src="{url("https://api.segment.io", f"{part}{n}")}">')
            pixels.wait_for(track=f"{part}{n}")
            pixels.expect(track=f"{part}{n}", request={"host": "api.segment.io"})
        assert len(pixels.requests) == 2
"""
WITHOUT = """
    import sys
    def test_page(page):
        page.set_content("<p>Hi")
        assert "pixel_emulator.proxy.emulator" not in sys.modules
"""


@pytest.mark.thorough
def test_the_browser_of_a_test_with_pixels_is_diverted(inner):
    inner(apart=True, all_plugins=True, conftest=CONFTEST, test_it=TEST).assert_outcomes(passed=2)


@pytest.mark.thorough
def test_a_run_without_pixels_starts_no_emulator(inner):
    inner(apart=True, all_plugins=True, conftest=CONFTEST, test_it=WITHOUT).assert_outcomes(
        passed=1
    )


@pytest.fixture(scope="module")
def site():
    """The URL of a small site."""
    with small_site() as url:
        yield url


@pytest.fixture
def browsing(inner, pytester, site):
    """Run tests of the site, with pytest-playwright."""
    (pytester.path / "scenarios").mkdir()
    scenario = "within: 2s\nexpect:\n  - track: Signed Up\n"
    (pytester.path / "scenarios" / "welcome.yaml").write_text(scenario)
    conftest = f"{CONFTEST}\n    SITE = {site!r}\n"

    def run(body, *arguments):
        head = "\n    from conftest import SITE\n"
        return inner(
            *arguments, apart=True, all_plugins=True, conftest=conftest, test_it=head + body
        )

    return run


@pytest.mark.thorough
def test_scenarios_by_mark_and_pages_that_are_nothing_to_us(browsing):
    browsing(BY_MARK + OTHERS).assert_outcomes(passed=4)


def test_pages_that_send_something_else_fail_their_tests(browsing):
    result = browsing(UNMET)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*welcome.yaml:3   track: Signed Up   wanted 1, got 0*", '*track "Signed Up"*']
    )


@pytest.mark.thorough
def test_many_contexts_under_xdist_do_not_mix(browsing):
    browsing(MANY, "-n2").assert_outcomes(passed=6)
