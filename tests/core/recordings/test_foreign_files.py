"""A file that is no recording is named for what it is, with the command that makes use of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from pixel_emulator.core.recordings.foreign_files import describe_file, describe_traffic
from tests.hits import KEY

SCENARIO = "expect: [track: Email Opened]\n"
TARGET = "/v1/pixel/track?userId=u&event=Email%20Opened&writeKey=" + KEY
COMBINED = (
    '203.0.113.7 - - [01/Jan/2030:00:00:00 +0000] "GET {} HTTP/1.1" 200 42 "-" "Mozilla/5.0"\n'
)
HAPROXY = (
    "Feb  6 12:14:14 localhost haproxy[14389]: 10.0.1.2:33317 [06/Feb/2030:12:14:14.655] http-in "
    's/s1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {{1wt.eu}} {{}} "GET {} HTTP/1.1"\n'
)
CADDY = (
    json.dumps({"logger": "http.log.access", "request": {"method": "GET", "uri": TARGET}}) + "\n"
)
W3C = "#Version: 1.0\n#Fields: date cs-method cs-uri-stem cs-uri-query\nd\tGET\t" + TARGET.replace(
    "?", "\t"
)
MAIL = (
    f"From: a@example.com\nContent-Type: text/html\n\n<img src='https://api.segment.io{TARGET}'>\n"
)
HTML = f"<!DOCTYPE html>\n<img src='https://api.segment.io{TARGET}'>\n"


def har(status: int = 200, started: str = "2030-01-31T09:00:00.000Z") -> str:
    """A HAR with one pixel, as browsers write it."""
    request = {
        "method": "GET",
        "url": f"https://api.segment.io{TARGET}",
        "httpVersion": "HTTP/1.1",
        "headers": [],
        "cookies": [],
        "queryString": [],
        "headersSize": -1,
        "bodySize": 0,
    }
    response = {
        "status": status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "headers": [],
        "cookies": [],
        "content": {"size": 0, "mimeType": "image/gif"},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }
    entry = {
        "startedDateTime": started,
        "time": 1,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 1, "receive": 0},
    }
    return json.dumps({"log": {"version": "1.2", "creator": {}, "entries": [entry]}})  # fmt: skip


def flows(folder: Path) -> bytes:
    with (folder / "one.flows").open("wb") as file:
        FlowWriter(file).add(tflow.tflow())
    return (folder / "one.flows").read_bytes()


DUMP = "pixel-emulator dump -nr "
DECODE = "pixel-emulator decode --check -"
FILES = {
    "har": (har(), "a HAR", DUMP),
    "pretty har": (json.dumps(json.loads(har()), indent=2), "a HAR", DUMP),
    "nginx": (COMBINED.format(TARGET), "an access log", DECODE),
    "apache, a bad request first": (
        COMBINED.replace("{} HTTP/1.1", "-") + COMBINED.format(TARGET), "an access log", DECODE,
    ),
    "haproxy": (HAPROXY.format(TARGET), "an access log", DECODE),
    "caddy": (CADDY, "a log in JSON", DECODE),
    "cloudfront": (W3C, "an access log", DECODE),
    "eml": (MAIL, "a mail", "pixel-emulator check "),
    "html": (HTML, "HTML or XML", "pixel-emulator check "),
    "verdict": ('{"status": "met", "exit_code": 0}', "a report of a verdict", ""),
    "lines": ('{"a": 1}\n{"a": 2}\n', "JSON, an object a line", ""),
    "zip": ("PK\x03\x04", "a zip archive", ""),
}  # fmt: skip


@pytest.fixture(params=[*FILES, "flows"])
def foreign(request, tmp_path):
    """A file, what it is, and the command that makes use of it."""
    content, what, command = FILES.get(request.param) or (flows(tmp_path), "a flow file", DUMP)
    file = tmp_path / "given"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file, what, command


@pytest.mark.parametrize(
    "command",
    [
        ["verify", "scenario.yaml", "FILE"],
        ["verify", "--scenario", "FILE", "scenario.yaml"],
        ["recording", "show", "FILE"],
        ["recording", "state", "FILE"],
        ["recording", "state", "--given", "FILE", "scenario.yaml"],
        ["scenario", "new", "FILE"],
        ["scenario", "update", "scenario.yaml", "--recording", "FILE"],
        ["scenario", "check", "FILE"],
        ["run", "--scenario", "FILE", "--", "true"],
    ],
    ids=" ".join,
)
def test_it_is_named_wherever_a_recording_is_read(run_cli, tmp_path, monkeypatch, foreign, command):
    file, what, use = foreign
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    code, out, err = run_cli(*(str(file) if word == "FILE" else word for word in command))
    assert (code, out) == (2, "")
    assert f"{file}: is {what}" in err
    assert use in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["har", "nginx", "haproxy", "caddy", "cloudfront"])
def test_check_names_what_holds_requests_in_another_form(run_cli, tmp_path, name):
    (tmp_path / "given").write_text(FILES[name][0])
    code, _, err = run_cli("check", tmp_path / "given")
    assert code == 2
    assert f"is {FILES[name][1]}" in err


@pytest.mark.parametrize("name", ["eml", "html"])
def test_check_reads_mails_and_pages(run_cli, tmp_path, name):
    (tmp_path / f"given.{name}").write_text(FILES[name][0])
    code, out, _ = run_cli("check", tmp_path / f"given.{name}")
    assert (code, out.count("Email Opened")) == (0, 2)


@pytest.mark.parametrize("name", ["nginx", "haproxy", "cloudfront"])
def test_the_command_for_a_log_finds_its_pixels(run_cli, tmp_path, name):
    file = tmp_path / "access log"
    file.write_text(FILES[name][0])
    words = describe_file(file.read_bytes(), str(file))
    command = words.split("`")[1].removesuffix(DECODE).rstrip(" |")
    pixels = subprocess.run(command, shell=True, capture_output=True, check=True).stdout
    code, out, _ = run_cli("decode", "--check", "-", stdin=pixels)
    assert code == 0
    assert out.startswith('delivered  track "Email Opened"')


@pytest.mark.parametrize(
    "text",
    [
        "pixel_recording: 1\nexchanges:\n",
        "# a comment\npixel_recording: 1\nexchanges:\n",
        SCENARIO,
        "do: {run: 'curl \"https://example.com\"'}\nexpect: []\n",
        '{"expect": [{"track": "GET / HTTP/1.1"}]}',
        'name: "GET / HTTP/1.1"\nexpect: []\n',
        "From: x\nexpect: []\n",
        '{"pixel_recording": 1, "exchanges": []}',
        "",
    ],
)
def test_what_may_be_ours_is_read(text):
    assert describe_file(text.encode(), "f") == describe_traffic(text.encode(), "f") == ""


@pytest.mark.thorough_but_first
@pytest.mark.parametrize(("status", "calls", "code"), [(200, 1, 0), (-1, 0, 3), (0, 0, 3)])
def test_an_aborted_request_of_a_har_is_a_gap(run_cli, tmp_path, status, calls, code):
    """Whether it reached Segment is unknown: neither its call nor its silence can pass."""
    (tmp_path / "pw.har").write_text(har(status))
    (tmp_path / "silent.yaml").write_text("never: [track: Email Opened]\n" if code else SCENARIO)
    dump = [sys.executable, "-m", "pixel_emulator", "dump", "-nr", "pw.har"]
    done = subprocess.run(
        [*dump, "--set", "pixel_record=calls.yaml"],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    text = (tmp_path / "calls.yaml").read_text()
    assert text.count("- seq:") == calls
    assert run_cli("verify", tmp_path / "silent.yaml", tmp_path / "calls.yaml")[0] == code
