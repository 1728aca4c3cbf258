"""The fixture `pixels`: the calls of one session, and what a test expects of them."""

import os
import re
from collections.abc import Callable
from email.message import Message
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixel_emulator.core.endpoint.pixel import request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.matching.expected import ABSENT, Absent
from pixel_emulator.core.model import JSON, Hit, PixelRequest, Problem
from pixel_emulator.core.profiles.identity import Profiles, fold
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import DEFAULT_WITHIN
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.files.file_io import read_bytes
from pixel_emulator.pytest_plugin.keyword_expectations import expectation_of
from pixel_emulator.pytest_plugin.lazy_emulator import routed
from pixel_emulator.pytest_plugin.marks import Choices
from pixel_emulator.pytest_plugin.scenario_context import Expecting
from pixel_emulator.pytest_plugin.shared_calls import Asked, SeenCall, SharedCalls, first_call, seen
from pixel_emulator.pytest_plugin.source_lines import Home, MisuseError, is_held_up, on_its_line
from pixel_emulator.pytest_plugin.verdicts import CLOSED, message, places
from pixel_emulator.runtime.session import Session

if TYPE_CHECKING:
    from pixel_emulator.email.message import Mail

_URL = ("http://", "https://", "/v1/")
_PATH = re.compile(r"\S*|.*\.(html?|eml|mbox|mjml|txt)", re.IGNORECASE)
_LONGEST_PATH = 4_096  # characters; longer ones name no file on any system
_EMPTY = "the text is empty: was it rendered?"
_TAKES = "`receive` takes a URL, HTML, or a mail (text, bytes, a message object, a path)"


def requested(given: object, hosts: tuple[str, ...]) -> list[PixelRequest]:
    """Return the request for a URL, or those of every pixel that a client without scripts loads.

    `given` is a URL, HTML or the source of a mail as text; HTML, a mail or an mbox in bytes; a
    message of the standard library, of Django or of Flask-Mail; or the path of a file. Raises
    MisuseError for anything else, and for what cannot be read as a whole.
    """
    words = _words(given)
    if len(words) == 1 and words[0].startswith(_URL):
        return [request_from_url(words[0])]
    if words and all(word.startswith(_URL) for word in words):
        raise MisuseError(f"`receive` takes one URL at a time, but got {len(words)}")
    return [request_from_url(url) for mail in _mails(given) for url in _urls(mail, hosts)]


def _words(given: object) -> list[str]:
    """Return the words of a text, or of its bytes, if it may be a URL; else none."""
    if isinstance(given, bytes | bytearray):
        given = bytes(given).decode(errors="replace")
    return given.split() if isinstance(given, str) and "<" not in given else []


def _mails(given: object) -> "tuple[Mail, ...]":
    from pixel_emulator.email.source import read, read_text

    if isinstance(given, str | bytes | bytearray) and not given.strip():
        raise MisuseError(f"{_TAKES}, but {_EMPTY}")
    if isinstance(given, str):
        text = given.strip()
        if "<" not in text and len(text) <= _LONGEST_PATH and _PATH.fullmatch(text):
            return _of_file(Path(text), given)
        return read_text(text)
    if isinstance(given, bytes | bytearray | memoryview):
        return read("", bytes(given))
    if isinstance(given, os.PathLike):
        return _of_file(Path(os.fsdecode(given)), given)
    source = _source(given)
    if not source.strip():
        raise MisuseError(f"{_TAKES}, but {_EMPTY}")
    return read(".eml", source)


def _of_file(path: Path, given: object) -> "tuple[Mail, ...]":
    from pixel_emulator.email.source import read

    try:
        return read(path.name, read_bytes(path))
    except InputError as error:
        raise MisuseError(f"{_TAKES}, but got {_shown(given)}: {error}") from None


def _source(message: object) -> bytes:
    """Return the source of a message object.

    The standard library and Flask-Mail have `as_bytes`; Django has `message`, which makes one of
    the standard library. Raises MisuseError for any other object, and for one that makes none.
    """
    if isinstance(message, type):
        raise MisuseError(f"{_TAKES}, but got {_shown(message)}")
    as_bytes, make = (getattr(message, name, None) for name in ("as_bytes", "message"))
    try:
        if not callable(as_bytes) and callable(make) and isinstance(made := make(), Message):
            as_bytes = made.as_bytes
        source = as_bytes() if callable(as_bytes) else None
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).partition('\n')[0]}"
        raise MisuseError(f"`receive` cannot read {_shown(message)}: {why}") from error
    if not isinstance(source, bytes):
        raise MisuseError(f"{_TAKES}, but got {_shown(message)}")
    return source


def _urls(mail: "Mail", hosts: tuple[str, ...]) -> list[str]:
    from pixel_emulator.email.limits import LimitError
    from pixel_emulator.email.unrequested import search_html

    where = f"{mail.title}: " if mail.title else ""
    if mail.reason and not mail.is_text:
        raise MisuseError(f"`receive` cannot read this: {where}{mail.reason}")
    try:
        search = search_html(mail.shown, hosts=hosts, charset=mail.url_charset)
    except LimitError as error:
        raise MisuseError(f"`receive` cannot read this: {where}{error}") from None
    if undecoded := next((pixel for pixel in search.unrequested if pixel.is_undecoded), None):
        raise MisuseError(f"`receive` cannot read this: {where}{undecoded.sentence}")
    return [
        pixel.url for pixel in search.pixels if pixel.is_requested and not pixel.has_custom_domain
    ]


def _shown(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:60]}…"


if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.run_recording import SessionRecording
    from pixel_emulator.pytest_plugin.snapshots import Updating


_BLOCKED = (
    "the wait held up the event loop of the test: write `async with pixels.expecting(…)`, "
    "or `await asyncio.to_thread(pixels.wait_for, …)`"
)
"""What is said of a wait in vain, in whose thread a coroutine was running."""


class Pixels:
    """The pixel calls of one test. Safe to use from any thread.

    What is expected is judged at once, against the calls that no scenario file has claimed; at the
    end of the test all is judged together. In an async test it is `async with` before `expecting`,
    and `wait_for` belongs into a thread:
    `await asyncio.to_thread(pixels.wait_for, track="Email Opened")`.
    """

    absent: Absent = ABSENT
    """What is expected where a key must be missing: `properties={"coupon": pixels.absent}`."""

    def __init__(
        self,
        session: Session,
        *,
        home: Home,
        choices: Choices,
        label: str,
        environ: Callable[[], dict[str, str]],
        folders: tuple[Path, ...] = (),
        update: "Updating | None" = None,
        part: "SessionRecording | None" = None,
    ) -> None:
        self.session = session
        self.home = home
        self.choices = choices
        self.label = label
        self.pool = SharedCalls(session, folders, choices.policies, update)
        self.asked = Asked(self.pool, home, choices.policies)
        self._environ = environ
        self._part = part
        self.raised: list[AssertionError] = []
        self.judged: int | None = None  # the number of the last call, once the test was judged

    @property
    def proxy(self) -> str:
        """The URL of a proxy whose emulated requests land in this test only."""
        return self.session.proxy

    @property
    def url(self) -> str:
        """A server for direct requests: `{pixels.url}/v1/pixel/track?data=…`."""
        return self.session.url

    @property
    def ca(self) -> Path:
        """The CA that clients of the proxy must trust, as PEM."""
        return self.session.ca

    @property
    def bundle(self) -> Path:
        """This CA and all that the machine trusts, as PEM."""
        return self.session.bundle

    @property
    def spki(self) -> str:
        """The hash by which Chromium accepts the CA: `--ignore-certificate-errors-spki-list`."""
        return self.session.spki

    @property
    def env(self) -> dict[str, str]:
        """The variables that lead a command here: `subprocess.run(…, env=os.environ | env)`."""
        return self._environ()

    @property
    def requests(self) -> tuple[Hit, ...]:
        """Everything that came over the wire, in order."""
        return self.session.evidence().hits

    @property
    def calls(self) -> tuple[SeenCall, ...]:
        """The pixel calls among them."""
        return seen(self.requests)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with any of them."""
        return tuple(problem for hit in self.requests for problem in hit.problems)

    @property
    def state(self) -> Profiles:
        """The profiles that Segment would have now."""
        return fold(self.requests, {})

    @property
    def connections(self) -> int:
        """How many clients have connected."""
        return self.session.connections

    @on_its_line
    def expect(self, **call: object) -> None:
        """Expect a call, exactly once or as `times` says: `expect(track="Email Opened")`.

        The keywords are the words of a scenario file; values may also be of dirty-equals, regexes,
        `ANY`, classes, and functions. Raises AssertionError where such a call is lacking by now;
        it stays expected, so that a failure in a thread is not lost.
        """
        __tracebackhide__ = True
        wanted = expectation_of(call, self.home.here())
        if verdict := self.asked.add(wanted):
            raise self.failure(verdict, wanted)

    @on_its_line
    def expect_none(self, *, proven: bool = False) -> None:
        """Expect silence: nothing but what was expected before, now and up to the end.

        With `proven`, some client has to have connected. Raises AssertionError otherwise.
        """
        __tracebackhide__ = True
        verdict = self.asked.add_silence(proven=proven)
        if verdict.status is not Status.MET:
            raise self.failure(verdict)

    @on_its_line
    def wait_for(self, *, timeout: float = DEFAULT_WITHIN, **call: object) -> SeenCall:
        """Wait for a call, `timeout` seconds at most, and return the first; it claims nothing.

        Raises AssertionError where none came, and sooner where something came that must not: a
        call expected with `times=0`, or any after `expect_none`.
        """
        __tracebackhide__ = True
        if "times" in call:
            raise MisuseError("times: `wait_for` waits for one call; `expect` counts them")
        if not isinstance(timeout, int | float) or not isfinite(timeout):
            raise MisuseError(f"timeout: must be a number of seconds, but is {timeout!r}")
        wanted = expectation_of(call, self.home.here())
        result = first_call(self.pool, wanted, timeout, lambda: self.asked.scenario)
        if isinstance(result, Verdict):
            raise self.failure(result, waited=True)
        return result

    @on_its_line
    def expecting(self, file: str | os.PathLike[str], **given: JSON) -> Expecting:
        """A context in which a scenario file has to be met; its end waits as the file says.

        The file is looked for beside the test, then below the root of the run. `given` are values
        of its variables, no matchers. Leaving it raises AssertionError where the scenario is not
        met; that fails the test in any case, also in a thread. What other contexts that are open
        then, or `expect`, want of the calls is not unexpected to it.
        """
        __tracebackhide__ = True
        context = Expecting(
            self.pool,
            file,
            given,
            own=lambda: self.asked.scenario,
            failure=self.failure,
            location=self.home.here(),
        )
        self.pool.contexts += (context,)
        return context

    @on_its_line
    def receive(self, mail_or_url: object) -> tuple[SeenCall, ...]:
        """Request a URL, or every pixel that a mail client without scripts loads, and return them.

        A mail is HTML or its source as text or bytes, a message object of the standard library, of
        Django or of Flask-Mail, or the path of a file. Nothing goes over the network. Raises
        TypeError for anything else, and for a mail that cannot be read as a whole.
        """
        requests = requested(mail_or_url, self.session.hosts)
        return seen([self.session.receive(request) for request in requests])

    @on_its_line
    def route(self, page: object) -> Any:
        """Lead a Playwright page, or a whole context, here by `route()`: no CA and no proxy.

        With the async API: `await pixels.route(page)`. Do it before the page is loaded.
        """
        self.session, diverting = routed(self.session, page)
        self.pool.session = self.session
        return diverting

    def clear(self) -> None:
        """Forget all calls, and all that was expected of them."""
        self.asked.forget()
        self.pool.forget()
        if self._part:
            self._part.forget()
        self.session.clear()

    @on_its_line
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a recording of the calls so far."""
        self.session.save(Path(path))

    def failure(
        self, verdict: Verdict, first: Expectation | None = None, *, waited: bool = False
    ) -> AssertionError:
        """What is raised with a verdict that is not met, perhaps after a wait.

        Its first line is about `first`, if that is not met.
        """
        in_vain = waited and any(True for _ in places(verdict))
        hint = _BLOCKED if in_vain and is_held_up() else ""
        said = message(verdict, (self.home.file,), first=first, hint=hint)
        error = AssertionError(f"{CLOSED}: {said}" if self.session.closed else said)
        self.raised.append(error)
        return error

    def close(self) -> None:
        """End the session: late calls land nowhere."""
        self.session.close()
        if self._part:
            self._part.close()
