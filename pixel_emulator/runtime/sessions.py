"""All sessions of an emulator: isolated journals, each with a port and a path of its own."""

import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Protocol

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import HttpRequest, HttpResponse, Outcome
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import RecordingSink
from pixel_emulator.runtime.session import EmulatorInfo, LocalSession, Session
from pixel_emulator.runtime.settings import Settings

__all__ = ["DEFAULT", "Client", "EmulatorPort", "Session", "Sessions"]

DEFAULT = "default"
"""Name of the session for requests to the main port without a session path."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PATH = re.compile(rb"/s/([A-Za-z0-9_-]{1,64})(?=[/?]|\Z)")
_FIRST_LINE = re.compile(rb"[!-~]+ (/s/[!-~]*)")
_MAX_CLOSING_PORTS = 100
"""Ports of closed sessions that stay open, so that late calls are noticed. Each needs a file
descriptor, and a process may have as few as 256 of them (macOS)."""


class Client(Protocol):
    """A connection as mitmproxy has it; `sockname` is the local address that it came to."""

    id: str
    sockname: tuple[str, int]


class EmulatorPort(EmulatorInfo, Protocol):
    """What `Sessions` uses of its emulator."""

    @property
    def proxy(self) -> str:
        """URL of the main port."""

    def listen(self, claim: Callable[[int], bool]) -> str:
        """Open a port that `claim` accepts and return its URL. `claim` is called before any client
        can connect."""

    def stop_listening(self, port: int) -> None:
        """Stop listening on a session's port; open connections stay."""

    def emulates(self, host: str) -> bool:
        """Return True if `host`, with or without a port, is emulated."""

    def own_page(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response to a direct request about the emulator itself, None for others."""


@dataclass(frozen=True, slots=True)
class RoutedRequest:
    """A request and the journal it belongs to. `request` is as its session shall see it; `journal`
    is None if the session is not open, or if the request is not recorded: then `response` is its
    response."""

    journal: Journal | None
    request: HttpRequest
    response: HttpResponse | None = None


class Sessions:
    """The sessions of one emulator. Safe to use from any thread.

    No name and no port is used twice, so a late request never reaches another session. It is
    answered as always, and counted.
    """

    def __init__(self, emulator: EmulatorPort, journal: Journal) -> None:
        self._emulator = emulator
        self._lock = Lock()
        self._unrouted: Counter[str] = Counter()
        self._used_names: set[str] = set()
        self._open_sessions: dict[str, LocalSession] = {}
        self._names_by_port: dict[int, str] = {}  # of every session that ever had one
        self._closing_ports: deque[int] = deque()
        self._named_sessions: dict[str, list[str]] = {}  # by client: names in its paths
        # By client: None once it has made a request that counts, or else the journal that does not
        # count its connection.
        self._visits: dict[str, Journal | None] = {}
        self._past_outcomes: Counter[Outcome] = Counter()  # of closed sessions
        self._discarded = Journal(Settings())  # for clients without an open session
        self.default = self._add(DEFAULT, LocalSession(journal, emulator.settings))

    def open(
        self,
        name: str = "",
        *,
        settings: Settings | None = None,
        sink: RecordingSink | None = None,
    ) -> LocalSession:
        """Open a session; without a name it gets an unused one.

        Of the `settings`, those about classification and recording are used: `dialect`, `source`,
        `keep_write_keys`. Raises InputError if the name is malformed or was used before.
        """
        settings = settings or self._emulator.settings
        session = LocalSession(Journal(settings, sink=sink), settings)
        with self._lock:
            if name and not NAME.fullmatch(name):
                allowed = "1 to 64 letters, digits, `-` or `_`"
                raise InputError(InputIssue(f'the name of a session is {allowed}, not "{name}"'))
            if name in self._used_names:
                why = "a late call for the other one could land here; take another name"
                raise InputError(InputIssue(f'there is, or was, a session "{name}" already: {why}'))
            return self._add(name or self._unused_name(), session)

    def adopt(self, session: LocalSession) -> None:
        """Join a session that has no emulator yet; it keeps what it has received."""
        with self._lock:
            self._add(self._unused_name(), session)

    def get(self, name: str) -> LocalSession | None:
        """Return the open session of this name, or None."""
        return self._open_sessions.get(name)

    def all(self) -> tuple[LocalSession, ...]:
        """Return the open sessions, the default one first."""
        with self._lock:
            return tuple(self._open_sessions.values())

    def close(self, session: LocalSession) -> None:
        """Close a session and its recording. The default session stays open."""
        with self._lock:
            if session is self.default or self._open_sessions.pop(session.name, None) is None:
                return
            names = self._names_by_port.items()
            port = next((port for port, name in names if name == session.name), 0)
            if port:
                self._closing_ports.append(port)
            is_full = len(self._closing_ports) > _MAX_CLOSING_PORTS
            port_to_close = self._closing_ports.popleft() if is_full else 0
        session.closed = True  # before its journal wakes the waiters
        session.journal.close()
        with self._lock:
            self._past_outcomes += session.journal.outcomes
        if port_to_close:
            self._emulator.stop_listening(port_to_close)

    def opened(self) -> tuple[int, Counter[Outcome]]:
        """Number of named sessions and, by outcome, the calls that they received."""
        with self._lock:
            named = [
                session for session in self._open_sessions.values() if session is not self.default
            ]
            count, outcomes = len(self._used_names) - 1, self._past_outcomes.copy()
        for session in named:
            outcomes += session.journal.outcomes
        return count, outcomes

    def unrouted(self) -> tuple[str, ...]:
        """Return one sentence for each session that got requests while it was not open."""
        with self._lock:
            counts = sorted(self._unrouted.items())
        return tuple(
            f'{count} {"request" if count == 1 else "requests"} for session "{name}", which '
            f"{'was closed' if name in self._used_names else 'was never opened'}: not recorded"
            for name, count in counts
        )

    def fail(self, message: str) -> None:
        """Note a failure of the emulator itself: any session may have lost calls because of it."""
        for session in self.all():
            session.journal.fail(message)

    def disconnected(self, client: Client) -> None:
        """Forget a client that has disconnected."""
        self._named_sessions.pop(client.id, None)
        self._visits.pop(client.id, None)

    def first_bytes(self, client: Client, start: bytes) -> None:
        """Take the first bytes of a connection. The path is used even if the rest cannot be
        parsed."""
        line = _FIRST_LINE.match(start)
        if line and (path := _PATH.match(line[1])):
            self._count_connection(client, path[1].decode())

    def journal_for(self, client: Client) -> Journal:
        """Return the journal for a client's handshakes and unreadable requests."""
        name = self._names_by_port.get(client.sockname[1], DEFAULT)
        if name == DEFAULT and (requested := self._named_sessions.get(client.id)):
            name = requested[-1]
        session = self._open_sessions.get(name)
        return session.journal if session else self._discarded

    def route(self, request: HttpRequest, client: Client) -> RoutedRequest:
        """Route a request to the session in its path, or else to the session of its port.

        Only a direct request has such a path. At an emulated host the same path is an unknown one.
        A request for a page of the emulator itself is not recorded.
        """
        if (page := self._emulator.own_page(request)) and not self._emulator.emulates(request.host):
            self._discount_connection(client)
            return RoutedRequest(None, request, page)
        if journal := self._visits.get(client.id):
            journal.connected()
        self._visits[client.id] = None
        name = self._names_by_port.get(client.sockname[1], DEFAULT)
        path = _PATH.match(request.target)
        if path and not self._emulator.emulates(request.host):
            name = path[1].decode()
            rest = request.target[path.end() :]
            target = rest if rest.startswith(b"/") else b"/" + rest
            request = replace(request, target=target)
            self._count_connection(client, name)
        session = self._open_sessions.get(name)
        if session is None:
            with self._lock:
                self._unrouted[name] += 1
        return RoutedRequest(session.journal if session else None, request)

    def _discount_connection(self, client: Client) -> None:
        """Do not count the connection of a client that has requested only pages of the emulator.

        Otherwise a health check would make silence look like evidence.
        """
        if client.id not in self._visits:
            journal = self._visits[client.id] = self.journal_for(client)
            journal.connected(-1)

    def _count_connection(self, client: Client, name: str) -> None:
        """Count the client's first request for a session as a connection to that session."""
        requested = self._named_sessions.setdefault(client.id, [])
        session = self._open_sessions.get(name)
        if session and name not in requested:
            requested.append(name)
            # A connection to the session's own port is counted already.
            if name != self._names_by_port.get(client.sockname[1], DEFAULT):
                session.journal.connected()

    def _add(self, name: str, session: LocalSession) -> LocalSession:
        emulator, is_main = self._emulator, name == DEFAULT
        self._used_names.add(name)
        self._open_sessions[name] = session
        session.join(
            name,
            emulator=emulator,
            url=lambda: emulator.url if is_main else f"{emulator.url}/s/{name}",
            open_port=lambda session: emulator.proxy if is_main else self._listen(session),
            close=self.close,
        )
        return session

    def _unused_name(self) -> str:
        number = len(self._used_names)
        while f"session-{number}" in self._used_names:
            number += 1
        return f"session-{number}"

    def _listen(self, session: LocalSession) -> str:
        # Without our lock: the event loop that opens the port may be waiting for it.
        if session.name not in self._open_sessions:
            raise InputError(InputIssue(f'session "{session.name}" is closed: it has no port'))
        return self._emulator.listen(partial(self._claim_port, session.name))

    def _claim_port(self, name: str, port: int) -> bool:
        with self._lock:
            is_new = port not in self._names_by_port
            if is_new:
                self._names_by_port[port] = name
        return is_new
