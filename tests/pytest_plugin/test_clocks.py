"""Tests that fake the time: only they see it, unless the option `pixel_clock` says otherwise."""

import shlex
import sys

import pytest

from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.files.read_write import read_recording

pytest_plugins = ["pytester"]

COMMAND = f"pixel_emulator_command = {shlex.quote(sys.executable)} -m pixel_emulator"
FAKES = {
    "freezegun": "from freezegun import freeze_time as fake",
    "time-machine": "from functools import partial\nfrom time_machine import travel\n"
    "fake = partial(travel, tick=False)",
}
TESTS = """
import ssl
from datetime import UTC, datetime, timedelta
from urllib.request import HTTPSHandler, ProxyHandler, build_opener
import pytest
from client import send, url
{fake}
BEGUN = datetime.now(UTC)

def https(pixels):
    trust = HTTPSHandler(context=ssl.create_default_context(cafile=str(pixels.ca)))
    opener = build_opener(ProxyHandler({{"https": pixels.proxy}}), trust)
    opener.open(url("https://api.segment.io", "Https"), timeout=30).read()
    pixels.expect(track="Https")

def is_real(call):
    return BEGUN - timedelta(seconds=1) <= call.time <= BEGUN + timedelta(hours=1)

@fake("2024-02-29T12:00:00Z")
def test_the_emulator_starts_in_the_past(pixels):
    assert datetime.now(UTC).year == 2024
    https(pixels)
    assert is_real(pixels.calls[0])

@fake("2024-02-29T12:00:00Z")
def test_nothing_is_waited_for_in_vain(pixels):
    with pytest.raises(AssertionError, match="track: E"):
        pixels.wait_for(track="E", timeout=0.1)

@fake("2024-02-29T12:00:00Z")
def test_a_scenario_is_waited_for(pixels):
    with pixels.expecting("mail.yaml"):
        send(pixels, "A")
        send(pixels, "B")
    with pytest.raises(AssertionError):
        with pixels.expecting("mail.yaml"):
            send(pixels, "A")
    pixels.clear()

def test_time_jumps_in_the_middle(pixels):
    with fake("2099-12-31"):
        https(pixels)
    pixels.clear()
    https(pixels)
    with fake("1971-01-01"):
        send(pixels, "B")
        pixels.wait_for(track="B", timeout=30)
    pixels.expect(track="B")
    assert all(map(is_real, pixels.calls))

def test_who_fakes_nothing_is_not_harmed(pixels):
    https(pixels)
"""
MAIL = "expect: [{track: A}, {track: B}]\nwithin: 1s\nquiet: 0s\n"
FOLLOWS = """
import pytest
from client import send, url
from datetime import UTC, datetime
{fake}

@fake("2031-05-06T07:08:09Z")
def test_faked(pixels):
    pixels.receive(url("https://api.segment.io", "A"))
    send(pixels, "B") if {sends} else pixels.receive(url("https://api.segment.io", "B"))
    pixels.expect(any="track", times=2)
    pixels.save("saved.yaml")
    assert {{call.time for call in pixels.calls}} == {{datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)}}
"""


@pytest.mark.thorough
@pytest.mark.timeout(300)
@pytest.mark.parametrize("ini", ["", COMMAND], ids=["here", "elsewhere"])
@pytest.mark.parametrize("library", FAKES)
def test_a_faked_clock_changes_only_its_test(inner, pytester, library, ini):
    (pytester.path / "mail.yaml").write_text(MAIL)
    code = TESTS.format(fake=FAKES[library])
    inner(ini=ini, apart=True, test_it=code).assert_outcomes(passed=5)


EARLY = {
    "module": ("", "from freezegun import freeze_time\nfreeze_time('2099-01-01').start()\n"),
    "session": (
        """
        import pytest, freezegun
        @pytest.fixture(scope="session", autouse=True)
        def frozen():
            with freezegun.freeze_time("2099-01-01"):
                yield
        """,
        "",
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("where", EARLY)
def test_a_clock_that_is_frozen_before_the_emulator_starts_breaks_nothing(inner, where):
    conftest, head = EARLY[where]
    code = (
        head
        + """
import ssl
from urllib.request import HTTPSHandler, ProxyHandler, build_opener
import pytest
from client import url

def test_https(pixels):
    trust = HTTPSHandler(context=ssl.create_default_context(cafile=str(pixels.ca)))
    opener = build_opener(ProxyHandler({"https": pixels.proxy}), trust)
    opener.open(url("https://api.segment.io", "A"), timeout=30).read()
    pixels.expect(track="A")
    assert pixels.calls[0].time.year != 2099

def test_wait(pixels):
    with pytest.raises(AssertionError, match="track: A"):
        pixels.wait_for(track="A", timeout=0.1)
"""
    )
    inner(apart=True, conftest=conftest, test_it=code).assert_outcomes(passed=2)


@pytest.mark.parametrize("sends", [False, True], ids=["received", "sent"])
@pytest.mark.parametrize("library", FAKES)
def test_the_times_of_calls_follow_the_test_clock(inner, pytester, library, sends):
    code = FOLLOWS.format(fake=FAKES[library], sends=sends)
    inner("--pixel-recording=calls.yaml", ini="pixel_clock = test", test_it=code).assert_outcomes(
        passed=1
    )
    for name in ("calls.yaml", "saved.yaml"):
        saved = read_recording(pytester.path / name)
        assert saved.head.clock is Clock.TEST
        assert {hit.time.isoformat() for hit in saved.hits} == {"2031-05-06T07:08:09+00:00"}


def test_a_recording_says_if_only_some_times_are_those_of_tests(inner, pytester):
    inner(
        "--pixel-recording=calls.yaml",
        test_it="""
            import pytest
            from client import url
            @pytest.mark.parametrize("n", [
                pytest.param(1, marks=pytest.mark.pixel(clock="test")),
                pytest.param(2, marks=pytest.mark.pixel(clock="real")),
            ])
            def test_it(pixels, n):
                pixels.receive(url("https://api.segment.io", "A"))
                pixels.expect(track="A")
        """,
    ).assert_outcomes(passed=2)
    assert read_recording(pytester.path / "calls.yaml").head.clock is Clock.MIXED


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("pixel_clock = tets", '*pixel_clock: "tets" is not real or test*'),
        ("pixel_clock = mixed", '*pixel_clock: "mixed" is not real or test*'),
        (
            f"pixel_clock = test\n{COMMAND}",
            "*pixel_clock: test: an emulator in another process cannot see the clock of the tests*",
        ),
    ],
)
def test_what_cannot_be_is_refused(inner, ini, said):
    code = "from client import send\ndef test_it(pixels): send(pixels, 'A')"
    inner(ini=ini, test_it=code).stdout.fnmatch_lines([said])
