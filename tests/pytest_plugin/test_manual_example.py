"""The example of docs/pytest.md, word for word: it passes, and fails as it should."""

import re
from pathlib import Path

import pytest

from tests.programs import needs_chromium
from tests.pytest_plugin.test_failing_output import approved
from tests.pytest_plugin.test_playwright_fixtures import CONFTEST

pytest_plugins = ["pytester"]
pytestmark = needs_chromium

PAGE = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(
    r"^```python\n(def test_welcome_mail.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
)
# What it leaves to the reader: an application that sends what it should, or something else.
APPLICATION = """
import os
import ssl
import subprocess
import sys
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from html import escape
from pathlib import Path

import pytest
from dirty_equals import IsStr

from client import url as pixel

RIGHT = os.environ.get("APPLICATION", "right") == "right"
SEGMENT = "https://api.segment.io"
SEND = "import sys; from urllib.request import urlopen; urlopen(sys.argv[1]).read()"


welcome_mail = pixel(
    SEGMENT,
    "Email Opened",
    userId="user_123" if RIGHT else "user_124",
    properties={"subject": "Hi Ada" if RIGHT else "Ho Ada"},
)


def render(mail, *, proxy, ca):
    trust = HTTPSHandler(context=ssl.create_default_context(cafile=ca))
    build_opener(ProxyHandler({"https": proxy}), trust).open(mail, timeout=10).read()


def run(env, *urls):
    for url in urls:
        subprocess.run([sys.executable, "-c", SEND, url], env=env, check=True)


def run_checkout(env):
    order = {"order_id": "FC-1", "total": 49.9 if RIGHT else "49.90"}
    run(env, pixel(SEGMENT, "Order Completed", properties=order))


shown = [pixel(SEGMENT, "Email Opened"), pixel(SEGMENT, "Email Fully Loaded")]
page = Path("mail.html").absolute()
page.write_text("".join(f'<img src="{escape(pixel)}">' for pixel in shown[: 2 if RIGHT else 1]))
url = page.as_uri()


"""
FILES = {
    "checkout.yaml": """\
let: {user: }
within: 10ms
expect:
  - track: Order Completed
    userId: $user
    properties: {order_id: $string, total: $number}
""",
    "welcome.yaml": """\
within: 10ms
expect:
  - track: Email Opened
  - track: Email Fully Loaded
""",
}


@pytest.fixture
def example(inner, pytester):
    """Run the example."""
    folder = pytester.mkdir("scenarios")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    # In a process of its own, since Playwright's loop would be that of the tests around it.
    files = {"conftest": CONFTEST, "test_mails": APPLICATION.lstrip() + EXAMPLE}
    return lambda *more: inner(*more, apart=True, all_plugins=True, **files)


@pytest.mark.thorough
def test_it_passes(example, pytester):
    result = example("--junitxml=out.xml")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["pixels: 4 calls in 3 tests"])
    told = (pytester.path / "out.xml").read_text()
    assert told.count('name="pixel_calls"') == 3
    assert '<property name="pixel_scenario" value="scenarios/welcome.yaml" />' in told


@pytest.mark.thorough
def test_it_fails_where_the_application_is_wrong(example, monkeypatch):
    monkeypatch.setenv("APPLICATION", "wrong")
    result = example()
    result.assert_outcomes(failed=3)
    approved("readme_example", result)
