"""`decode` and `encode` on the command line."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType

GOOD = encode(
    CallType.TRACK, {"writeKey": "wk_test_0000", "userId": "u_1", "event": "Email Opened"}
)
DAMAGED = encode(CallType.PAGE, {"writeKey": "wk_test_0000", "userId": "{{ user.id }}"})
DROPPED = encode(CallType.TRACK, {"writeKey": "wk_test_0000", "event": "Email Opened"})

# -- decode ---------------------------------------------------------------------------------


def test_json_has_all_fields_and_keeps_digits(run_cli):
    url = encode(CallType.TRACK, {"writeKey": "wk_test_0000", "userId": "u", "event": "é",
                           "properties": {"n": 12345678901234567890}})  # fmt: skip
    code, out, err = run_cli(
        *("decode", "--keep-write-keys", "--format", "json", url.replace("eyJ", "%65yJ", 1))
    )
    assert (code, err) == (0, "")
    assert out.isascii()
    assert '"n": 12345678901234567890' in out
    data = json.loads(out)
    assert data == {
        "url": url.replace("eyJ", "%65yJ", 1),
        "status": 200,
        "type": "track",
        "form": "base64",
        "accepted": True,
        "outcome": "delivered",
        "payload": {
            "writeKey": "wk_test_0000",
            "userId": "u",
            "event": "é",
            "properties": {"n": 12345678901234567890},
        },
        "problems": [],
    }


def test_a_stream_gives_one_object_a_line(run_cli):
    lines = [
        GOOD.encode(),
        b'/v1/pixel/track?data={"a": "\xc3\xbc b"}',
        b"/v1/pixel/page?data=%zz&name=\xff\xfe",
        b"/v1/pixel/batch?x",
    ]
    code, out, _ = run_cli("decode", "--format", "json", "-", stdin=b"\n".join(lines) + b"\r\n")
    data = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [item["type"] for item in data] == ["track", "track", "page", None]
    assert [item["status"] for item in data] == [200, 200, 200, 404]
    assert data[1]["payload"] == {"a": "ü b"}
    assert data[1]["outcome"] == "dropped"
    assert data[2]["payload"] == {"name": "\ufffd\ufffd"}
    assert (data[3]["payload"], data[3]["accepted"]) == (None, False)


def test_a_blank_line_has_its_object_too(run_cli):
    """So that lines and objects can be counted against each other."""
    out = run_cli("decode", "--format", "json", "-", stdin=b"/v1/pixel/page\n\n/v1/pixel/page\n")[1]
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["page", None, "page"]


def test_a_fragment_is_not_sent_by_clients(run_cli):
    out = run_cli("decode", "--format", "json", "/v1/pixel/page?userId=u&name=Order #5")[1]
    data = json.loads(out)
    assert data["payload"] == {"userId": "u", "name": "Order "}
    assert "fragment" in [problem["code"] for problem in data["problems"]]


def test_a_problem_has_five_fields(run_cli):
    _, out, _ = run_cli("decode", "--format", "json", DROPPED)
    [problem] = json.loads(out)["problems"]
    assert set(problem) == {"code", "severity", "path", "message", "source"}
    assert (problem["code"], problem["severity"]) == ("no_user_anon_id", "drop")


@pytest.mark.parametrize(
    ("url", "code"), [(GOOD, 0), (DAMAGED, 1), (DROPPED, 1), ("/v1/pixel/nothing", 1)]
)
def test_check_sets_the_exit_code(run_cli, url, code):
    assert run_cli("decode", "--check", url)[0] == code
    assert run_cli("decode", url)[0] == 0


W3C = "#Version: 1.0\n#Fields: cs-method cs-uri-stem cs-uri-query\nGET /v1/pixel/page x=1\n"
AWK = """awk '!/^#/ {print $2 "?" $3}' FILE"""
GREP = "grep -o '/v1/pixel/[^\" ]*' FILE | pixel-emulator decode --check -"


@pytest.mark.parametrize("options", [(), ("--check",), ("--format", "json")])
@pytest.mark.parametrize(
    ("lines", "place", "hint"),
    [
        ('192.0.2.1 - - [31/Jan/2030] "GET /v1/pixel/page?x HTTP/1.1" 200 42\n', ":1", GREP),
        (f'{GOOD}\n2030-01-31 GET "/v1/pixel/page?x"\n', ":2", GREP),
        (W3C, ":1", AWK),
        (f"{GOOD}\n{W3C}", ":2", AWK),
        ("# my URLs\n" + GOOD, ":1", GREP),
        (f"{GOOD}\n# the end", ":2", GREP),
        (f"GET {GOOD}\n", ":1", GREP),
        (f'"{GOOD}"\n', ":1", GREP),
        (f'{{"uri": "{GOOD}"}}\n', ":1", "jq -r"),
        (f'<img src="{GOOD}">\n', ":1", GREP),
    ],
)
def test_a_line_that_is_no_url_is_reported(run_cli, options, lines, place, hint):
    code, _, err = run_cli("decode", *options, "-", stdin=lines.encode())
    assert code == 2
    assert f"<stdin>{place}: is no URL" in err
    assert hint in err


@pytest.mark.parametrize(
    "line",
    [
        *(f" {GOOD}", f"{GOOD} ", f"{GOOD}\t\r", f"\ufeff{GOOD}", GOOD.replace("https:", "")),
        *(GOOD.replace("https://", ""), GOOD.partition(".io")[2], GOOD.partition(".io/")[2]),
    ],
)
def test_blanks_around_a_url_are_no_part_of_it(run_cli, line):
    code, out, err = run_cli("decode", "--check", "-", stdin=f"{line}\n".encode())
    assert (code, err) == (0, "")
    assert out.startswith("delivered  track")


def test_an_argument_that_is_no_url_is_reported(run_cli):
    code, _, err = run_cli("decode", f"GET {GOOD}")
    assert code == 2
    assert "URL: is no URL" in err


def test_the_strict_dialect_drops_raw_json(run_cli):
    url = '/v1/pixel/track?data={"writeKey":"wk_test_0000","userId":"u","event":"e"}'
    for dialect, outcome in (("documented", "damaged"), ("strict", "dropped")):
        _, out, _ = run_cli("decode", "--format", "json", "--dialect", dialect, url)
        assert json.loads(out)["outcome"] == outcome


def test_text_for_a_person(run_cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")  # workers of xdist have 80
    assert (
        run_cli("decode", DAMAGED)[1]
        == """\
damaged    page
  base64, URL-safe alphabet, unpadded
    writeKey: wk_t__-****-
    userId: "{{ user.id }}"
  damage  template_token  userId  (inferred)
          userId still holds the template token "{{ user.id }}". Nothing replaced it, so Segment
          keeps this very text for every recipient; fill in the value before the pixel is built. No
          mail service replaces tokens inside base64.

"""
    )


@pytest.mark.parametrize("command", [("decode",), ("decode", "--format", "json"), ("check",)])
def test_write_keys_are_masked_unless_they_are_to_be_kept(run_cli, command):
    for given, stdin in ((GOOD, b""), ("-", GOOD.encode())):
        out = run_cli(*command, given, stdin=stdin)[1]
        assert "wk_t__-****-" in out
        assert "wk_test_0000" not in out
        assert GOOD not in out
        kept = run_cli(*command, "--keep-write-keys", given, stdin=stdin)[1]
        assert "wk_test_0000" in kept
        assert "wk_t__-****-" not in kept


@pytest.mark.parametrize(
    "arguments",
    [
        ("decode", "--nosuch", GOOD),
        ("decode", f"--format=?writeKey={'wk_test_0000'}", "x"),
        (
            "check",
            GOOD.replace("https://api.segment.io/v1/pixel", "no-such-file")
            + "&writeKey=wk_test_0000",
        ),
        ("serve", "--source", "wk_test_0000"),
        ("run", "--dialect", "writeKey=wk_test_0000", "--", "true"),
        ("scenario", "check", "/v1/projects/wk_test_0000/settings"),
    ],
)
def test_no_message_about_arguments_shows_a_key(run_cli, arguments):
    code, out, err = run_cli(*arguments)
    assert code == 2
    assert err
    assert "wk_test_0000" not in out + err


def test_a_message_about_a_scenario_shows_no_key(run_cli, tmp_path):
    key = "Zq7wKleak9XyTb3RmVn0PdHs5JfGc2Lu"
    file = tmp_path / "s.yaml"
    file.write_text(f"expect:\n  - track: E\n    writeKey: {key}\n    {key}: 1\n")
    code, out, err = run_cli("scenario", "check", file)
    assert (code, out) == (2, "")
    assert "line" in err or "s.yaml:4" in err
    assert key[12:] not in err


def test_values_from_the_wire_are_escaped_for_the_terminal(run_cli):
    url = encode(
        CallType.TRACK, {"writeKey": "wk_test_0000", "userId": "\x1b[31m", "event": "\x07\u202e"}
    )
    out = run_cli("decode", url)[1]
    assert not set("\x1b\x07\u202e") & set(out)


@pytest.mark.parametrize("data", ["[" * 9_000 + "]" * 9_000, '"\\ud800"'])
def test_strange_payloads_are_shown(run_cli, data):
    query = f'/v1/pixel/track?data={{"a":{data}}}'
    assert run_cli("decode", query)[0] == 0
    assert run_cli("decode", "--format", "json", query)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "xml"], '"xml" is not one of text, json'),
        (["--dialect", "stritc"], 'did you mean "strict"'),
        (["--source", "x"], "not NAME=KEY"),
        (["--formt", "json"], "No such option"),
    ],
)
def test_a_mistake_exits_with_2_and_lists_what_is_allowed(run_cli, arguments, words):
    code, out, err = run_cli("decode", *arguments, GOOD)
    assert (code, out) == (2, "")
    assert words in err
    assert "Traceback" not in err


# -- encode ---------------------------------------------------------------------------------


def test_encode_is_the_inverse_of_decode(run_cli):
    code, url, err = run_cli(
        "encode", "track", "--write-key", "wk_test_0000", "--user-id", "u_1", "--event", "Sale",
        "--property", "total=1.10", "--property", "name=a=b", "--property", "ok=true",
        "--trait", "plan=pro", "--padded",
    )  # fmt: skip
    assert (code, err) == (0, "")
    out = run_cli("decode", "--format", "json", "--keep-write-keys", url.strip())[1]
    assert '"total": 1.10' in out
    assert json.loads(out)["payload"] == {
        "writeKey": "wk_test_0000",
        "userId": "u_1",
        "event": "Sale",
        "properties": {"total": 1.1, "name": "a=b", "ok": True},
        "traits": {"plan": "pro"},
    }


def test_encode_prints_html_with_entities(run_cli):
    out = run_cli(
        "encode",
        "page",
        "--write-key",
        "wk_test_0000",
        "--user-id",
        "u",
        "--form",
        "flat",
        "--html",
    )[1]
    assert out == (
        '<img src="https://api.segment.io/v1/pixel/page?writeKey=wk_test_0000&amp;userId=u" '
        'width="1" height="1" alt="">\n'
    )


def test_encode_says_what_is_wrong_with_the_call_on_stderr(run_cli):
    code, _, err = run_cli("encode", "track", "--write-key", "wk_test_0000", "--event", "e")
    assert code == 0
    assert "no_user_anon_id" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trak"], 'did you mean "track"'),
        (["track", "--form", "bas64"], 'did you mean "base64"'),
        (["track", "--property", "x"], "not KEY=VALUE"),
        (["track", "--form", "flat", "--property", "n=1"], "strings only"),
    ],
)
def test_a_call_that_cannot_be_made_is_a_mistake(run_cli, arguments, words):
    code, out, err = run_cli("encode", *arguments)
    assert (code, out) == (2, "")
    assert words in err


# -- the program ----------------------------------------------------------------------------


def test_the_module_is_the_program():
    command = [sys.executable, "-m", "pixel_emulator", "decode", "--check", DROPPED]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("command", [["decode", GOOD], ["check", GOOD], ["encode", "page"]])
def test_what_only_reads_never_imports_mitmproxy(command):
    script = (
        "import sys; from pixel_emulator.cli.program import main; main(sys.argv[1:]); "
        "sys.exit(any(name.split('.')[0] in {'mitmproxy', 'cryptography'} for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_knows_few_characters_gets_escapes(encoding):
    url = encode(
        CallType.PAGE, {"writeKey": "wk_test_0000", "userId": "u", "name": "Caf\u00e9 \u2192"}
    )
    done = subprocess.run(
        [sys.executable, "-m", "pixel_emulator", "decode", url],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u2192" in done.stdout


def test_a_failure_of_ours_is_no_verdict(run_cli, monkeypatch):
    """Exit code 1 would read as "unmet"."""
    monkeypatch.setattr("pixel_emulator.cli.decode.as_text", None)
    code, _, err = run_cli("decode", GOOD)
    assert code == 3
    assert "a failure of the emulator itself" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
def test_a_stdout_that_is_full_is_no_verdict():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "pixel_emulator", "decode", "--check", GOOD]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"No space left on device" in done.stderr


def test_without_arguments_it_says_what_it_can_do(run_cli):
    _, out, err = run_cli()
    assert "decode" in out + err


def test_it_says_its_version(run_cli):
    assert run_cli("--version")[:2] == (0, f"{version('pixel-emulator')}\n")


@pytest.mark.parametrize(
    ("arguments", "meant"), [(["chekc"], "check"), (["decode", "--dialekt", "x"], "--dialect")]
)
def test_a_misspelt_word_gets_a_suggestion(run_cli, arguments, meant):
    code, _, err = run_cli(*arguments)
    assert code == 2
    assert meant in err


def test_a_misspelt_host_is_damage(run_cli):
    url = "https://api.segmnet.io/v1/pixel/page?writeKey=wk_test_0000&userId=u"
    code, out, _ = run_cli("decode", "--check", url)
    assert code == 1
    assert "misspelt_host" in out
    assert run_cli("decode", "--check", url.replace("segmnet", "segment"))[0] == 0
