"""A session on an emulator in another process, over its control API; see `session.Session`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from pixel_emulator.core.errors import Document, InputError
from pixel_emulator.core.model import JSON, Evidence, Hit, PixelRequest
from pixel_emulator.core.recordings.entry import read_hit
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.files import read_write
from pixel_emulator.pytest_plugin.control_client import ControlClient
from pixel_emulator.runtime.clock import monotonic, utc_now
from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.settings import Settings

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
                self._hits = tuple(each for each in known if each.seq > self._cleared)
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
