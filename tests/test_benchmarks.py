"""The benchmarks: each runs, in small, checks what it is answered, and says what it found."""

import os
import signal
import subprocess
import sys
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import islice
from threading import Thread
from xml.etree import ElementTree as ET

import pytest

from pixel_emulator.core.endpoint.routes import GIF
from pixel_emulator.core.model import Dialect, Outcome
from pixel_emulator.core.problems.classify import classify_url
from tests.benchmarks import saved, servers, wrk
from tests.benchmarks.__main__ import BENCHMARKS, benchmarks, main
from tests.benchmarks.client import HOST, Target, check, keep_alive
from tests.benchmarks.figures import Figure, Result, alternate, as_data, compare, markdown, result
from tests.benchmarks.new_connections import new_connections
from tests.benchmarks.plan import Plan, conditions
from tests.benchmarks.plot import svg
from tests.benchmarks.servers import emulator, process, trivial
from tests.benchmarks.traffic import template
from tests.benchmarks.tunnel import check_recording

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def small(tmp_path):
    """As little as gives a figure."""
    return Plan(folder=tmp_path, rounds=1, seconds=0.05, warm=0.02, bound=60, most=2000, live=200)


@pytest.mark.thorough
@pytest.mark.parametrize("name", BENCHMARKS)
def test_each_benchmark_finds_something(name, small):
    measured = BENCHMARKS[name](small)
    assert measured.figures
    # Memory may not grow, and a process may end within one tick of its clock.
    none = [figure.work for figure in measured.figures if figure.unit != "MB" and not figure.ours]
    assert all(work.startswith("CPU at the end") for work in none)
    assert (
        result(as_data(measured, "here")).figures[:1] == result(as_data(measured, "")).figures[:1]
    )
    assert markdown({name: as_data(measured, "here")}).endswith(f"\n`{name}`: here.\n")


def test_every_call_differs_and_is_kept():
    requests = [request.decode() for request in islice(template(HOST).requests(999), 3)]
    targets = [request.split(" ")[1] for request in requests]
    calls = [classify_url(f"https://{HOST}{target}", Dialect.STRICT, None) for target in targets]
    assert [call.outcome for call in calls] == [Outcome.DELIVERED] * 3
    payloads = [call.call.payload for call in calls if call.call and call.call.payload]
    assert [payload["userId"] for payload in payloads] == [f"usr{n:09}" for n in (999, 1000, 1001)]
    assert [payload["anonymousId"] for payload in payloads] == [
        f"v-{n:09}" for n in (999, 1000, 1001)
    ]
    assert [_values(payload) for payload in payloads] == [23] * 3


def _values(value):
    return sum(map(_values, value.values())) if isinstance(value, dict) else 1


@pytest.mark.parametrize(
    ("answer", "good"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n" + GIF, True),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n" + GIF, False),
        (b"HTTP/1.1 200 OK\r\n\r\n" + GIF + GIF, False),
        (b"HTTP/1.1 200 OK\r\n\r\nfour" + GIF, False),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
    ],
)
def test_an_answer_is_200_and_the_gif(answer, good):
    if good:
        check(answer, GIF)
    else:
        with pytest.raises(RuntimeError, match="not 200 and the GIF"):
            check(answer, GIF)


@pytest.mark.thorough
@pytest.mark.parametrize("load", [keep_alive, new_connections])
def test_a_load_makes_so_many_calls(load):
    with trivial() as target:
        made = load(target, first=0, calls=20)
    assert made.answered == len(made.latencies) == 20
    assert 0 < made.latency(0.5) <= made.latency(0.99) <= made.seconds


def test_a_call_that_is_answered_but_not_recorded_is_noticed(tmp_path):
    with emulator(tmp_path) as ours:
        answered = keep_alive(ours.proxy, first=0, calls=30).answered
        check_recording(ours, answered)
        check_recording(ours, answered - 8, unread=8)
        with pytest.raises(RuntimeError, match="31 calls were answered, and 30 are recorded"):
            check_recording(ours, answered + 1)
        with pytest.raises(RuntimeError, match="29 calls were answered, and 30 are recorded"):
            check_recording(ours, answered - 1)


def test_what_wrk_calls_an_error_is_one():
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # 501 for everything
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(RuntimeError, match="errors"):
            wrk.wrk(Target(server.server_port), first=0, seconds=1)
        server.shutdown()


def test_without_wrk_nothing_is_measured_over_plain_http(small, monkeypatch):
    monkeypatch.setattr(wrk, "installed", lambda: False)
    measured = BENCHMARKS["plain"](small)
    assert measured.figures == ()
    assert measured.remarks[0].startswith("wrk is not installed")


@pytest.mark.thorough
@pytest.mark.parametrize("deaf", ["", "trap '' TERM; "])
def test_a_process_ends_with_its_context_and_so_do_its_children(deaf, monkeypatch):
    monkeypatch.setattr(servers, "_END_TIMEOUT", 0.1)
    ear, mouth = os.pipe()
    shell = ["sh", "-c", f"{deaf}(sleep 60; echo late) & echo; wait; wait"]
    with os.fdopen(ear, "rb") as said:
        with process(shell, stdout=mouth) as running:
            os.close(mouth)
            assert said.read(1) == b"\n"
        assert said.read() == b""  # the last that could write has ended
    assert running.returncode == (-signal.SIGKILL if deaf else -signal.SIGTERM)


@pytest.mark.thorough
def test_a_benchmark_that_is_stopped_leaves_nothing(tmp_path):
    command = [sys.executable, "-m", "tests.benchmarks", "growth"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as running:
        assert running.stderr
        assert running.stderr.readline().startswith(b"growth: ")
        assert b"calls" in running.stderr.readline()  # the emulator is up, and loaded
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    assert list(tmp_path.glob("pixel-benchmark-*")) == []
    assert list(tmp_path.glob("pixel-emulator-*/*")) == []  # what a running one has there


def test_sides_are_measured_in_turn():
    asked = []

    def measure(name):
        asked.append(name)
        return len(asked)

    sides = {name: partial(measure, name) for name in "ab"}
    assert alternate(2, sides) == {"a": (1, 3), "b": (2, 4)}
    assert asked == ["a", "b", "a", "b"]


def test_a_ratio_is_the_median_of_the_ratios_of_runs():
    made = compare([10, 100, 30], [1, 50, 2], work="w", against="a", unit="/s", goal=10)
    assert (made.ours, made.theirs, made.ratio) == (30, 2, 10)


@pytest.mark.parametrize(
    ("ratio", "at_least", "goal"),
    [
        (10.0, True, "≥ 10 x"),
        (9.99, True, "≥ 10 x, missed"),
        (10.0, False, "≤ 10 x"),
        (10.01, False, "≤ 10 x, missed"),
    ],
)
def test_the_table_says_which_goal_is_missed(ratio, at_least, goal):
    figure = Figure(work="w", against="a", unit="ms", ours=1, theirs=2, ratios=(ratio,),
                    goal=10, at_least=at_least)  # fmt: skip
    data = {"some": as_data(Result(figures=(figure,)), "here")}
    assert f"| w | a | 1.00 ms | 2.00 ms | {ratio:.2f} x | {goal} |\n" in markdown(data)


def test_a_plot_shows_each_ratio_that_has_a_goal():
    rows = [
        Figure(work=f"<{goal}> & co", against="`a`", unit="/s", ours=1, theirs=1, ratios=(2.0, 3.0),
               goal=goal)
        for goal in (0.25, 2.2, 10, None)
    ]  # fmt: skip
    series = {"calls": [0, 10, 100], "mb": [1, 2, 3], "us": [0, 5, 6], "cpu": [0, 4, 5]}
    measured = Result(figures=tuple(rows), series=series)
    drawn = svg({"growth": as_data(measured, "here")})
    assert drawn == svg({"growth": as_data(measured, "here")})
    picture = ET.fromstring(drawn)
    groups = {group.get("id"): group for group in picture.iter(f"{SVG}g")}
    bars = [groups[f"bar-{row}"].find(f"{SVG}path") for row in range(3)]
    assert "bar-3" not in groups
    colours = [bar.attrib["style"] for bar in bars if bar is not None]
    assert colours == ["fill: #2f6f9f", "fill: #2f6f9f", "fill: #b5651d"]
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    works = ["<0.25> & co", "<2.2> & co", "<10> & co"]
    assert [text for text in texts if text and text.startswith("<")] == works
    assert texts.count("2.50 x") == 3
    assert {"4", "5", "2", "3"} <= set(texts)  # the points of both lines


def test_what_is_kept_is_what_the_manual_shows():
    data = saved.load()
    assert data
    assert list(data) == [name for name in benchmarks() if name in data]
    assert saved.PLOT.read_text(encoding="utf-8") == svg(data)
    page = saved.PAGE.read_text(encoding="utf-8")
    assert saved.put_in(page, data) == page, "run `python -m tests.benchmarks --redraw`"
    assert f"](../{saved.PLOT.relative_to(saved.PAGE.parents[1])})" in page


def test_a_later_figure_takes_the_place_of_an_earlier_one(tmp_path, monkeypatch):
    for name in ("DATA", "PLOT", "PAGE"):
        monkeypatch.setattr(saved, name, tmp_path / name)
    (tmp_path / "PAGE").write_text(f"a\n{saved.BEGIN}old\n{saved.END}z\n")
    for name, value in (("b", 1), ("a", 2), ("b", 3)):
        measured = Result(figures=(Figure(work=f"work of {name}", unit="s", ours=value),))
        saved.save(name, as_data(measured, "here"), order=["a", "b"])
    assert [stored["figures"][0]["ours"] for stored in saved.load().values()] == [2, 3]
    page = (tmp_path / "PAGE").read_text()
    assert page.index("work of a") < page.index("work of b")
    assert "old" not in page
    assert page.startswith("a\n")
    assert page.endswith("z\n")
    with pytest.raises(ValueError, match=r"docs/performance\.md needs"):
        saved.put_in("nothing", {})


def test_the_command_lists_what_there_is(capsys):
    assert main(["--list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == list(benchmarks())


def test_a_name_that_is_none_is_a_mistake(capsys):
    assert main(["tunel"]) == 2
    assert capsys.readouterr().err == (
        'no benchmark is called tunel (did you mean "tunnel"?); see --list\n'
    )


def test_the_conditions_say_what_was_measured_on(small):
    said = conditions(small)
    for part in ("cores", "Python 3.", "mitmproxy 12.", "medians of 1 alternating runs of 0.05 s"):
        assert part in said
