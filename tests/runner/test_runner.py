"""Scenarios with actions, against a real emulator and with real clients."""

import os
import signal
import sys
import threading
from datetime import UTC, datetime

import pytest

from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.model import CallType, Outcome
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.runner.runner import Runner
from tests.programs import needs_chromium, needs_curl
from tests.scenario_emulator import ScenarioEmulator

CALL = {"writeKey": "wk_test_0000000000000000", "userId": "user_1"}


def url(event, **fields):
    return encode(CallType.TRACK, {**CALL, "event": event, **fields})


def curl(event, **fields):
    """Return a shell command that fires one pixel."""
    return f"curl -sS -o {os.devnull} '{url(event, **fields)}'"


def send(event, **fields):
    """Return an action that sends one call, as YAML."""
    said = "".join(f", {key}: {value}" for key, value in fields.items())
    return f"{{send: {{track: {event}, userId: user_1{said}}}}}"


@pytest.fixture
def stage(tmp_path):
    """A running emulator that records, and a runner for it."""
    with ScenarioEmulator(tmp_path) as running:
        yield running


def events(hits):
    return [hit.call.payload["event"] for hit in hits]


TWO_STEPS = f"""
let: [who]
steps:
  - name: first
    do: {send("A", anonymousId="v1")}
    expect: [{{track: A, anonymousId: $who}}]
  - name: second
    do: [{send("B", anonymousId="v1")}, {send("C")}]
    expect: [{{track: B, anonymousId: $who}}, {{track: C}}]
"""


def test_each_step_sees_its_own_calls_and_captures_reach_across(stage):
    verdict = stage.run(TWO_STEPS).verdict
    assert verdict.status is Status.MET
    titles = [hit.step for hit in verdict.hits]
    first, second = (stage.scenarios[0].step_title(step) for step in stage.scenarios[0].steps)
    assert titles == [first, second, second]
    assert verdict.scenarios[0].bindings == {"who": "v1"}


def test_a_capture_that_differs_in_a_later_step_is_not_met(stage):
    text = TWO_STEPS.replace(send("B", anonymousId="v1"), send("B", anonymousId="v2"))
    assert stage.run(text).verdict.status is Status.UNMET


def test_a_step_that_fails_ends_its_scenario_and_no_other(stage):
    text = TWO_STEPS.replace("expect: [{track: A,", "expect: [{track: X,")
    verdict = stage.run(f"within: 0s\n{text}", f"do: {send('D')}\nexpect: [{{track: D}}]").verdict
    broken, whole = verdict.scenarios
    assert [step.reached for step in broken.steps] == [True, False]
    assert (broken.status, whole.status) == (Status.UNMET, Status.MET)
    assert events(verdict.hits) == ["A", "D"]


def test_a_step_knows_how_long_it_took(stage):
    text = f"do: [{{wait: 100ms}}, {send('A')}]\nexpect: [{{track: A}}]"
    (step,) = stage.run(text).verdict.scenarios[0].steps
    assert step.seconds is not None
    assert step.seconds >= 0.2  # what it does, and the silence


def test_each_step_that_begins_is_reported(stage):
    heard: list[str] = []
    stage.runner = Runner(stage.journal, stage.runner._context, lambda: True, heard.append)
    stage.run(TWO_STEPS)
    assert [title.rpartition(" ")[2] for title in heard] == ["first", "second"]


@needs_curl
def test_the_output_of_a_command_that_fails_is_in_the_verdict(stage):
    ran = stage.run(f'do: {{run: "{curl("A")}; echo broken; exit 7"}}\nexpect: [{{track: A}}]\n')
    (step,) = ran.verdict.scenarios[0].steps
    assert (step.status, step.output) == (Status.UNMET, "broken\n")
    assert step.failure.endswith("exit code 7")
    assert step.expectations[0].met
    assert ran.verdict.status is Status.UNMET
    assert ran.failed_command.code == 7


def test_the_first_command_that_fails_gives_its_code(stage):
    texts = [f"do: {{run: exit {code}}}\nexpect: [{{track: A}}]" for code in (0, 5, 6)]
    assert stage.run(f"within: 0s\n{texts[0]}", *texts[1:]).failed_command.code == 5


@needs_curl
def test_a_late_surplus_is_caught_in_the_silence(stage):
    """The second call comes after the end of the command; the first one alone was enough."""
    os.mkfifo(stage.folder / "go")
    later = f"(read line < {stage.folder / 'go'}; {curl('A')}) > {os.devnull} 2>&1 &"
    (stage.folder / "do.sh").write_text(f"{later}\n{curl('A')}\n")

    def let_go(hit):
        if not released:
            released.append(hit)
            threading.Thread(target=(stage.folder / "go").write_text, args=("\n",)).start()

    released: list[object] = []
    stage.journal.subscribe(let_go)
    verdict = stage.run(
        f"do: {{run: sh {stage.folder / 'do.sh'}}}\nquiet: 60s\nexpect: [{{track: A}}]\n"
    ).verdict
    assert verdict.status is Status.UNMET
    assert events(verdict.hits) == ["A", "A"]


def test_what_can_no_longer_be_met_is_not_waited_for(stage):
    """The suite would be killed long before `within` is over."""
    text = f"within: 3600s\nquiet: 3600s\ndo: [{send('A')}, {send('A')}]\nexpect: [{{track: A}}]"
    assert stage.run(text).verdict.status is Status.UNMET


@needs_chromium
@pytest.mark.parametrize("client", ["", "client: gmail\n"])
def test_a_mail_without_a_pixel_fails_at_once(stage, client):
    """`within` is as long as possible, but is not waited for."""
    (stage.folder / "a.html").write_text('<p>Hello</p><img src="https://example.invalid/" hidden>')
    text = f"{client}within: 24h\ndo: {{open: a.html}}\nexpect: [{{track: A}}]\n"
    (result,) = stage.run(text).verdict.scenarios
    assert result.status is Status.UNMET
    assert "there is no pixel of api.segment.io" in result.steps[0].failure
    assert "in a.html: nothing can come" in result.steps[0].failure


def test_a_mail_without_a_pixel_may_be_expected(stage):
    (stage.folder / "a.html").write_text("<p>Hello</p>")
    text = f"within: 24h\ndo: [{{open: a.html}}, {send('A')}]\nexpect: [{{track: A}}]\n"
    assert stage.run(text).verdict.status is Status.MET
    unmet = stage.run(text.replace("[{track: A}]", "[{track: B}]")).verdict
    assert [step.failure for step in unmet.scenarios[0].steps] == [""]


def test_whoever_may_still_send_is_waited_for(stage):
    """A command may have left a process behind, also one of an earlier step or scenario."""
    wait = "until [ -e go ]; do sleep 0.05; done"
    later = f"({wait}; {curl('B')}) >/dev/null 2>&1 & true"
    folder = stage.folder
    text = f"""
steps:
  - do: {{run: "cd {folder} && ({later})"}}
    expect: []
    quiet: 0s
  - do: [{send("A")}]
    within: 1min
    expect: [{{track: A}}, {{track: B}}]
"""
    stage.journal.subscribe(lambda _hit: (folder / "go").touch())
    assert stage.run(text).verdict.status is Status.MET


def test_a_mail_is_opened_beside_its_scenario(stage):
    mails = stage.folder / "mails"
    mails.mkdir()
    (mails / "a.html").write_text(f'<img src="{url("A")}" alt="">')
    text = "do: {open: mails/a.html}\nexpect: [{track: A, request: {client: headless}}]\n"
    assert stage.run(text).verdict.status is Status.MET


def test_a_mail_client_is_recognised_by_its_requests(stage):
    (stage.folder / "a.html").write_text(f'<img src="{url("A")}" alt="">')
    text = (
        "client: {}\ndo: {{open: a.html}}\n"
        "expect: [{{track: A, request: {{client: gmail, fetch: {}}}}}]\n"
    )
    verdict = stage.run(
        text.format("gmail", "proxy"),
        text.format("gmail", "open"),
        text.format("gmail_prefetch", "proxy"),
    ).verdict
    assert [scenario.status for scenario in verdict.scenarios] == [
        Status.MET,
        Status.UNMET,
        Status.UNMET,
    ]


def test_the_rows_of_cases_are_runs_of_their_own(stage):
    """A messageId that each of them sends makes no duplicate of the second."""
    text = """
cases: [{n: 1, event: A}, {n: 2, event: B}]
let: [n, event]
do: {send: {track: $event, userId: u, messageId: m1, properties: {n: $n}}}
expect: [{track: $event, properties: {n: $n}}]
"""
    verdict = stage.run(text).verdict
    assert [scenario.scenario.case for scenario in verdict.scenarios] == [
        "n=1, event=A",
        "n=2, event=B",
    ]
    assert [hit.outcome for hit in verdict.hits] == [Outcome.DELIVERED] * 2
    assert verdict.status is Status.MET


def test_given_values_reach_the_actions(stage):
    text = "let: [event]\ndo: {send: {track: $event, userId: u}}\nexpect: [{track: $event}]"
    assert events(stage.run(text, event="Z").verdict.hits) == ["Z"]


def test_silence_is_proven_by_each_scenario_for_itself(stage):
    """A connection of the previous scenario proves nothing."""
    silent = "do: {wait: 0s}\nexpect: []\nquiet: 0s\n"
    verdict = stage.run(f"do: {send('A')}\nexpect: [{{track: A}}]", silent).verdict
    assert [scenario.status for scenario in verdict.scenarios] == [Status.MET, Status.INCOMPLETE]
    assert verdict.exit_code == 3


def test_a_clock_makes_the_first_time_known(stage):
    text = f"given: {{clock: '2031-01-31T12:00:00Z'}}\ndo: {send('A')}\nexpect: [{{track: A}}]"
    verdict = stage.run(text, f"do: {send('B')}\nexpect: [{{track: B}}]").verdict
    first, second = (hit.time for hit in verdict.hits)
    assert first == datetime(2031, 1, 31, 12, tzinfo=UTC)
    assert second != first
    assert abs(second - datetime.now(UTC)).days < 2


@pytest.mark.parametrize(
    "change", [("", ""), ("track: C}", "track: D}"), ("track: B,", "track: C,")]
)
def test_the_recording_has_the_same_verdict_as_the_run(stage, change):
    live = stage.run("within: 1s\n" + TWO_STEPS.replace(*change)).verdict
    offline = stage.offline()
    assert offline.status is live.status
    for now, then in zip(live.scenarios, offline.scenarios, strict=True):
        assert [step.status for step in now.steps] == [step.status for step in then.steps]
        assert now.bindings == then.bindings


def test_the_recording_has_the_end_of_each_step(stage):
    stage.run(TWO_STEPS)
    acted = dict(stage.journal.evidence().acted)
    stage.offline()
    assert read_recording(stage.recording).evidence().acted == acted
    assert len(acted) == 2


def test_a_signal_in_a_step_ends_everything(stage):
    """The signal handler decides; here it raises, as for Ctrl-C."""

    class EndedError(Exception):
        pass

    def end(*_):
        raise EndedError

    before = signal.signal(signal.SIGINT, end)
    script = f"import os, signal; os.kill({os.getpid()}, signal.SIGINT); signal.pause()"
    command = ["run", [sys.executable, "-c", script]]
    text = f"do: {{{command[0]}: {command[1]!r}}}\nexpect: [{{track: A}}]\n"
    try:
        with pytest.raises(EndedError):
            stage.run(text, f"do: {send('B')}\nexpect: [{{track: B}}]")
    finally:
        signal.signal(signal.SIGINT, before)
    assert stage.journal.hits == ()


def test_what_was_sent_before_the_end_of_a_command_is_read_to_its_end(stage):
    """The client has disconnected with its request still in the socket; no wait is needed."""
    (stage.folder / "fire.py").write_text(
        "import os, socket\n"
        "from urllib.parse import urlsplit\n"
        "proxy = urlsplit(os.environ['PIXEL_EMULATOR_PROXY'])\n"
        f"url = {url('A').replace('https', 'http')!r}\n"
        "request = f'GET {url} HTTP/1.1\\r\\nHost: api.segment.io\\r\\n\\r\\n'.encode()\n"
        "for number in range(50):\n"
        "    socket.create_connection((proxy.hostname, proxy.port)).sendall(request)\n"
        "os._exit(0)\n"
    )
    command = f"do: {{run: {sys.executable} {stage.folder / 'fire.py'}}}\n"
    text = f"{command}within: 0s\nquiet: 0s\nexpect: [{{track: A, times: 50}}]\n"
    assert stage.run(text).verdict.status is Status.MET
