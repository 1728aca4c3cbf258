"""What can be said to the plugin: on the command line, in the ini file, and by marks."""

import pytest

from pixel_emulator.pytest_plugin.run_recording import RunRecording, target_of
from pixel_emulator.pytest_plugin.summary import strays_of

# The names, defaults and meanings are those of `config.Settings`, which is slow to import.
SETTINGS = {
    "dialect": ("string", "Which account of the endpoint decides: documented (default) or strict."),
    "hosts": ("linelist", "Hosts that are emulated, one in a line; Segment's by default."),
    "source": ("linelist", "NAME=KEY, one in a line: gives a write key a name."),
    "keep_write_keys": ("bool", "Store write keys in recordings as they are."),
    "offline": ("bool", "Refuse every host that is not emulated, but this machine."),
    "http2": ("bool", "Offer HTTP/2 to clients of the emulated hosts."),
}
"""Settings of the emulator that stand in the ini file: their type there, and their meaning."""

PER_TEST = ("dialect", "source", "keep_write_keys")
"""Settings that a mark may change for one test: those that are not the whole emulator's."""

POLICIES = {
    "unexpected": "Calls that no expectation matches: fail (default), warn, ignore, same-event.",
    "dropped": "Calls that Segment would drop: fail (default), warn, ignore.",
    "damaged": "Calls that Segment keeps, although they are wrong: fail (default), warn, ignore.",
    "duplicates": "Calls with a messageId seen before: fail, warn (default), ignore.",
    "unhandled": "Requests that are no pixel calls: fail, warn (default), ignore.",
}
"""The policies of the scenario language, as they hold for what a test expects, and for what the
files that it has to meet say nothing of."""

_MARKS = {
    "pixel(**settings)": "policies (unexpected, dropped, damaged, duplicates, unhandled, accept), "
    "dialect, source, keep_write_keys, record and clock, for one test, class or module; a scenario "
    "file overrides policies that it states itself.",
    "pixel_scenario(file, **given)": "the calls of this test have to meet a scenario file; `given` "
    "are values of its variables.",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare everything that can be set."""
    group = parser.getgroup("pixel_emulator", "tracking pixels (pixel-emulator)")
    group.addoption("--pixel-show", action="store_true", help="Print each pixel call at once.")
    group.addoption(
        "--pixel-update",
        action="store_true",
        help="Rewrite scenario files and recordings to what happened; matchers are kept. What "
        "another test of the run has met is not rewritten: the test fails.",
    )
    group.addoption(
        "--pixel-url",
        metavar="URL",
        help="Use a running emulator: `serve` on this machine, or, with PIXEL_EMULATOR_TOKEN set, "
        "the control API at this URL.",
    )
    group.addoption(
        "--pixel-recording",
        metavar="FILE",
        help="Record all calls of the run to one file, sorted by test; also with xdist.",
    )
    parser.addini("pixel_recording", "The same, below the root.", "string", default="")
    parser.addini(
        "pixel_emulator_command",
        "Command that runs pixel-emulator in a process of its own. Where the extra `proxy` is not "
        "installed beside the tests: uvx --from pixel-emulator[proxy]==VERSION pixel-emulator.",
        "string",
        default="",
    )
    for name, (kind, text) in SETTINGS.items():
        parser.addini(f"pixel_{name}", text, kind, default=None)  # type: ignore[arg-type] # literals
    for name, text in POLICIES.items():
        parser.addini(f"pixel_{name}", text, "string", default=None)
    parser.addini(
        "pixel_clock",
        "The clock that stamps calls: real (default), or test, the one that tests see under "
        "freezegun and time-machine; recordings say which. All waits are by the real one.",
        "string",
        default="real",
    )
    parser.addini("pixel_accept", "Codes of damage that is accepted, one in a line.", "linelist")
    parser.addini(
        "pixel_record",
        "Folder, beside each test file, with a recording of each test: written once, compared from "
        "then on, rewritten by --pixel-update. In CI a missing one fails.",
        "string",
        default="",
    )
    parser.addini(
        "pixel_scenarios",
        "Scenario files that are tests, as globs below the root; those below a folder that is "
        "named on the command line are tests anyway.",
        "linelist",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known, and see who else is there."""
    for mark, text in _MARKS.items():
        config.addinivalue_line("markers", f"{mark}: {text}")
    target = target_of(config)
    if target and not hasattr(config, "workerinput"):
        recording = RunRecording(target, lambda: strays_of(config))
        config.pluginmanager.register(recording, "pixel_recording")
    if config.getoption("--pixel-show"):
        from pixel_emulator.pytest_plugin.showing import Showing

        config.pluginmanager.register(Showing(config), "pixel_showing")
    if config.pluginmanager.hasplugin("playwright"):
        config.pluginmanager.import_plugin("pixel_emulator.pytest_plugin.playwright_fixtures")


class PixelWarning(pytest.PytestWarning):
    """What a policy warns of."""
