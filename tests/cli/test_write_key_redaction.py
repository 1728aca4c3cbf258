"""No write key leaves the process, wherever a client puts it and however it is reported."""

import base64
import json
import re
import shlex
import subprocess
import sys
from urllib.parse import quote

import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType
from pixel_emulator.core.redaction.masking import mask
from tests.programs import needs_curl

pytestmark = pytest.mark.thorough

OWN = "wk_test_0000000000000000000000aB"
_SHOWN = 14
"""Characters of a key that its mask shows, and a few more."""


def b64(text):
    return base64.b64encode(text.encode()).decode()


def track(**fields):
    return encode(CallType.TRACK, {"writeKey": OWN, "userId": "u", "event": "E", **fields}, base="")


def text(value):
    return track(properties={"x": value})


# What a client asks for, and its headers; `%s` is the key.
PLACES = {
    "Segment's settings": "/v1/projects/%s/settings",
    "the script": "/analytics.js/v1/%s/analytics.min.js",
    "an over-escaped query": "/v1/pixel/track?userId%3Du%26event%3DE%26writeKey%3D%s",
    "an over-escaped query, twice": "/v1/pixel/track?userId%253Du%2526writeKey%253D%s",
    "brackets": "/v1/pixel/track?writeKey[]=%s&event=E&userId=u",
    "escaped brackets": "/v1/pixel/track?writeKey%5B0%5D=%s&event=E&userId=u",
    "a dot": "/v1/pixel/track?write.key=%s&event=E&userId=u",
    "a dash": "/v1/pixel/track?write-key=%s&event=E&userId=u",
    "a prefix": "/v1/pixel/track?segmentWriteKey=%s&event=E&userId=u",
    "a suffix": lambda key: track(properties={"SEGMENT_WRITE_KEY_PROD": key}),
    "an object": lambda key: track(write={"key": key}),
    "a list": lambda key: track(properties={"writeKeys": ["other", key]}),
    "a snippet": lambda key: text(f"<script>analytics.load('{key}');</script>"),
    "a snippet with options": lambda key: text(f'analytics.load("{key}", {{a: 1}})'),
    "a client": lambda key: text(f"new Analytics('{key}')"),
    "credentials": lambda key: text("Authorization: Basic " + b64(f"{key}:")),
    "a user": lambda key: text(f"https://{key}:@api.segment.io/v1/track"),
    "a URL": lambda key: text(f"https://cdn.segment.com/v1/projects/{key}/settings"),
    "a URL with a query": lambda key: text(f"https://x.example/?segment_write_key={key}"),
    "a form in base64": lambda key: text(b64(f"a=1&writeKey={key}&b=2")),
    "base64 without padding": lambda key: text(b64(json.dumps({"writeKey": key})).rstrip("=")),
    "base64 twice": lambda key: text(b64(b64(f"writeKey={key}"))),
    "JSON in JSON": lambda key: text(json.dumps({"y": json.dumps({"writeKey": key})})),
    "a sentence": lambda key: track(event=f"writeKey: {key}"),
    "XML": lambda key: text(f"<writeKey>{key}</writeKey>"),
    "HTML": lambda key: text(f"&quot;writeKey&quot;:&quot;{key}&quot;"),
    "a segment of a path": "/v1/pixel/track/writeKey/%s",
    "a name with two separators": "/v1/pixel/track?write__key=%s&event=E&userId=u",
    "a name with a soft hyphen": "/v1/pixel/track?write%C2%ADKey=%s&event=E&userId=u",
    "a name with a control character": "/v1/pixel/track?write%00Key=%s&event=E&userId=u",
    "a name and its value": lambda key: track(properties={"name": "writeKey", "value": key}),
    "the name of a member": lambda key: track(properties={"writeKeys": {key: True}}),
    "a pair in a list": lambda key: text(json.dumps([["writeKey", key]])),
    "data of PHP": lambda key: text(f's:8:"writeKey";s:{len(key)}:"{key}";'),
    "words": lambda key: text(f"My write key is {key}."),
    "a client in Java": lambda key: text(f'Analytics.builder("{key}").build()'),
    "a client on Android": lambda key: text(f'new Analytics.Builder(this, "{key}")'),
    "a client in Go": lambda key: text(f'analytics.New("{key}")'),
    "a client in C#": lambda key: text(f'Analytics.Initialize("{key}")'),
    "quoted-printable": lambda key: text(f"<a href=3D'?writeKey=3D{key[:9]}=\r\n{key[9:]}'>"),
    "a path in a referer": (text("x"), "Referer: https://x.example/writeKey/%s"),
    "a user agent": (text("x"), "User-Agent: app/1 (writeKey %s)"),
    "a referer": (text("x"), "Referer: https://x.example/?writeKey=%s"),
    "a header": (text("x"), "X-Write-Key: %s"),
    "the name of a header": (text("x"), "X-Write-Key: %s", "Sec-Fetch-%s: x"),
}
KEYS = {
    place: f"Zq7wK{number:02}Xy9Tb3{number:02}RmVn0PdHs5JfGc2L"
    for number, place in enumerate(PLACES)
}


def requests():
    """Each place, and behind it a call that holds the key where nothing says that it is one."""
    for place, wanted in PLACES.items():
        key = KEYS[place]
        target, *headers = wanted if isinstance(wanted, tuple) else (wanted,)
        target = target(key) if callable(target) else target.replace("%s", key)
        yield target, [header.replace("%s", key) for header in headers]
        yield track(event=f"Order {key} done", properties={"x": "long " * 11 + key + " y" * 30}), []
        yield f"/v1/pixel/track?userId={key}&event={quote(f'of {key}')}", []


def legible(output):
    """A text, what goes on in the next line joined, and what its base64 says."""
    yield output
    yield re.sub(r"\n *(?:E +)?", "", output)
    for run in re.findall(r"[A-Za-z0-9+/_=-]{16,}", output):
        for offset in range(4):
            digits = run[offset:].replace("-", "+").replace("_", "/").rstrip("=")
            digits = digits[: len(digits) // 4 * 4]
            if "=" not in digits:
                yield base64.b64decode(digits).decode("latin-1")


def assert_hides_the_keys(output, *, but=()):
    keys = {place: key for place, key in KEYS.items() if place not in but}
    for piece in legible(output):
        for place, key in keys.items():
            for start in range(14):  # with what tells it from the others
                assert key[start : start + _SHOWN] not in piece, (place, piece[:2_000])


@pytest.fixture
def client(tmp_path):
    """A script that makes all requests; no argument of ours holds a key."""
    lines = []
    for target, headers in requests():
        options = "".join(f" -H {shlex.quote(header)}" for header in headers)
        lines.append(
            f"curl -g -s -o /dev/null{options} {shlex.quote(f'http://api.segment.io{target}')}"
        )
    script = tmp_path / "client.sh"
    script.write_text("\n".join(lines))
    return script


SCENARIO = f"""\
expect:
  - track: E
    writeKey: {KEYS["brackets"]}
    userId: u
    properties: {{missing: 1}}
  - track: Another One
    properties: {{x: {KEYS["a dot"]}}}
  - page: {KEYS["a dash"]}
deny: [{{contains: {KEYS["a list"]}}}]
"""


@needs_curl
def test_no_report_log_or_recording_shows_a_key(tmp_path, client):
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(SCENARIO)
    reports = [tmp_path / f"report.{suffix}" for suffix in ("json", "txt", "xml")]
    options = [part for report in reports for part in ("--report", report)]
    record = tmp_path / "calls.yaml"
    command = [sys.executable, "-m", "pixel_emulator", "run", "--record", record]
    ran = subprocess.run(
        [*command, *options, "--scenario", scenario, "--", "sh", client],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    for output in (
        ran.stdout,
        ran.stderr,
        record.read_text(),
        *(report.read_text() for report in reports),
    ):
        assert_hides_the_keys(output)
    assert mask(KEYS["a referer"]) in record.read_text()


@needs_curl
@pytest.mark.parametrize("options", [(), ("--keep-write-keys",)])
def test_a_list_of_calls_shows_no_key(tmp_path, client, options):
    record = tmp_path / "calls.yaml"
    program = [sys.executable, "-m", "pixel_emulator"]
    ran = subprocess.run(
        [*program, "run", *options, "--record", record, "--", "sh", client],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr.count("\n") > len(PLACES)
    assert_hides_the_keys(ran.stderr)
    shown = subprocess.run(
        [*program, "recording", "show", record], capture_output=True, text=True, check=True
    )
    # A header that named a key is not stored: where the recording holds the keys, nothing in it
    # says that this one is one.
    assert_hides_the_keys(shown.stdout, but={"a header", "the name of a header"} if options else ())


@needs_curl
def test_a_scenario_asserts_the_key_itself(tmp_path):
    """Live, and on a recording in which it is masked."""
    key, record = KEYS["a list"], tmp_path / "calls.yaml"
    script = tmp_path / "client.sh"
    target = encode(CallType.TRACK, {"writeKey": key, "userId": "u", "event": "E"}, base="")
    script.write_text(f"curl -s -o /dev/null 'http://api.segment.io{target}'")
    program = [sys.executable, "-m", "pixel_emulator"]
    for wanted, code in ((key, 0), (f"{key[:-1]}x", 1)):
        scenario = tmp_path / f"{code}.yaml"
        scenario.write_text(f"expect: [{{track: E, writeKey: {wanted}}}]\n")
        run = [*program, "run", "--record", record, "--scenario", scenario, "--", "sh", script]
        for command in (run, [*program, "verify", scenario, record]):
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            assert ran.returncode == code, ran.stderr
            assert key[12:] not in ran.stdout + ran.stderr
            assert wanted[12:] not in ran.stdout + ran.stderr
