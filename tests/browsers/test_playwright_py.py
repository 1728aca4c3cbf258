"""The printed Python file, in a headless Chromium: the same cases over both APIs of Playwright."""

import asyncio
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright
from playwright.sync_api import sync_playwright

from pixel_emulator.snippets.pixels import Redirector, pixels
from tests.programs import CHROMIUM, SERVE, needs_chromium

pytestmark = [needs_chromium, pytest.mark.thorough]

HERE = Path(__file__).parent
SIGNUP = HERE / "specs" / "scenarios" / "signup.yaml"
# The last flag keeps whatever page.route() cannot see from leaving this machine.
FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
LAUNCH: dict[str, Any] = {"executable_path": CHROMIUM, "args": FLAGS}
ROUND: list[Any] = []
ROUND.append(ROUND)
NEVER = {"within": "60s", "expect": [{"track": "B"}], "never": [{"track": "Signed Up"}]}


@dataclass(frozen=True)
class Step:
    """A method that is called on the pixels of a page, and what has to hold for its answer."""

    method: str
    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)
    holds: Callable[[Any], bool] = lambda _: True


def step(method, *arguments, holds=lambda _: True, **named):
    return Step(method, arguments, named, holds)


def events(calls):
    return sorted(call["payload"]["event"] for call in calls)


PASSING = {
    "a scenario file": ("/signup", [step("expect", SIGNUP)]),
    "a call": ("/signup", [step("expect", {"track": "Signed Up", "userId": "user_1"})]),
    "a scenario without expect": (
        "/signup",
        [
            step("wait_for", track="Signed Up"),
            step(
                "expect",
                {
                    "never": [{"track": "Error"}],
                    "state": {"user_1": {"events": {"Signed Up": "$int"}}},
                    "unexpected": "ignore",
                },
            ),
        ],
    ),
    "alternatives by their fields": (
        "/signup",
        [step("expect", one_of=[{"track": "Signed Up"}, {"page": None}], userId="$string")],
    ),
    "a call by its fields": ("/signup", [step("expect", track="Signed Up", userId="user_1")]),
    "what a file uses stands beside it": ("/signup", [step("expect", SIGNUP.parent / "uses.yaml")]),
    "a list, popups, frames and workers": (
        "/many",
        [step("expect", [{"track": event} for event in ("Frame", "Popup", "Worker")])],
    ),
    "a service worker": ("/serviced", [step("expect", {"track": "Serviced"})]),
    "values of variables": (
        "/signup",
        [step("expect", SIGNUP, given={"user": "user_1"})],
    ),
    "each expect verifies what is new": (
        "/signup",
        [
            step("expect", SIGNUP),
            step("goto", "/frame"),
            step("expect", {"track": "Frame"}),
            step("calls", holds=lambda calls: events(calls) == ["Frame", "Signed Up"]),
        ],
    ),
    "a call that is waited for": (
        "/signup",
        [
            step("wait_for", track="Signed Up", holds=lambda call: call["outcome"] == "delivered"),
            step("wait_for", {"track": "Signed Up"}, holds=lambda call: call["seq"] == 1),
            step("expect", SIGNUP),
        ],
    ),
    "calls that are looked at": (
        "/many",
        [
            *(step("wait_for", track=event) for event in ("Frame", "Popup", "Worker")),
            step("calls", holds=lambda calls: events(calls) == ["Frame", "Popup", "Worker"]),
            step("requests", holds=lambda entries: len(entries) == 3),
            step("clear"),
            step("calls", holds=lambda calls: calls == []),
        ],
    ),
    "regexes": (
        "/signup",
        [
            step(
                "expect",
                {
                    "track": re.compile("^sign.", re.IGNORECASE | re.DOTALL),
                    "userId": re.compile(r"_\d"),
                },
            )
        ],
    ),
    "what a policy of the page blocks": ("/forbidden", []),
    "a page without pixels": ("/empty", []),
}
FAILING = {
    "another event": (
        "/many",
        [step("expect", SIGNUP, timeout=0.2)],
        r"(?s)FAIL  .*signup\.yaml.*track: Signed Up   wanted 1, got 0",
    ),
    "it stops when it is in vain": (
        "/signup",
        [step("expect", NEVER)],
        r"never track: Signed Up   wanted 0, got 1",
    ),
    "a line of the test": (
        "/empty",
        [step("expect", {"track": "A"}, timeout=0)],
        r"test_playwright_py\.py:\d+   track: A",
    ),
    "calls that nobody expected": ("/signup", [step("wait_for", track="Signed Up")], "unexpected"),
    "a call that does not come": ("/empty", [step("wait_for", track="A", timeout=0)], "not sent"),
    "a redirect": ("/redirecting", [step("expect", {"track": "A"})], "does not see redirects"),
    **{
        f"a value that JSON has not: {said}": (
            "/empty",
            [step("expect", {"track": "A", "properties": {"the plan": ["a", value]}})],
            rf'(?m)^expect\[0\]\.properties\["the plan"\]\[1\]\S*: .*{said}',
        )
        for value, said in (
            (str.isalpha, "method.* is no JSON: write what is sent"),
            ({1, 2}, "{1, 2} is no JSON"),
            (math.nan, "is nan, which JSON cannot say"),
            ({1: "a"}, "the key 1 is no text"),
            (ROUND, "holds itself"),
            (re.compile("a # b", re.VERBOSE), "has no like in scenario files"),
            (re.compile(b"a"), "has no like in scenario files"),
        )
    },
    "nothing": ("/empty", [step("expect")], "give a call as a map"),
    "a call in both ways": (
        "/empty",
        [step("wait_for", {"track": "A"}, userId="user_1")],
        "give a call as a map",
    ),
    "a value of a variable that is none": (
        "/empty",
        [step("expect", [], given={"user": re.compile("a")})],
        r"^given\.user: .* is no JSON",
    ),
    "a mistake": ("/empty", [step("expect", {"trak": "A"})], r"trak: .*did you mean \"track\""),
    "a file that is not there": ("/empty", [step("expect", "sgnup.yaml")], "sgnup.yaml"),
}


@pytest.fixture(autouse=True)
def _environ(monkeypatch, served):
    monkeypatch.setenv("PIXEL_EMULATOR_CONTROL", served["control"])
    monkeypatch.setenv("PIXEL_EMULATOR_TOKEN", served["token"])


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


def synchronous(browser, site, steps):
    context = browser.new_context(base_url=site)
    page = context.new_page()
    try:
        with pixels(page) as s:
            for step in steps:
                method = getattr(page if step.method == "goto" else s, step.method)
                assert step.holds(method(*step.arguments, **step.named))
    finally:
        context.close()


@pytest.fixture(scope="module")
def loop():
    """A loop in a thread of its own: the other API keeps one running in this thread."""
    runner = asyncio.Runner()
    with ThreadPoolExecutor(1) as threads:
        yield lambda coroutine: threads.submit(runner.run, coroutine).result()
        threads.submit(runner.close).result()


@pytest.fixture(scope="module")
def async_browser(loop):
    playwright = loop(async_playwright().start())
    browser = loop(playwright.chromium.launch(**LAUNCH))
    yield browser
    loop(browser.close())
    loop(playwright.stop())


async def asynchronous(browser, site, steps):
    context = await browser.new_context(base_url=site)
    page = await context.new_page()
    try:
        async with pixels(page) as s:
            for step in steps:
                method = getattr(page if step.method == "goto" else s, step.method)
                assert step.holds(await method(*step.arguments, **step.named))
    finally:
        await context.close()


@pytest.fixture(params=["sync", "async"])
def run(request, site):
    """Open a page of the site, over one of the APIs, and take steps there."""

    def run(path, steps):
        steps = [step("goto", path), *steps]
        if request.param == "sync":
            synchronous(request.getfixturevalue("browser"), site, steps)
        else:
            loop = request.getfixturevalue("loop")
            loop(asynchronous(request.getfixturevalue("async_browser"), site, steps))

    return run


@pytest.mark.parametrize("case", PASSING)
def test_what_passes(run, case):
    run(*PASSING[case])


@pytest.mark.parametrize("case", FAILING)
def test_what_fails(run, case):
    path, steps, said = FAILING[case]
    with pytest.raises((AssertionError, OSError, TypeError, ValueError), match=said):
        run(path, steps)


def test_another_route_takes_the_request(browser, site):
    page = browser.new_page()

    def visit():
        with pixels(page) as s:
            page.route("**/v1/pixel/**", lambda route: route.abort())
            page.goto(f"{site}/signup")
            s.expect(SIGNUP)

    with pytest.raises(AssertionError, match="another route took it"):
        visit()
    page.close()


def test_what_the_test_raises_is_not_hidden(browser, site):
    page = browser.new_page()

    def visit():
        with pixels(page):
            page.goto(f"{site}/signup")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        visit()
    page.close()


def test_one_context_has_one_session_until_it_ends(browser, site):
    page = browser.new_page()
    with pixels(page) as s:
        with pixels(page.context) as same:
            assert same is s
            page.goto(f"{site}/signup")
        s.expect(SIGNUP)
    with pixels(page) as other:
        assert other.name != s.name
        page.goto(f"{site}/signup")
        other.expect(SIGNUP)
    page.close()


def test_so_it_is_with_the_other_api(loop, async_browser, site):
    async def visit():
        page = await async_browser.new_page()
        async with pixels(page) as s:
            async with pixels(page) as same:
                assert same is s
                await page.goto(f"{site}/signup")
            await s.expect(SIGNUP)
        assert pixels(page) is not s
        await page.close()

    loop(visit())


def test_a_context_that_is_redirected_twice_is_redirected_once(browser, site, served):
    page = browser.new_page()
    first, second = (Redirector(served["url"], ["api.segment.io"]) for _ in range(2))
    for redirector in (first, second):
        redirector.redirect(page.context)
    page.goto(f"{site}/signup")
    assert first.lost_report() == second.lost_report() == ""
    page.goto(f"{site}/redirecting")
    assert first.lost == second.lost
    assert len(first.lost) == 1
    page.close()


def test_a_recording_is_saved(browser, site, tmp_path):
    page = browser.new_page()
    with pixels(page) as s:
        page.goto(f"{site}/signup")
        s.expect(SIGNUP)
        s.save(tmp_path / "calls.yaml")
    page.close()
    assert "event: Signed Up" in (tmp_path / "calls.yaml").read_text()


def test_a_session_may_have_another_dialect(browser, site):
    page = browser.new_page()
    with pixels(page, session={"source": ["web=another_key"]}) as s:
        page.goto(f"{site}/signup")
        s.expect({"dropped": "unknown_source"})
    page.close()


def test_the_name_of_a_session_is_a_label_which_others_may_have_too(browser):
    names = []
    for _ in range(2):
        page = browser.new_page()
        with pixels(page, session={"name": f"sign up: {'ü' * 99} {'x' * 99}"}) as s:
            names.append(s.name)
        page.close()
    assert len(set(names)) == 2
    assert all(re.fullmatch("sign-up-x+-[0-9a-f]{12}", name) for name in names)


def test_a_typo_in_an_option_is_reported(browser):
    page = browser.new_page()
    with pytest.raises(ValueError, match='rest="ignored": it is "fail" or "ignore"'):
        pixels(page, rest="ignored")
    with pytest.raises(ValueError, match=r'dialct: is unknown \(did you mean "dialect"'):
        pixels(page, session={"dialct": "strict"})
    page.close()


def test_the_rest_may_be_ignored(browser, site):
    page = browser.new_page()
    with pixels(page, rest="ignore") as s:
        page.goto(f"{site}/signup")
        s.wait_for(track="Signed Up")
    page.close()


def test_what_is_lost_is_never_ignored(browser, site):
    page = browser.new_page()

    def visit():
        with pixels(page, rest="ignore"):
            page.goto(f"{site}/redirecting")

    with pytest.raises(AssertionError, match="does not see redirects"):
        visit()
    page.close()


def test_an_emulator_that_has_gone_is_loud(browser, site, monkeypatch):
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        monkeypatch.setenv("PIXEL_EMULATOR_CONTROL", told["control"])
        monkeypatch.setenv("PIXEL_EMULATOR_TOKEN", told["token"])
        page = browser.new_page()

        def visit():
            with pixels(page) as s:
                process.terminate()
                process.wait()
                page.goto(f"{site}/signup")
                s.expect(SIGNUP)

        with pytest.raises(AssertionError, match=r"did not reach .*\n.*refused"):
            visit()
        page.close()


def test_a_serve_of_this_user_is_found_by_its_port(monkeypatch, browser, site, served):
    monkeypatch.delenv("PIXEL_EMULATOR_CONTROL")
    monkeypatch.setenv("PIXEL_EMULATOR_PORT", str(served["port"]))
    page = browser.new_page()
    with pixels(page) as s:
        page.goto(f"{site}/signup")
        s.expect(SIGNUP)
    page.close()
    monkeypatch.setenv("PIXEL_EMULATOR_PORT", "1")
    with pytest.raises(RuntimeError, match="start `pixel-emulator serve --port 1`"):
        pixels(page)


@pytest.mark.usefixtures("served")
def test_the_printed_file_works_where_this_package_is_not(tmp_path, site):
    """Neither from the folder of the project nor from an installation."""
    printed = subprocess.check_output([*SERVE[:3], "client", "playwright-py"])
    (tmp_path / "pixels.py").write_bytes(printed)
    (tmp_path / "it.py").write_text(f"""
import sys
from playwright.sync_api import sync_playwright
from pixels import pixels
assert "pixel_emulator" not in sys.modules
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(**{LAUNCH!r})
    page = browser.new_page()
    with pixels(page) as s:
        page.goto(sys.argv[1])
        s.expect({{"within": "500ms", "expect": [{{"track": "Signed Up"}}]}})
    browser.close()
    print("met")
""")
    for path, said in (("/signup", "met"), ("/empty", "track: Signed Up   wanted 1, got 0")):
        done = subprocess.run(
            [sys.executable, "it.py", site + path],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert re.search(said, done.stdout + done.stderr)
        assert (done.returncode == 0) == (said == "met")
