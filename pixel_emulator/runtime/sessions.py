"""All sessions of an emulator: isolated journals, each reached by a port or a path of its own."""

import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Protocol

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Outcome, PixelRequest
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import RecordingSink
from pixel_emulator.runtime.session import EmulatorInfo, LocalSession, Session
from pixel_emulator.runtime.settings import Settings

__all__ = ["DEFAULT", "Client", "EmulatorPort", "Session", "Sessions"]

DEFAULT = "default"
"""The name of the session that gets what comes to the main port without a path of a session."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATH = re.compile(rb"/s/([A-Za-z0-9_-]{1,64})(?=[/?]|\Z)")
_FIRST_LINE = re.compile(rb"[!-~]+ (/s/[!-~]*)")
_LINGER = 100
"""Ports of closed sessions that stay open, so that late calls are noticed. Each costs a file, and
a process may have as few as 256 (macOS)."""


class Client(Protocol):
    """A connection as mitmproxy has it; `sockname` is the address that it came to."""

    id: str
    sockname: tuple[str, int]


class EmulatorPort(EmulatorInfo, Protocol):
    """The emulator that sessions live on."""

    @property
    def proxy(self) -> str:
        """The URL of its main port."""

    def listen(self, take: Callable[[int], bool]) -> str:
        """Open a port that `take` accepts, which it is asked before anybody can come; its URL."""

    def hang_up(self, port: int) -> None:
        """Stop listening on such a port; who is connected stays."""

    def emulates(self, host: str) -> bool:
        """Whether this is one of the emulated hosts, perhaps with a port."""


@dataclass(frozen=True, slots=True)
class RoutedRequest:
    """Where a request belongs, as that session shall see it; without a journal it is a stray."""

    journal: Journal | None
    request: PixelRequest


class Sessions:
    """The sessions of one emulator; safe to use from any thread.

    A name or a port never comes back: what arrives late lands in no other session. It is answered
    as always, and counted.
    """

    def __init__(self, emulator: EmulatorPort, journal: Journal) -> None:
        self._emulator = emulator
        self._lock = Lock()
        self._strays: Counter[str] = Counter()
        self._names: set[str] = set()
        self._open: dict[str, LocalSession] = {}
        self._ports: dict[int, str] = {}  # of all sessions that ever had one: their names
        self._lingering: deque[int] = deque()
        self._named: dict[str, list[str]] = {}  # by client: the sessions that it asked for by path
        self._past: Counter[Outcome] = Counter()  # what closed sessions got
        self._nobody = Journal(Settings())  # notes what nobody will ever ask for
        self.default = self._add(DEFAULT, LocalSession(journal, emulator.settings))

    def open(
        self,
        name: str = "",
        *,
        settings: Settings | None = None,
        recorder: RecordingSink | None = None,
    ) -> LocalSession:
        """Open a session; without a name it gets one.

        Of the `settings` those count that are about judging and recording: `dialect`, `source`,
        `keep_write_keys`. Raises InputError for a name that is none, or that was used before.
        """
        settings = settings or self._emulator.settings
        session = LocalSession(Journal(settings, recorder=recorder), settings)
        with self._lock:
            if name and not NAME.fullmatch(name):
                allowed = "1 to 64 letters, digits, `-` or `_`"
                raise InputError(InputIssue(f'the name of a session is {allowed}, not "{name}"'))
            if name in self._names:
                why = "a late call for the other one could land here; take another name"
                raise InputError(InputIssue(f'there is, or was, a session "{name}" already: {why}'))
            return self._add(name or self._fresh(), session)

    def adopt(self, session: LocalSession) -> None:
        """Have a session join that has no emulator yet; it keeps what it has received."""
        with self._lock:
            self._add(self._fresh(), session)

    def get(self, name: str) -> LocalSession | None:
        """The session of this name, if it is open."""
        return self._open.get(name)

    def all(self) -> tuple[LocalSession, ...]:
        """The open sessions, the default one first."""
        with self._lock:
            return tuple(self._open.values())

    def close(self, session: LocalSession) -> None:
        """Close a session and its recording; the default one stays."""
        with self._lock:
            if session is self.default or self._open.pop(session.name, None) is None:
                return
            port = next((port for port, name in self._ports.items() if name == session.name), 0)
            if port:
                self._lingering.append(port)
            late = self._lingering.popleft() if len(self._lingering) > _LINGER else 0
        session.closed = True  # before its journal wakes those who wait
        session.journal.close()
        with self._lock:
            self._past += session.journal.outcomes
        if late:
            self._emulator.hang_up(late)

    def opened(self) -> tuple[int, Counter[Outcome]]:
        """How many there were beside the default one, and what arrived there, by outcome."""
        with self._lock:
            mine = [each for each in self._open.values() if each is not self.default]
            count, found = len(self._names) - 1, self._past.copy()
        for each in mine:
            found += each.journal.outcomes
        return count, found

    def strays(self) -> tuple[str, ...]:
        """One sentence for each session that requests came for when it was not open."""
        with self._lock:
            found = sorted(self._strays.items())
        return tuple(
            f'{count} {"request" if count == 1 else "requests"} for session "{name}", which '
            f"{'was closed' if name in self._names else 'was never opened'}: not recorded"
            for name, count in found
        )

    def fail(self, message: str) -> None:
        """Note a failure of the emulator itself: any session may have lost calls by it."""
        for each in self.all():
            each.journal.fail(message)

    def disconnected(self, client: Client) -> None:
        """A client has gone."""
        self._named.pop(client.id, None)

    def said(self, client: Client, start: bytes) -> None:
        """What a client begins with: its path counts, also if nobody can read the rest."""
        line = _FIRST_LINE.match(start)
        if line and (path := _PATH.match(line[1])):
            self._note(client, path[1].decode())

    def of(self, client: Client) -> Journal:
        """The journal for what is not said in a request: handshakes, and what is unreadable."""
        name = self._ports.get(client.sockname[1], DEFAULT)
        if name == DEFAULT and (named := self._named.get(client.id)):
            name = named[-1]
        session = self._open.get(name)
        return session.journal if session else self._nobody

    def landing(self, request: PixelRequest, client: Client) -> RoutedRequest:
        """Where a request belongs: to the session in its path, else to that of its port.

        Only a direct request has such a path. At an emulated host the same path is a wrong one.
        """
        name = self._ports.get(client.sockname[1], DEFAULT)
        path = _PATH.match(request.target)
        if path and not self._emulator.emulates(request.host):
            name = path[1].decode()
            rest = request.target[path.end() :]
            target = rest if rest.startswith(b"/") else b"/" + rest
            request = replace(request, target=target)
            self._note(client, name)
        session = self._open.get(name)
        if session is None:
            with self._lock:
                self._strays[name] += 1
        return RoutedRequest(session.journal if session else None, request)

    def _note(self, client: Client, name: str) -> None:
        """The first time that a client asks for a session it counts as a connection to it."""
        named = self._named.setdefault(client.id, [])
        session = self._open.get(name)
        if session and name not in named:
            named.append(name)
            if name != self._ports.get(client.sockname[1], DEFAULT):  # there it has counted
                session.journal.connected()

    def _add(self, name: str, session: LocalSession) -> LocalSession:
        emulator, is_main = self._emulator, name == DEFAULT
        self._names.add(name)
        self._open[name] = session
        session.join(
            name,
            place=emulator,
            url=lambda: emulator.url if is_main else f"{emulator.url}/s/{name}",
            listen=lambda each: emulator.proxy if is_main else self._listen(each),
            end=self.close,
        )
        return session

    def _fresh(self) -> str:
        number = len(self._names)
        while f"session-{number}" in self._names:
            number += 1
        return f"session-{number}"

    def _listen(self, session: LocalSession) -> str:
        # Without our lock: the loop that has to open the port may be waiting for it.
        if session.name not in self._open:
            raise InputError(InputIssue(f'session "{session.name}" is closed: it has no port'))
        return self._emulator.listen(partial(self._take, session.name))

    def _take(self, name: str, port: int) -> bool:
        with self._lock:
            is_new = port not in self._ports
            if is_new:
                self._ports[port] = name
        return is_new
