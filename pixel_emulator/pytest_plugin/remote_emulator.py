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
from pixel_emulator.core.model import JSON, Evidence, Exchange, Hit, HttpRequest, Payload, hits_of
from pixel_emulator.core.recordings.entry import read_exchange
from pixel_emulator.core.recordings.recording import Clock
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.core.text import json_codec
from pixel_emulator.files import read_write
from pixel_emulator.pytest_plugin.lazy_emulator import NO_EMULATOR, advice_for, control_variables
from pixel_emulator.runtime import server_info
from pixel_emulator.runtime.clock import has_ended, monotonic, utc_now
from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.session import LocalSession, Session
from pixel_emulator.runtime.sessions import DEFAULT
from pixel_emulator.runtime.settings import Settings

_ANSWER_SECONDS = 30.0
"""Seconds that a response may take, beyond those that the request waits for."""


class ControlClient:
    """A client of one control API. Safe to use from any thread."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self._address = urlsplit(url)

    def request_text(
        self,
        method: str,
        *path: str,
        query: dict[str, object] | None = None,
        body: Payload | None = None,
        waits: float = 0,
    ) -> str:
        """Return the body of the response. Raises InputError if the API reports an error."""
        target = "/" + "/".join(quote(part, safe="") for part in path)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=waits + _ANSWER_SECONDS
        )
        try:
            # One connection for each request: several threads may send requests at a time.
            connection.request(
                method,
                f"{target}?{urlencode(query)}" if query else target,
                None if body is None else json_codec.write(body).encode(errors="surrogatepass"),
                headers,
            )
            response = connection.getresponse()
            body_text, status = response.read().decode(), response.status
        except RuntimeError as error:  # of pytest-socket
            raise InputError(InputIssue(f"{self._address.geturl()}: {advice_for(error)}")) from None
        except (OSError, HTTPException) as error:
            gone = f"the emulator at {self._address.geturl()} does not answer: {error}"
            raise InputError(InputIssue(gone)) from None
        finally:
            connection.close()
        if status >= 400:
            raise InputError(InputIssue(_error_text(body_text)))
        return body_text

    def request_json(self, method: str, *path: str, **more: Any) -> Any:
        """Return the body of the response, parsed as JSON; see `request_text`."""
        return json_codec.parse(self.request_text(method, *path, **more))


def _error_text(body: str) -> str:
    try:
        problem = json_codec.parse(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return f"this is no control API of pixel-emulator; it says {body[:80]!r}"
    return f"the emulator says: {problem.get('title')} {problem.get('detail')}"


_LONGEST_WAIT = 600.0
"""Seconds that one request to the API may wait."""
_WHOLE: dict[str, object] = {"write_keys": "whole"}
"""Query for entries with whole write keys: tests compare them, and output masks them."""
_POLL_SECONDS = 0.2
"""Seconds after which a subscription checks if it was ended."""


class RemoteEndpoint:
    """The endpoint of an emulator or session, from JSON of its control API; see `Endpoint`."""

    def __init__(self, data: Any) -> None:
        self.proxy: str = data["proxy"]
        self.url: str = data["url"]
        self.ca, self.bundle = Path(data["ca"]), Path(data["bundle"])
        self.spki: str = data["spki"]
        self.hosts: tuple[str, ...] = tuple(data["hosts"])


class RemoteSession(RemoteEndpoint):
    """A session that is opened on creation. New hits are fetched page by page."""

    def __init__(self, api: ControlClient, settings: Settings) -> None:
        options = {
            "dialect": settings.dialect,
            "source": [*settings.source],
            "keep_write_keys": settings.keep_write_keys,
        }
        data = api.request_json("POST", "sessions", body=options)
        super().__init__(data)
        self.name: str = data["name"]
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
        """True once it was closed here."""
        return not self._open

    def evidence(self, since: int = 0, most: int | None = None) -> Evidence:
        """See `Session`. After the end, the last evidence."""
        with self._lock:
            while self._open:
                page = self._request("GET", "requests", query={"since": self._cursor, **_WHOLE})
                new = [*map(_exchange, page["entries"])]
                for exchange in new:
                    self._keys.learn(exchange)
                self._cursor, self._cleared = page["cursor"], page["cleared"]
                known = (*self._hits, *hits_of(new))
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
            left = max(0.0, min(_LONGEST_WAIT, end - monotonic()))
            query = {"cursor": self._cleared + seen, "timeout": round(left, 3)}
            try:
                if self._request("POST", "wait", query=query, waits=left)["result"] == "more":
                    return True
            except InputError:
                if self._open:
                    raise
            if monotonic() >= end:
                break
        return False

    def receive(self, request: HttpRequest) -> Exchange:
        """See `Session`."""
        body: dict[str, JSON] = {
            "url": request.url,
            "method": request.method,
            "http": request.http_version,
            "client": request.client,
            "headers": {**dict(request.headers)},
        }
        return _exchange(self._request("POST", "requests", query=_WHOLE, body=body))

    def subscribe(self, on_hit: Callable[[Hit], None]) -> Callable[[], None]:
        """See `Session`. The callback is called from a thread of its own, soon after a hit."""
        ended = Event()

        def poll() -> None:
            known = 0
            while not ended.is_set() and self._open:
                try:
                    if self.wait(known - self._cleared, _POLL_SECONDS):
                        for hit in self.evidence().hits:
                            if hit.seq > known:
                                known = hit.seq
                                on_hit(hit)
                except InputError:  # the session is closed, or the emulator is gone
                    return

        thread = Thread(target=poll, name=f"pixel-emulator {self.name}", daemon=True)
        thread.start()
        return ended.set

    def clear(self) -> None:
        """See `Session`."""
        self._request("POST", "clear", text=True)

    def begin_run(self, clock: datetime | None = None) -> None:
        """See `Session`."""
        at: dict[str, JSON] = {"clock": clock.isoformat()} if clock else {}
        self._request("POST", "run", text=True, body=at)

    def begin_step(self, title: str) -> None:
        """See `Session`."""
        self._request("POST", "step", text=True, body={"title": title})

    def mark_done(self, *titles: str) -> None:
        """See `Session`."""
        self._request("POST", "acted", text=True, body={"titles": [*titles]})

    def now(self) -> datetime:
        """See `Session`. The clock of the other process is taken to be the real one."""
        return utc_now()

    def save(self, path: Path) -> None:
        """See `Session`."""
        read_write.write_text(path, self._request("GET", "recording", text=True))

    def close(self) -> None:
        """See `Session`."""
        self.evidence()
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            self._api.request_text("DELETE", "sessions", self.name)

    def _request(self, method: str, what: str, *, text: bool = False, **more: Any) -> Any:
        send = self._api.request_text if text else self._api.request_json
        return send(method, "sessions", self.name, what, **more)


def _exchange(entry: JSON) -> Exchange:
    return read_exchange(Node(Document("the emulator's answer", entry, {}), (), entry))


_STOP_SECONDS = 10.0
"""Seconds that a process of ours has to end after SIGTERM."""
_EXPORT = re.compile(r"export (\w+)=(.*)")


class RemoteEmulator(RemoteEndpoint):
    """An emulator behind its control API; see `EmulatorHandle`. `end` stops it if it is ours."""

    def __init__(
        self, api: ControlClient, settings: Settings, end: Callable[[], None] | None = None
    ) -> None:
        data = api.request_json("GET", "emulator")
        super().__init__(data)
        self.settings = settings
        self.version: str = data["version"]
        self._api = api
        self._stop_own = end
        self._known = frozenset(data["strays"])

    def adopt(self, session: LocalSession) -> RemoteSession:
        """See `EmulatorHandle`. What the session has received is sent to the emulator again."""
        if session.clock is not Clock.REAL:
            why = "an emulator in another process cannot see the clock of the tests"
            raise InputError(InputIssue(f"pixel_clock: {session.clock}: {why}"))
        taken = RemoteSession(self._api, session.settings)
        for exchange in session.journal.evidence().exchanges:
            taken.receive(exchange.request)
            if exchange.seq + exchange.width - 1 == session.cleared:
                taken.clear()
        return taken

    def environ(self, session: Session) -> dict[str, str]:
        """See `EmulatorHandle`."""
        exports = self._api.request_text("GET", "env", query={"session": session.name})
        matches = (_EXPORT.fullmatch(line) for line in exports.splitlines())
        variables = {match[1]: "".join(shlex.split(match[2])) for match in matches if match}
        return {**variables, **control_variables(self._api.url, self._api.token, session)}

    def drain(self, timeout: float) -> bool:
        """See `EmulatorHandle`. Waits for clients of other users of the emulator, too."""
        data = self._api.request_json("POST", "drain", query={"timeout": timeout}, waits=timeout)
        return bool(data["gone"])

    def strays(self) -> tuple[str, ...]:
        """See `EmulatorHandle`. Strays from before the connection are left out."""
        strays = self._api.request_json("GET", "emulator")["strays"]
        return tuple(stray for stray in strays if stray not in self._known)

    def unrouted_count(self) -> int:
        """See `EmulatorHandle`."""
        cursor, more = 0, self._stop_own is not None
        while more:
            query = {"since": cursor}
            page = self._api.request_json("GET", "sessions", DEFAULT, "requests", query=query)
            cursor, more = page["cursor"], page["more"]
        return cursor

    def close(self) -> None:
        """See `EmulatorHandle`."""
        if self._stop_own:
            self._stop_own()


def connect_to(url: str, token: str, settings: Settings) -> RemoteEmulator:
    """Return the emulator whose control API is at `url`, or without a token the one of this user on
    the port of the URL. Raises InputError if there is none."""
    if token:
        return RemoteEmulator(ControlClient(url, token), settings)
    port = urlsplit(url).port if "//" in url else None
    if port is None:
        raise InputError(InputIssue(f"--pixel-url {url}: write it as http://127.0.0.1:8080"))
    server = server_info.find_server(port)
    return RemoteEmulator(ControlClient(server.control, server.token), settings)


def start_process(command: Sequence[str], settings: Settings) -> RemoteEmulator:
    """Return an emulator that `command` runs for us. Raises InputError if that fails."""
    with ExitStack() as stack:
        stderr = stack.enter_context(tempfile.TemporaryFile())
        process = _popen([*command, *_serve_arguments(settings)], stderr)
        stack.callback(_stop, process)
        line = process.stdout.readline() if process.stdout else b""
        info = _parse_or_none(line)
        if info is None:
            if not has_ended(process, _STOP_SECONDS):
                process.kill()
            stderr.seek(0)
            output = stderr.read().decode(errors="replace").strip() or line.decode(errors="replace")
            reason = f"`{shlex.join(command)}` does not serve: {output}{NO_EMULATOR}"
            raise InputError(InputIssue(reason))
        end = ExitStack()
        client = ControlClient(info["control"], info["token"])
        emulator = RemoteEmulator(client, settings, end.close)
        end.enter_context(stack.pop_all())  # after the connection: until then this block stops it
        return emulator


def _serve_arguments(settings: Settings) -> list[str]:
    repeated = [(name, value) for name in ("hosts", "source") for value in getattr(settings, name)]
    return [
        *("serve", "--json", "--until-eof", "--port", "0", "--dialect", settings.dialect),
        *(f"--{name}={value}" for name, value in repeated),
        *(f"--{name}" for name in ("offline", "http2") if getattr(settings, name)),
    ]


def _popen(command: Sequence[str], error_file: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        # In a process group of its own, so that Ctrl-C does not reach it: we stop it at the end.
        # Its stdin is closed when this process ends, also if it is killed.
        return subprocess.Popen(  # noqa: S603 - the command is the user's
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=error_file,
            process_group=0,
        )
    except OSError as error:
        raise InputError(InputIssue(f"{command[0]}: {error.strerror}{NO_EMULATOR}")) from None


def _stop(process: "subprocess.Popen[bytes]") -> None:
    with process:  # closes its pipes at the end
        process.send_signal(signal.SIGTERM)
        if process.stdin:
            process.stdin.close()
        if not has_ended(process, _STOP_SECONDS):
            process.kill()


def _parse_or_none(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
