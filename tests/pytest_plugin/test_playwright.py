"""With pytest-playwright: the browser of a test with pixels is diverted, and no other."""

import importlib.util
import os

import pytest

from pixel_emulator.email.render import find_browser

pytest_plugins = ["pytester"]

BROWSER = find_browser(os.environ)
pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("pytest_playwright") and BROWSER),
    reason="pytest-playwright or a browser is not installed",
)

CONFTEST = f"""
    import pytest
    @pytest.fixture(scope="session")
    def browser_type_launch_args(browser_type_launch_args):
        chosen = {{"executable_path": "{BROWSER}", "args": ["--no-sandbox"]}}
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
WITHOUT = """
    import sys
    def test_page(page):
        page.set_content("<p>Hi")
        assert "pixel_emulator.proxy.emulator" not in sys.modules
"""


def test_the_browser_of_a_test_with_pixels_is_diverted(inner):
    inner(apart=True, conftest=CONFTEST, test_it=TEST).assert_outcomes(passed=2)


def test_a_run_without_pixels_starts_no_emulator(inner):
    inner(apart=True, conftest=CONFTEST, test_it=WITHOUT).assert_outcomes(passed=1)
