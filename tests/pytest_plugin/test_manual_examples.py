"""The examples of docs/pytest.md beside the first: each runs as it stands there, and passes."""

import re

import pytest

from tests.manual import blocks_of

pytest_plugins = ["pytester"]

EXAMPLES = [
    block
    for block in blocks_of("pytest.md")
    if block.kind == "python" and "def test_welcome_mail" not in block.text
]
# What they leave to the reader: how a mail is sent.
APPLICATION = """
import asyncio
import builtins
from client import send

async def send_mail(pixels):
    await asyncio.to_thread(send, pixels, "Email Opened", userId="user_1")

builtins.send_mail = send_mail
"""
SEND_WELCOME = """\
#!/bin/sh
exec curl -sS -o /dev/null \
    'https://api.segment.io/v1/pixel/track?writeKey=wk_test_0000&userId=user_1&event=Email+Opened'
"""


@pytest.fixture
def project(inner, pytester):
    """Run pytest where the reader's own files are."""
    (pytester.mkdir("scenarios") / "opened.yaml").write_text("expect:\n  - track: Email Opened\n")
    program = pytester.path / "send-welcome"
    program.write_text(SEND_WELCOME)
    program.chmod(0o755)
    return inner


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: block.place)
def test_an_example_passes(project, block):
    tests = len(re.findall(r"^(?:async )?def test_", block.text, re.MULTILINE))
    assert tests
    project(conftest=APPLICATION, test_it=block.text).assert_outcomes(passed=tests)


def test_the_ini_file_is_read(project):
    (ini,) = [block.text for block in blocks_of("pytest.md") if block.kind == "ini"]
    result = project(
        ini=ini.replace("[pytest]\n", ""),
        test_it="""
            SEGMENT = "https://api.segment.io/v1/pixel"
            def test_raw_json(pixels):
                pixels.receive(f'{SEGMENT}/track?data={{"writeKey":"wk_demo_1","userId":"u","event":"A"}}')
                pixels.expect(track="A")
            def test_duplicates(pixels):
                for n in range(2):
                    pixels.receive(f"{SEGMENT}/track?writeKey=wk_demo_1&userId=u&event=A&messageId=m")
                pixels.expect(track="A", times=2)
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
