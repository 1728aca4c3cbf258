"""A decoder is a folder and a row: a copy of the package gets one, and all doors know its calls.

The copy differs from the package in the folder `core/endpoint/toy/`, and in the row and its import
in `core/endpoint/routes.py`. Each command runs in a process of its own, with the copy.
"""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from tests.wire import ask, connect, get

ROOT = Path(__file__).parents[1]
KEY = "wk_toy_0123456789abcdefghij"
BODY_KEY = "wk_body_9876543210zyxwvuts"
"""A key that stands in a body, beside the one of the credentials."""
IMPORT = "from pixel_emulator.core.endpoint.toy.decoder import ToyDecoder\n"
ROW = '    Row("/v1/toy", ("POST",), _ACCEPTED, ToyDecoder()),\n'


def track(event: str | None, message_id: str, **properties: Any) -> dict[str, Any]:
    call: dict[str, Any] = {"type": "track", "userId": "user_1", "messageId": message_id}
    return {**call, **({"event": event} if event else {}), "properties": properties}


FIRST = [track("Signed Up", "m-1", n=1), track("Plan Chosen", "m-2", n=2)]
SECOND = [
    track("Plan Chosen", "m-2", n=2),  # a duplicate of the second call of the first request
    track("Invited", "m-3", n=3) | {"context": {"writeKey": BODY_KEY}},
    track(None, "m-4"),  # dropped
]
OUTCOMES = ["delivered", "delivered", "duplicate", "delivered", "dropped"]
MET = """
name: A batch
duplicates: ignore
dropped: ignore
expect:
  - {track: Signed Up}
  - {track: Plan Chosen, properties: {n: 2}}
  - {track: Invited}
"""
UNMET = MET.replace("n: 2", "n: 20")
PYTEST = f"""
import base64, http.client, json, urllib.parse

def post(pixels, calls):
    proxy = urllib.parse.urlsplit(pixels.env["HTTP_PROXY"])
    client = http.client.HTTPConnection(proxy.hostname, proxy.port)
    key = base64.b64encode(b"{KEY}:").decode()
    headers = {{"Authorization": f"Basic {{key}}"}}
    client.request("POST", "http://api.segment.io/v1/toy", json.dumps(calls), headers)
    assert client.getresponse().read()
    client.close()

def test_calls(pixels):
    post(pixels, {FIRST!r})
    first, second = pixels.calls
    assert [call["event"] for call in pixels.calls] == ["Signed Up", "Plan Chosen"]
    assert second.request is first.request and second["writeKey"] == "{KEY}"
    pixels.expect(track="Plan Chosen", properties={{"n": 2}})
    pixels.expect(track="Signed Up")

def test_one_call_of_a_request_is_not_expected(pixels):
    post(pixels, {FIRST!r})
    pixels.expect(track="Signed Up")
"""


@dataclass
class Copy:
    """A copy of the package with one more decoder, and what its commands have printed."""

    folder: Path
    printed: str = ""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, *arguments]

    @property
    def environ(self) -> dict[str, str]:
        variables = {
            "PYTHONPATH": str(self.folder),
            "TMPDIR": str(self.folder),
            "COLUMNS": "120",
            "NO_COLOR": "1",
        }
        return {**os.environ, **variables}

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run Python with these arguments in the copy; return the exit code and the output."""
        ran = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.printed += ran.stdout
        return ran.returncode, ran.stdout

    def emulator(self, *arguments: str) -> tuple[int, str]:
        """Run a command of ours."""
        return self.run("-m", "pixel_emulator", *arguments)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("toy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pixel_emulator", folder / "pixel_emulator", ignore=ignored)
    endpoint = folder / "pixel_emulator" / "core" / "endpoint"
    (endpoint / "toy").mkdir()
    (endpoint / "toy" / "__init__.py").touch()
    shutil.copy(ROOT / "tests" / "toy_decoder.py", endpoint / "toy" / "decoder.py")
    table = (endpoint / "routes.py").read_text(encoding="utf-8")
    for after, line in (("from pixel_emulator.core.model", IMPORT), ("    *(\n", ROW)):
        assert table.count(after) == 1
        table = table.replace(after, line + after)
    (endpoint / "routes.py").write_text(table, encoding="utf-8")
    return Copy(folder)


@dataclass
class Answers:
    """What the control API has answered, and the exit code of the emulator."""

    calls: dict[str, Any]
    pages: list[dict[str, Any]]
    exit_code: int = 0


@pytest.fixture(scope="module")
def answers(copy: Copy) -> Answers:
    """The answers after two posts and a pixel; everything is in `calls.yaml`."""
    serve = ("-m", "pixel_emulator", "serve", "--port", "0", "--json", "--record", "calls.yaml")
    process = subprocess.Popen(
        copy.command(*serve),
        cwd=copy.folder,
        env=copy.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        with httpx.Client(proxy=ready["proxy"], trust_env=False) as client:
            for calls, encoding in ((FIRST, "identity"), (SECOND, "gzip")):
                body = json.dumps(calls).encode()
                response = client.post(
                    "http://api.segment.io/v1/toy",
                    content=gzip.compress(body) if encoding == "gzip" else body,
                    headers={"content-encoding": encoding},
                    auth=(KEY, ""),
                )
                assert response.json() == {"success": True}
        with connect(ready["port"]) as pixel:
            host = f"127.0.0.1:{ready['port']}"
            target = f"/v1/pixel/page?writeKey={KEY}&userId=user_1&name=Plans&messageId=m-9"
            assert ask(pixel, get(target, host)).is_pixel
        token = {"authorization": f"Bearer {ready['token']}"}
        with httpx.Client(
            base_url=f"{ready['control']}/sessions/default", headers=token, trust_env=False
        ) as api:
            pages: list[dict[str, Any]] = []
            cursor = 0
            while not pages or pages[-1]["more"]:
                query = {"limit": 1, "since": cursor}
                pages.append(api.get("/requests", params=query).json())
                cursor = pages[-1]["cursor"]
            answers = Answers(api.get("/calls").json(), pages)
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    copy.printed += out + json.dumps(answers.calls) + json.dumps(answers.pages)
    answers.exit_code = process.returncode
    return answers


def test_only_a_folder_and_a_row_are_new(copy: Copy):
    """The layer test holds for the copy as it does for the package."""
    (copy.folder / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "test_layers.py", copy.folder / "tests")
    # Entry points of other plugins would import for longer than these tests run.
    code, out = copy.run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests/test_layers.py")
    )
    assert code == 0, out
    assert "core.endpoint.toy.decoder" in copy.run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "--collect-only"),
        "tests/test_layers.py",
    )[1]  # fmt: skip


def test_the_control_api_has_a_number_for_each_call(answers: Answers):
    entries = answers.calls["entries"]
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry["outcome"] for entry in entries] == [*OUTCOMES, "delivered"]
    assert [entry["type"] for entry in entries] == [*(["track"] * 5), "page"]
    assert answers.calls["gaps"] == []


def test_a_page_of_requests_ends_between_two_of_them(answers: Answers):
    assert [len(page["entries"]) for page in answers.pages] == [1, 1, 1]
    assert [page["cursor"] for page in answers.pages] == [2, 5, 6]
    assert [page["more"] for page in answers.pages] == [True, True, False]
    first, second, third = (page["entries"][0] for page in answers.pages)
    assert [entry["seq"] for entry in (first, second, third)] == [1, 3, 6]
    assert [len(entry["calls"]) for entry in (first, second, third)] == [2, 3, 1]
    assert [call["outcome"] for call in second["calls"]] == OUTCOMES[2:]


def test_a_recording_is_verified_call_by_call(copy: Copy, answers: Answers):
    assert answers.exit_code == 0
    page = "  - {page: Plans}\n"
    met = copy.write("met.yaml", MET + page)
    code, out = copy.emulator("verify", "calls.yaml", "--scenario", met)
    assert code == 0, out
    unmet = copy.write("unmet.yaml", UNMET + page)
    reports = ("--report", "report.json", "--report", "report.xml")
    code, out = copy.emulator("verify", "calls.yaml", "--scenario", unmet, *reports)
    assert code == 1, out
    place = "call 2 of 2 in POST /v1/toy"
    assert place in out
    assert place in copy.read("report.json")
    cases = ET.fromstring(copy.read("report.xml")).iter("testcase")
    assert place in "".join("".join(case.itertext()) for case in cases)


def test_a_recording_is_shown(copy: Copy, answers: Answers):
    assert answers
    code, out = copy.emulator("recording", "show", "calls.yaml", "4")
    assert (code, "call 2 of 3 in POST /v1/toy" in out) == (0, True), out
    assert "Invited" in out
    code, out = copy.emulator("recording", "show", "calls.yaml", "--format", "json")
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 3, 6]


def test_calls_of_one_request_make_a_profile(copy: Copy, answers: Answers):
    assert answers
    code, out = copy.emulator("recording", "state", "calls.yaml")
    assert code == 0, out
    assert "user_1" in out


def test_tests_in_python_see_each_call(copy: Copy):
    copy.write("test_batch.py", PYTEST)
    code, out = copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "test_batch.py")
    assert (code, "1 failed, 1 passed" in out) == (1, True), out
    assert "Plan Chosen" in out


def test_no_write_key_leaves_the_process(copy: Copy, answers: Answers):
    """Also not in base64, with the user of the credentials or without it."""
    assert answers
    recording = copy.read("calls.yaml")
    assert recording.count("/v1/toy") == 2
    outputs = recording + copy.printed
    for name in ("report.json", "report.xml"):
        outputs += copy.read(name) if (copy.folder / name).exists() else ""
    assert "Plan Chosen" in outputs
    assert "uthorization" not in recording
    for key in (KEY, BODY_KEY):
        assert key not in outputs
        for text in (key, f"{key}:"):
            for start in range(3):
                encoded = b64encode(b"x" * start + text.encode()).decode()
                inner = encoded[4:-4]  # what does not depend on the neighbours of the key
                assert b64decode(inner)
                assert inner not in outputs
