"""An emulator in another process: a running one, or one of our own in another environment."""

import json
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO, Any
from urllib.parse import urlsplit

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.pytest_plugin.control_client import ControlClient, control_variables
from pixel_emulator.pytest_plugin.remote import RemoteSession, Told
from pixel_emulator.runtime import server_info
from pixel_emulator.runtime.clock import has_ended
from pixel_emulator.runtime.session import LocalSession, Session
from pixel_emulator.runtime.sessions import DEFAULT
from pixel_emulator.runtime.settings import Settings

_PATIENCE = 10.0
"""Seconds that a process of ours has to end."""
_EXPORT = re.compile(r"export (\w+)=(.*)")
_ADVICE = (
    "\nThe emulator runs in the process of the tests if `pixel-emulator[proxy]` is installed "
    "there; else `pixel_emulator_command` runs it, or --pixel-url names one."
)
_FLAGS = ("offline", "http2")


class RemoteEmulator(Told):
    """An emulator that is asked over its control API; see `Host`. `end` stops one that is ours."""

    def __init__(
        self, api: ControlClient, settings: Settings, end: Callable[[], None] | None = None
    ) -> None:
        told = api.ask("GET", "emulator")
        super().__init__(told)
        self.settings = settings
        self._api = api
        self._end = end
        self._known = frozenset(told["strays"])

    def take_over(self, session: LocalSession) -> RemoteSession:
        """See `Host`; what the session has received is received again, by the emulator."""
        if session.clock is not Clock.REAL:
            why = "an emulator in another process cannot see the clock of the tests"
            raise InputError(InputIssue(f"pixel_clock: {session.clock}: {why}"))
        taken = RemoteSession(self._api, session.settings)
        for hit in session.journal.hits:
            taken.receive(hit.request)
            if hit.seq == session.cleared:
                taken.clear()
        return taken

    def environ(self, session: Session) -> dict[str, str]:
        """The variables that lead a command to a session."""
        exports = self._api.text("GET", "env", query={"session": session.name})
        found = (_EXPORT.fullmatch(line) for line in exports.splitlines())
        variables = {each[1]: "".join(shlex.split(each[2])) for each in found if each}
        return {**variables, **control_variables(self._api.url, self._api.token, session)}

    def drain(self, timeout: float) -> bool:
        """See `Host`; clients of whoever shares the emulator are waited for, too."""
        told = self._api.ask("POST", "drain", query={"timeout": timeout}, waits=timeout)
        return bool(told["gone"])

    def strays(self) -> tuple[str, ...]:
        """What came late since we are there."""
        told = self._api.ask("GET", "emulator")["strays"]
        return tuple(each for each in told if each not in self._known)

    def unclaimed(self) -> int:
        """See `Host`."""
        cursor, more = 0, self._end is not None
        while more:
            query = {"since": cursor}
            page = self._api.ask("GET", "sessions", DEFAULT, "requests", query=query)
            cursor, more = page["cursor"], page["more"]
        return cursor

    def close(self) -> None:
        """Stop it, if it is ours."""
        if self._end:
            self._end()


def running_at(url: str, token: str, settings: Settings) -> RemoteEmulator:
    """A running emulator: that of the control API at `url`, or without a token that of this user
    whose port the URL names. Raises InputError where there is none."""
    if token:
        return RemoteEmulator(ControlClient(url, token), settings)
    port = urlsplit(url).port if "//" in url else None
    if port is None:
        raise InputError(InputIssue(f"--pixel-url {url}: write it as http://127.0.0.1:8080"))
    found = server_info.find_server(port)
    return RemoteEmulator(ControlClient(found.control, found.token), settings)


def started(command: Sequence[str], settings: Settings) -> RemoteEmulator:
    """An emulator that `command` runs for us. Raises InputError where it does not."""
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        process = _process([*command, *_serve(settings)], said)
        stack.callback(_stop, process)
        line = process.stdout.readline() if process.stdout else b""
        told = _read(line)
        if told is None:
            if not has_ended(process, _PATIENCE):
                process.kill()
            said.seek(0)
            words = said.read().decode(errors="replace").strip() or line.decode(errors="replace")
            raise InputError(
                InputIssue(f"`{shlex.join(command)}` does not serve: {words}{_ADVICE}")
            )
        end = ExitStack()
        host = RemoteEmulator(ControlClient(told["control"], told["token"]), settings, end.close)
        end.enter_context(stack.pop_all())  # only now: it is stopped here if it cannot be reached
        return host


def _serve(settings: Settings) -> list[str]:
    repeated = [(name, value) for name in ("hosts", "source") for value in getattr(settings, name)]
    return [
        *("serve", "--json", "--until-eof", "--port", "0", "--dialect", settings.dialect),
        *(f"--{name}={value}" for name, value in repeated),
        *(f"--{name}" for name in _FLAGS if getattr(settings, name)),
    ]


def _process(command: Sequence[str], said: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        # In a group of its own: Ctrl-C is for us, and we stop it when the tests are over. Its
        # stdin ends with us, also if we are killed.
        return subprocess.Popen(  # noqa: S603 - it is the user's
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            process_group=0,
        )
    except OSError as error:
        raise InputError(InputIssue(f"{command[0]}: {error.strerror}{_ADVICE}")) from None


def _stop(process: "subprocess.Popen[bytes]") -> None:
    with process:  # its pipes are closed at the end
        process.send_signal(signal.SIGTERM)
        if process.stdin:
            process.stdin.close()
        if not has_ended(process, _PATIENCE):
            process.kill()


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
