"""The emulator of a run of pytest, started when a test first asks for it: here, or elsewhere."""

import importlib.util
import os
import re
import shlex
from importlib.metadata import version
from typing import Protocol

import pytest

from pixel_emulator.config import TOKEN_VARIABLE, Settings
from pixel_emulator.core.mistakes import InputError
from pixel_emulator.pytest_plugin.choices import settings_of
from pixel_emulator.pytest_plugin.summary import ASKED
from pixel_emulator.session import Reach, Session

_HOST = pytest.StashKey["Host"]()
_TITLES = pytest.StashKey[dict[str, str]]()
"""What the sessions of this run are for, by their names on the emulator."""
_SESSION = re.compile(r'session "([^"]+)"')
_PROXY = ("mitmproxy", "httptools", "starlette", "uvicorn")
"""What comes with the extra `proxy`: with all of these the emulator runs in this process."""


class Host(Reach, Protocol):
    """The one emulator of a run; every test has a session on it.

    What comes to its own `proxy` and `url` belongs to no test.
    """

    @property
    def settings(self) -> Settings: ...

    def open(self, settings: Settings | None = None) -> Session:
        """A session of its own for a test."""

    def drain(self, timeout: float) -> bool:
        """Wait until all that clients have sent is known and all have gone; False if not."""

    def environ(self, session: Session) -> dict[str, str]:
        """The variables that lead a command to a session, to be added to the others."""

    def strays(self) -> tuple[str, ...]:
        """A sentence for each session that calls came for when it was over."""

    def unclaimed(self) -> int:
        """How many requests came to itself, if it is ours: they belong to no test."""

    def close(self) -> None:
        """Leave it, and stop it if it is ours."""


def host_of(config: pytest.Config) -> Host:
    """The emulator of this run, started now if it was not; it stops at the end of the run.

    Fails the test where there is none to be had.
    """
    if _HOST not in config.stash:
        try:
            config.stash[_HOST] = host = _start(config)
        except InputError as error:
            raise pytest.fail.Exception(f"pixels: {error}", pytrace=False) from None
        config.stash[ASKED] = lambda: _late(config.stash, host)
        config.add_cleanup(host.close)
    return config.stash[_HOST]


def open_for(item: pytest.Item, host: Host, settings: Settings, label: str = "") -> Session:
    """A session for a test; its calls are shown live where that is wanted."""
    session = host.open(settings)
    title = f"{item.nodeid} ({label})" if label else item.nodeid
    item.config.stash.setdefault(_TITLES, {})[session.name] = title
    if item.config.getoption("--pixel-show"):
        from pixel_emulator.pytest_plugin.showing import show_live  # noqa: PLC0415 - seldom asked

        show_live(item, session, title)
    return session


def _late(stash: pytest.Stash, host: Host) -> tuple[str, ...]:
    """What came for no test, or too late, with the names of the tests."""
    titles = stash.get(_TITLES, {})

    def named(found: re.Match[str]) -> str:
        title = titles.get(found[1])
        return f"a session of {title}" if title else found[0]

    strays = [_SESSION.sub(named, each) for each in host.strays()]
    if count := host.unclaimed():
        came, belong = ("requests", "belong") if count > 1 else ("request", "belongs")
        strays.append(f"{count} {came} came to the emulator itself and {belong} to no test")
    return tuple(strays)


def _start(config: pytest.Config) -> Host:
    settings = settings_of(config)
    command = shlex.split(config.getini("pixel_emulator_command"))
    url = config.getoption("--pixel-url")
    if not (url or command) and all(map(importlib.util.find_spec, _PROXY)):
        from pixel_emulator.pytest_plugin.local import LocalHost  # noqa: PLC0415 - mitmproxy

        return LocalHost(settings)
    # Who needs these has no mitmproxy, and the others do without them.
    from pixel_emulator.pytest_plugin.elsewhere import running_at, started  # noqa: PLC0415 - rare

    if url:
        return running_at(url, os.environ.get(TOKEN_VARIABLE, ""), settings)
    return started(command or _by_uvx(), settings)


def _by_uvx() -> list[str]:
    """What runs the emulator where no command is set: the same version, by `uvx`."""
    extra = f"pixel-emulator[proxy]=={version('pixel-emulator')}"
    return ["uvx", "--from", extra, "pixel-emulator"]
