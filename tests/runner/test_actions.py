"""Actions of steps against a real emulator: commands, mails, calls, recordings, waits."""

import os
import signal
import sys
from pathlib import Path

import pytest

from pixel_emulator.command.environment import command_environment
from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.errors import Location
from pixel_emulator.core.model import CallType, HttpRequest, Outcome
from pixel_emulator.core.redaction.masking import mask
from pixel_emulator.core.scenarios.mail_clients import MAIL_CLIENTS
from pixel_emulator.core.scenarios.scenario import Open, Replay, Run, Scenario, Send, Step, Wait
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runner.actions import (
    WRITE_KEY,
    ActionContext,
    missing_files,
    no_pixels_failure,
    perform,
)
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from pixel_emulator.trust.stores import TrustStores
from tests.programs import CHROMIUM, needs_chromium, needs_curl

KEY = "wk_test_0000000000000000"
CALL = {"writeKey": KEY, "userId": "user_1", "event": "Email Opened"}
PIXEL = encode(CallType.TRACK, dict(CALL))
HERE = Path()


@pytest.fixture(scope="module")
def emulator():
    with Emulator(Settings(port=0), Journal(Settings())) as running:
        yield running


@pytest.fixture
def access(emulator):
    """Return a function that makes an `ActionContext`; keywords replace parts of it."""
    child = command_environment(
        os.environ,
        proxy=emulator.proxy,
        spki=emulator.authority.spki,
        stores=TrustStores(emulator.directory, emulator.authority.ca),
        hosts=emulator.settings.hosts,
    )
    environ = child.applied_to(os.environ)

    def make(**parts):
        known = {
            "proxy": emulator.proxy,
            "ca": emulator.authority.ca,
            "spki": emulator.authority.spki,
            "hosts": emulator.settings.hosts,
            "environ": environ,
        }
        return ActionContext(**(known | parts))

    return make


@pytest.fixture
def arrived(emulator):
    """Return what has arrived since the test began."""
    before = len(emulator.journal.hits)

    def since():
        emulator.drain(5)
        return emulator.journal.hits[before:]

    return since


@pytest.fixture
def mail(tmp_path):
    (tmp_path / "mail.html").write_text(f'<p>Hello</p><img src="{PIXEL}" alt="">')
    return tmp_path / "mail.html"


def step(*actions, client=""):
    return Step(actions=actions, client=client)


def failing(*arguments):
    failure = perform(*arguments)
    assert failure is not None
    return failure


@needs_curl
@pytest.mark.parametrize(
    "command",
    [f"cd / && curl -sS -o {os.devnull} '{PIXEL}'", ("curl", "-sS", "-o", os.devnull, PIXEL)],
    ids=["a text for the shell", "a list of words"],
)
def test_a_command_is_run_with_its_pixels_led_here(access, arrived, command):
    assert perform(step(Run(command)), HERE, access()) is None
    assert [hit.outcome for hit in arrived()] == [Outcome.DELIVERED]


@pytest.mark.parametrize(
    ("command", "sentence", "output", "code"),
    [
        ("echo out; echo err >&2; exit 7", "exit code 7", "out\nerr\n", 7),
        (("sh", "-c", "exit 3"), "`sh -c 'exit 3'` failed: exit code 3", "", 3),
        ("kill -9 $$", "ended by signal 9 (Killed)", "", 137),
        (("no-such-command-at-all",), "no-such-command-at-all: command not found", "", 127),
        ("printf '\\377'; exit 1", "exit code 1", "\N{REPLACEMENT CHARACTER}", 1),
    ],
)
def test_a_failed_command_has_its_exit_and_output(access, command, sentence, output, code):
    failure = failing(step(Run(command)), HERE, access())
    assert sentence in failure.sentence
    assert failure.output == output
    assert failure.command
    assert failure.command.code == code
    assert failure.command.reason.startswith("it is that of `")


def test_of_a_long_output_the_end_is_kept(access):
    failure = failing(step(Run("yes | head -n 20000; echo last; exit 1")), HERE, access())
    assert failure.output.startswith("…")
    assert failure.output.endswith("y\nlast\n")
    assert len(failure.output) < 20_000


def test_a_command_runs_in_the_current_directory_and_reads_nothing(access, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert perform(step(Run("cat > here")), Path("/elsewhere"), access()) is None
    assert (tmp_path / "here").read_text() == ""


def test_nothing_is_done_behind_a_failure(access, tmp_path):
    failure = failing(step(Run("exit 4"), Run(f"touch {tmp_path / 'second'}")), HERE, access())
    assert failure.command
    assert failure.command.code == 4
    assert not (tmp_path / "second").exists()


def test_a_signal_ends_all_that_a_command_has_started_and_then_us(access, tmp_path):
    """The shell and its child get the signal, and then the process that runs the steps."""
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], 'w').close(), os._exit(0)))\n"
        f"os.kill({os.getpid()}, signal.SIGTERM)\n"
        "signal.alarm(30)\n"
        "while True: signal.pause()\n"
    )
    (tmp_path / "child.py").write_text(script)
    try:
        # The shell stays, so that its child has time to say that it was told.
        child = f"{sys.executable} {tmp_path / 'child.py'} {tmp_path / 'told'}"
        command = f"trap '' TERM; {child}; true"
        perform(step(Run(command)), HERE, access())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (tmp_path / "told").exists()
    assert heard == [signal.SIGTERM]


@needs_chromium
def test_a_mail_is_opened_in_a_browser(access, arrived, mail):
    assert perform(step(Open("mail.html")), mail.parent, access(browser=Path(CHROMIUM))) is None
    (hit,) = arrived()
    assert "HeadlessChrome" in hit.request.header("user-agent")


@pytest.mark.parametrize("client", ["", *MAIL_CLIENTS])
def test_a_mail_is_opened_as_its_client_fetches(access, arrived, mail, client):
    browser = Path("/bin/false") if client else None  # a model needs none
    assert (
        perform(step(Open("mail.html"), client=client), mail.parent, access(browser=browser))
        is None
    )
    hits = arrived()
    if not client:
        assert "built-in fetch" in hits[0].request.header("user-agent")
        return
    sent = [(hit.request.method, hit.request.header("user-agent")) for hit in hits]
    assert sent == [(ask.method, dict(ask.headers)["User-Agent"]) for ask in MAIL_CLIENTS[client]]


@pytest.mark.parametrize("browser", [None, Path("/bin/false")])
def test_a_mail_that_cannot_be_opened_is_a_failure(access, tmp_path, browser):
    failure = failing(step(Open("missing.html")), tmp_path, access(browser=browser))
    assert "missing.html" in failure.sentence
    assert failure.command is None


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ({"event": "E", "userId": "u"}, WRITE_KEY),
        ({"event": "E", "userId": "u", "writeKey": KEY}, KEY),
        ({"event": "E", "userId": "u", "writeKey": None}, None),
    ],
)
def test_a_call_is_sent_with_a_write_key_unless_it_has_one(access, arrived, payload, key):
    assert perform(step(Send(CallType.TRACK, payload)), HERE, access()) is None
    (hit,) = arrived()
    assert hit.call.type is CallType.TRACK
    assert hit.call.payload == payload | {"writeKey": key}
    assert hit.request.host == "api.segment.io"


def test_a_call_is_sent_as_its_client_fetches(access, arrived):
    perform(step(Send(CallType.TRACK, dict(CALL)), client="yahoo"), HERE, access())
    assert "YahooMailProxy" in arrived()[0].request.header("user-agent")


def test_a_call_that_nobody_takes_is_a_failure(access):
    failure = failing(step(Send(CallType.PAGE, {})), HERE, access(proxy="http://127.0.0.1:9"))
    assert failure.sentence.startswith("page could not be sent: ")


def record(path, **settings):
    """A recording of HEADs by Yahoo, and of one request that is no pixel call."""
    chosen = Settings(record=str(path), **settings)
    recorder = open_recording(chosen)
    journal = Journal(chosen, sink=recorder)
    headers = (("user-agent", MAIL_CLIENTS["yahoo"][0].headers[0][1]), ("cookie", "secret"))
    for _ in range(3):
        request = request_from_url(PIXEL)
        journal.record(
            HttpRequest(target=request.target, host=request.host, method="HEAD", headers=headers)
        )
    journal.record(request_from_url("https://api.segment.io/"))
    journal.close()


def test_a_recording_is_sent_again_as_far_as_it_is_stored(access, arrived, tmp_path):
    record(tmp_path / "old.yaml")
    assert perform(step(Replay("old.yaml")), tmp_path, access()) is None
    hits = arrived()
    assert [hit.request.method for hit in hits] == ["HEAD"] * 3
    assert "YahooMailProxy" in hits[0].request.header("user-agent")
    assert hits[0].request.header("cookie") is None
    assert hits[0].call.payload == CALL | {"writeKey": mask(KEY)}


def test_a_kept_write_key_is_sent_again(access, arrived, tmp_path):
    record(tmp_path / "old.yaml", keep_write_keys=True)
    perform(step(Replay("old.yaml")), tmp_path, access())
    assert arrived()[0].call.payload == CALL


def test_what_is_not_emulated_any_more_is_not_sent(access, arrived, tmp_path):
    """The request would reach Segment."""
    record(tmp_path / "old.yaml")
    failure = failing(step(Replay("old.yaml")), tmp_path, access(hosts=("a.example.com",)))
    assert "api.segment.io is not emulated now" in failure.sentence
    assert arrived() == ()


@pytest.mark.parametrize("text", ["", "name: x\n"])
def test_what_is_no_recording_is_a_failure(access, tmp_path, text):
    (tmp_path / "old.yaml").write_text(text)
    assert "old.yaml" in failing(step(Replay("old.yaml")), tmp_path, access()).sentence


def test_waiting_does_nothing_else(access, arrived):
    assert perform(step(Wait(0.0)), HERE, access()) is None
    assert arrived() == ()


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("api.segment.io", True),
        ("API.segment.io.:443", True),
        ("segment.io", False),
        ("api.segment.io.example.com", False),
        ("api.segment.io:443@example.com", False),
        ("", False),
    ],
)
def test_only_what_ends_at_the_emulator_is_emulated(access, host, is_ours):
    assert access().emulates(host) is is_ours


def scenario(*actions, file="s.yaml"):
    return Scenario(steps=(step(*actions),), location=Location(file, 1, 1))


@pytest.mark.parametrize(
    ("actions", "missing"),
    [
        ([Open("mail.html")], []),
        ([Open("gone.html"), Replay("gone.yaml")], ["gone.html", "gone.yaml"]),
        ([Replay("mail.html")], ["mail.html"]),
        ([Run("make mails"), Open("gone.html")], []),
        ([Open("gone.html"), Run("make mails"), Open("later.html")], ["gone.html"]),
    ],
)
def test_files_that_are_missing_are_found_before_anything_runs(mail, actions, missing):
    problems = list(missing_files([scenario(*actions, file=str(mail.parent / "s.yaml"))]))
    assert len(problems) == len(missing)
    assert all(name in str(problem) for name, problem in zip(missing, problems, strict=True))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([b"<p>", b"PIXEL"], ""),
        ([b"<p>", b"<p>"], "there is no pixel of"),
        ([b"<p>", b"<x>" * 2_001], "nests more than 2,000"),
    ],
)
def test_a_pixel_in_any_mail_of_an_mbox_is_one(access, mail, tmp_path, content, said):
    head = b"From a@example.com Mon Nov 30 16:06:24 2026\nContent-Type: text/html\n\n"
    box = b"".join(head + mail + b"\n" for mail in content)
    (tmp_path / "a.mbox").write_bytes(box.replace(b"PIXEL", mail.read_bytes()))
    failure = no_pixels_failure(step(Open("a.mbox")), tmp_path, access())
    assert (failure is not None) is bool(said)
    assert said in (failure.sentence if failure else "")
