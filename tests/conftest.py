"""What all tests share."""

import base64
import io
import os
import re
import signal
import sys
from typing import Any

import hypothesis
import pytest

from pixel_emulator.cli.program import main
from pixel_emulator.runtime.settings import FAST_PATH_VARIABLE, Settings

if os.environ.get(FAST_PATH_VARIABLE) == "no":  # as for the commands that tests run
    defaults: Any = Settings.__init__.__kwdefaults__
    defaults["fast_path"] = False


def pytest_addoption(parser):
    parser.addoption(
        "--thorough", action="store_true", help="Run the thorough tests too, as CI does."
    )
    parser.addoption(
        "--only-thorough",
        action="store_true",
        help="Run only what a run without --thorough leaves out: the thorough tests, and the laws "
        "with all their examples.",
    )
    parser.addoption(
        "--no-skips", action="store_true", help="Fail if a test was skipped, as CI must."
    )


def pytest_configure(config):
    # Before any test module is imported: `law_examples` reads the name of the profile.
    if config.getoption("--only-thorough"):
        config.option.thorough = True
    profile = "thorough" if config.getoption("--thorough") else "fast"
    hypothesis.settings.load_profile(profile)
    # A run of pytest inside a test is no worker of the outer run.
    for variable in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        os.environ.pop(variable, None)
    # A background job of a shell ignores these, and so would every program that a test starts.
    handlers: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    for number, handler in handlers.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_sessionfinish(session, exitstatus):
    if not session.config.getoption("--no-skips"):
        return
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal.stats.get("skipped") and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(tryfirst=True)  # before pytest's own hook evaluates `-m`
def pytest_collection_modifyitems(config, items):
    """Deselect the thorough tests, unless an option selects."""
    seen = set()
    for item in items:
        if item.get_closest_marker("thorough_but_first"):
            function = (item.path, item.originalname)
            if function in seen:
                item.add_marker(pytest.mark.thorough)
            seen.add(function)
    if config.getoption("--only-thorough"):
        chosen = [item for item in items if _is_thorough(item) or _is_law(item)]
    elif config.getoption("--thorough") or config.getoption("-m"):
        return
    else:
        chosen = [item for item in items if not _is_thorough(item)]
    if left_out := set(items).difference(chosen):
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = chosen


def _is_thorough(item):
    return item.get_closest_marker("thorough") is not None


def _is_law(item):
    return getattr(getattr(item, "obj", None), "is_hypothesis_test", False)


# No deadline: a shared machine is slow now and then, and the benchmarks measure speed. In CI the
# examples are the same in every run, so that only a change of the code makes a test fail there.
_SAME_EXAMPLES = bool(os.environ.get("CI"))
for _name, _examples in (("thorough", 100), ("fast", 20)):
    hypothesis.settings.register_profile(
        _name, deadline=None, derandomize=_SAME_EXAMPLES, max_examples=_examples
    )


@pytest.fixture
def run_cli(capsys, monkeypatch):
    """Run the command line in this process: arguments and stdin in; exit code, out, err out."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


_KEY = re.compile(rb"wk_(?:test|demo)_[0-9A-Za-z_]{6,}")
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{16,}")


@pytest.fixture(autouse=True)
def no_write_key_in_any_recording(request):
    """Whatever a test records with masked keys holds none of them, decoded or not."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for path in folder.rglob("*") if folder else ():
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\npixel_recording:" in data[:100] and b"redaction: write-keys" in data[:400]:
                assert not _keys_in(data), f"{path} holds write keys"


def _keys_in(data):
    texts = [data]
    for run in _RUN.findall(data.replace(b"%2B", b"+").replace(b"%2F", b"/")):
        plain = run.translate(bytes.maketrans(b"-_", b"+/"))
        texts += [base64.b64decode(plain[at:][: (len(plain) - at) // 4 * 4]) for at in range(4)]
    return [key for text in texts for key in _KEY.findall(text)]
