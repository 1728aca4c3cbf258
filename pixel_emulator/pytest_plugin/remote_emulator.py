"""An emulator in another process, over its control API."""

import json
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from pixel_emulator.core.errors import Document, InputError, InputIssue
from pixel_emulator.core.model import JSON, Evidence, Hit, Payload, PixelRequest
from pixel_emulator.core.recordings.entry import read_hit
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import json_codec
from pixel_emulator.files import read_write
from pixel_emulator.pytest_plugin.lazy_emulator import advice_for, control_variables
from pixel_emulator.runtime import server_info
from pixel_emulator.runtime.clock import has_ended, monotonic, utc_now
from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.session import LocalSession, Session
from pixel_emulator.runtime.sessions import DEFAULT
from pixel_emulator.runtime.settings import Settings

_ANSWER_SECONDS = 30.0
"""Seconds that a response may take, beyond those that the request waits for."""


class ControlClient:
    """Asks one control API; safe to use from any thread."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self._address = urlsplit(url)

    def text(
        self,
        method: str,
        *path: str,
        query: dict[str, object] | None = None,
        body: Payload | None = None,
        waits: float = 0,
    ) -> str:
        """What is answered. Raises InputError with what the API says is wrong, or if it is gone."""
        target = "/" + "/".join(quote(part, safe="") for part in path)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=waits + _ANSWER_SECONDS
        )
        try:
            # A connection for each: it may be asked from several threads at the same time.
            connection.request(
                method,
                f"{target}?{urlencode(query)}" if query else target,
                None if body is None else json_codec.write(body).encode(errors="surrogatepass"),
                headers,
            )
            answer = connection.getresponse()
            said, status = answer.read().decode(), answer.status
        except RuntimeError as error:  # of pytest-socket
            raise InputError(InputIssue(f"{self._address.geturl()}: {advice_for(error)}")) from None
        except (OSError, HTTPException) as error:
            gone = f"the emulator at {self._address.geturl()} does not answer: {error}"
            raise InputError(InputIssue(gone)) from None
        finally:
            connection.close()
        if status >= 400:
            raise InputError(InputIssue(_complaint(said)))
        return said

    def ask(self, method: str, *path: str, **more: Any) -> Any:
        """As `text`, and the answer is read as JSON."""
        return json_codec.parse(self.text(method, *path, **more))


def _complaint(said: str) -> str:
    try:
        problem = json_codec.parse(said)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return f"this is no control API of pixel-emulator; it says {said[:80]!r}"
    return f"the emulator says: {problem.get('title')} {problem.get('detail')}"


_POLL = 600.0
"""Seconds that the API lets one wait for."""
_WHOLE: dict[str, object] = {"write_keys": "whole"}
"""What asserts has to see them; this process masks them where it prints them."""
_GLANCE = 0.2
"""Seconds after which a subscription looks whether it is still wanted."""


class Told:
    """Where an emulator or a session is, as its control API says; see `session.Reach`."""

    def __init__(self, told: Any) -> None:
        self.proxy: str = told["proxy"]
        self.url: str = told["url"]
        self.ca, self.bundle = Path(told["ca"]), Path(told["bundle"])
        self.spki: str = told["spki"]
        self.hosts: tuple[str, ...] = tuple(told["hosts"])


class RemoteSession(Told):
    """A session, opened when it is made. What is known of its calls is asked for piece by piece."""

    def __init__(self, api: ControlClient, settings: Settings) -> None:
        wanted = {
            "dialect": settings.dialect,
            "source": [*settings.source],
            "keep_write_keys": settings.keep_write_keys,
        }
        told = api.ask("POST", "sessions", body=wanted)
        super().__init__(told)
        self.name: str = told["name"]
        self._api = api
        self._lock = Lock()
        self._hits: tuple[Hit, ...] = ()
        self._cursor = self._cleared = 0
        self._keys = run_keys(settings.sources())
        self._open = True
        self._last = Evidence(hits=())

    @property
    def connections(self) -> int:
        """See `Session`."""
        return self.evidence().connections

    @property
    def closed(self) -> bool:
        """Whether it was closed here."""
        return not self._open

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """See `Session`. After its end: what was known then."""
        with self._lock:
            while self._open:
                page = self._ask("GET", "requests", query={"since": self._cursor, **_WHOLE})
                new = tuple(map(_hit, page["entries"]))
                for hit in new:
                    self._keys.learn(hit)
                self._cursor, self._cleared = page["cursor"], page["cleared"]
                known = (*self._hits, *new)
                self._hits = tuple(hit for hit in known if hit.seq > self._cleared)
                acted = page["acted"].items()
                self._last = Evidence(
                    hits=self._hits,
                    connections=page["connections"],
                    gaps=tuple(page["gaps"]),
                    acted={title: datetime.fromisoformat(time) for title, time in acted},
                )
                if not page["more"]:
                    break
            return replace(self._last, hits=self._last.hits[since:][:most])

    def follow(self, progress: Callable[[], float]) -> Callable[[], None]:  # noqa: ARG002 - see there
        """See `Session`: the emulator waits for nobody here."""
        return self.notify_progress

    def notify_progress(self) -> None:
        """See `Session`."""

    def wait(self, seen: int, timeout: float) -> bool:
        """See `Session`."""
        end = monotonic() + timeout
        while self._open:
            left = max(0.0, min(_POLL, end - monotonic()))
            query = {"cursor": self._cleared + seen, "timeout": round(left, 3)}
            try:
                if self._ask("POST", "wait", query=query, waits=left)["result"] == "more":
                    return True
            except InputError:
                if self._open:
                    raise
            if monotonic() >= end:
                break
        return False

    def receive(self, request: PixelRequest) -> Hit:
        """See `Session`."""
        body: dict[str, JSON] = {
            "url": request.url,
            "method": request.method,
            "http": request.http_version,
            "client": request.client,
            "headers": {**dict(request.headers)},
        }
        return _hit(self._ask("POST", "requests", query=_WHOLE, body=body))

    def subscribe(self, tell: Callable[[Hit], None]) -> Callable[[], None]:
        """See `Session`; it is told from a thread of its own, soon after."""
        left = Event()

        def follow() -> None:
            known = 0
            while not left.is_set() and self._open:
                try:
                    if self.wait(known - self._cleared, _GLANCE):
                        for hit in self.evidence().hits:
                            if hit.seq > known:
                                known = hit.seq
                                tell(hit)
                except InputError:  # the session is closed, or the emulator is gone
                    return

        thread = Thread(target=follow, name=f"pixel-emulator {self.name}", daemon=True)
        thread.start()
        return left.set

    def clear(self) -> None:
        """See `Session`."""
        self._ask("POST", "clear", text=True)

    def begin_run(self, clock: datetime | None = None) -> None:
        """See `Session`."""
        at: dict[str, JSON] = {"clock": clock.isoformat()} if clock else {}
        self._ask("POST", "run", text=True, body=at)

    def begin_step(self, title: str) -> None:
        """See `Session`."""
        self._ask("POST", "step", text=True, body={"title": title})

    def mark_done(self, *titles: str) -> None:
        """See `Session`."""
        self._ask("POST", "acted", text=True, body={"titles": [*titles]})

    def now(self) -> datetime:
        """See `Session`; the clock of the other process is taken for the real one."""
        return utc_now()

    def save(self, path: Path) -> None:
        """See `Session`."""
        read_write.write_text(path, self._ask("GET", "recording", text=True))

    def close(self) -> None:
        """See `Session`."""
        self.evidence()
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            self._api.text("DELETE", "sessions", self.name)

    def _ask(self, method: str, what: str, *, text: bool = False, **more: Any) -> Any:
        asking = self._api.text if text else self._api.ask
        return asking(method, "sessions", self.name, what, **more)


def _hit(entry: JSON) -> Hit:
    return read_hit(Node(Document("the emulator's answer", entry, {}), (), entry))


_STOP_SECONDS = 10.0
"""Seconds that a process of ours has to end after SIGTERM."""
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
        matches = (_EXPORT.fullmatch(line) for line in exports.splitlines())
        variables = {match[1]: "".join(shlex.split(match[2])) for match in matches if match}
        return {**variables, **control_variables(self._api.url, self._api.token, session)}

    def drain(self, timeout: float) -> bool:
        """See `Host`; clients of whoever shares the emulator are waited for, too."""
        told = self._api.ask("POST", "drain", query={"timeout": timeout}, waits=timeout)
        return bool(told["gone"])

    def strays(self) -> tuple[str, ...]:
        """What came late since we are there."""
        told = self._api.ask("GET", "emulator")["strays"]
        return tuple(stray for stray in told if stray not in self._known)

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
    server = server_info.find_server(port)
    return RemoteEmulator(ControlClient(server.control, server.token), settings)


def started(command: Sequence[str], settings: Settings) -> RemoteEmulator:
    """An emulator that `command` runs for us. Raises InputError where it does not."""
    with ExitStack() as stack:
        said = stack.enter_context(tempfile.TemporaryFile())
        process = _process([*command, *_serve(settings)], said)
        stack.callback(_stop, process)
        line = process.stdout.readline() if process.stdout else b""
        told = _read(line)
        if told is None:
            if not has_ended(process, _STOP_SECONDS):
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
        if not has_ended(process, _STOP_SECONDS):
            process.kill()


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
