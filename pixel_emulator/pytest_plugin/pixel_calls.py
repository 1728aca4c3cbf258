"""The fixture `pixels`: the calls of one session, and what a test expects of them."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from email.message import Message
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.errors import InputError, Location
from pixel_emulator.core.matching.expected import ABSENT, Absent
from pixel_emulator.core.model import JSON, Hit, HttpRequest, Problem, hits_of
from pixel_emulator.core.profiles.identity import Profiles, fold
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.scenario import DEFAULT_WITHIN
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.files.file_io import read_bytes
from pixel_emulator.pytest_plugin.keyword_expectations import (
    expectation_of,
    scenarios_of,
    variable_values,
)
from pixel_emulator.pytest_plugin.lazy_emulator import routed
from pixel_emulator.pytest_plugin.marks import MarkedOptions
from pixel_emulator.pytest_plugin.scenario_context import ScenarioContext
from pixel_emulator.pytest_plugin.shared_calls import (
    ExpectedCalls,
    ReceivedCall,
    SharedCalls,
    first_call,
    received_calls,
)
from pixel_emulator.pytest_plugin.source_lines import (
    MisuseError,
    SourceLines,
    in_coroutine,
    raised_at_caller,
)
from pixel_emulator.pytest_plugin.verdicts import CLOSED, message, unmet_locations
from pixel_emulator.runtime.session import Session

if TYPE_CHECKING:
    from pixel_emulator.email.mail import Mail

_URL = ("http://", "https://", "/v1/")
_PATH = re.compile(r"\S*|.*\.(html?|eml|mbox|mjml|txt)", re.IGNORECASE)
_LONGEST_PATH = 4_096  # characters; longer ones name no file on any system
_EMPTY = "the text is empty: was it rendered?"
_TAKES = "`receive` takes a URL, HTML, or a mail (text, bytes, a message object, a path)"


def requests_for(given: object, hosts: tuple[str, ...]) -> list[HttpRequest]:
    """Return the request for a URL, or those of every pixel that a client without scripts loads.

    `given` is a URL, HTML or the source of a mail as text; HTML, a mail or an mbox in bytes; a
    message of the standard library, of Django or of Flask-Mail; or the path of a file. Raises
    MisuseError for anything else, and for what cannot be read as a whole.
    """
    words = _url_words(given)
    if len(words) == 1 and words[0].startswith(_URL):
        return [request_from_url(words[0])]
    if words and all(word.startswith(_URL) for word in words):
        raise MisuseError(f"`receive` takes one URL at a time, but got {len(words)}")
    return [request_from_url(url) for mail in _mails(given) for url in _pixel_urls(mail, hosts)]


def _url_words(given: object) -> list[str]:
    """Return the words of a text, or of its bytes, if it may be a URL; else none."""
    if isinstance(given, bytes | bytearray):
        given = bytes(given).decode(errors="replace")
    return given.split() if isinstance(given, str) and "<" not in given else []


def _mails(given: object) -> "tuple[Mail, ...]":
    from pixel_emulator.email.mail_source import read, read_text

    if isinstance(given, str | bytes | bytearray) and not given.strip():
        raise MisuseError(f"{_TAKES}, but {_EMPTY}")
    if isinstance(given, str):
        text = given.strip()
        if "<" not in text and len(text) <= _LONGEST_PATH and _PATH.fullmatch(text):
            return _mails_of_file(Path(text), given)
        return read_text(text)
    if isinstance(given, bytes | bytearray | memoryview):
        return read("", bytes(given))
    if isinstance(given, os.PathLike):
        return _mails_of_file(Path(os.fsdecode(given)), given)
    source = _message_source(given)
    if not source.strip():
        raise MisuseError(f"{_TAKES}, but {_EMPTY}")
    return read(".eml", source)


def _mails_of_file(path: Path, given: object) -> "tuple[Mail, ...]":
    from pixel_emulator.email.mail_source import read

    try:
        return read(path.name, read_bytes(path))
    except InputError as error:
        raise MisuseError(f"{_TAKES}, but got {_short_repr(given)}: {error}") from None


def _message_source(message: object) -> bytes:
    """Return the source of a message object.

    The standard library and Flask-Mail have `as_bytes`; Django has `message`, which makes one of
    the standard library. Raises MisuseError for any other object, and for one that makes none.
    """
    if isinstance(message, type):
        raise MisuseError(f"{_TAKES}, but got {_short_repr(message)}")
    as_bytes, make = (getattr(message, name, None) for name in ("as_bytes", "message"))
    try:
        if not callable(as_bytes) and callable(make) and isinstance(made := make(), Message):
            as_bytes = made.as_bytes
        source = as_bytes() if callable(as_bytes) else None
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).partition('\n')[0]}"
        raise MisuseError(f"`receive` cannot read {_short_repr(message)}: {why}") from error
    if not isinstance(source, bytes):
        raise MisuseError(f"{_TAKES}, but got {_short_repr(message)}")
    return source


def _pixel_urls(mail: "Mail", hosts: tuple[str, ...]) -> list[str]:
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


def _short_repr(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.run_recording import SessionRecording
    from pixel_emulator.pytest_plugin.scenario_types import (
        CallDict,
        CallPattern,
        ExpectedCall,
        ScenarioDict,
    )
    from pixel_emulator.pytest_plugin.snapshots import Snapshot, UpdateGuard


_BLOCKED = (
    "the wait held up the event loop of the test: write `async with pixels.expecting(…)`, "
    "or `await asyncio.to_thread(pixels.wait_for, …)`"
)
"""Hint for a wait that timed out in the thread of a running coroutine."""


class Pixels:
    """The pixel calls of one test. Safe to use from any thread.

    Expectations are verified at once, against the calls that no scenario file has claimed; at the
    end of the test all are verified together. In an async test, `expecting` needs `async with`, and
    `wait_for` belongs into a thread: `await asyncio.to_thread(pixels.wait_for, track="Email
    Opened")`.
    """

    absent: Absent = ABSENT
    """Expected value of a key that must be missing: `properties={"coupon": pixels.absent}`."""

    def __init__(
        self,
        session: Session,
        *,
        source: SourceLines,
        options: MarkedOptions,
        label: str,
        environ: Callable[[], dict[str, str]],
        folders: tuple[Path, ...] = (),
        update: "UpdateGuard | None" = None,
        part: "SessionRecording | None" = None,
    ) -> None:
        self.session = session
        self.source = source
        self.options = options
        self.label = label
        self.shared_calls = SharedCalls(session, folders, options.policies, update)
        self.expected = ExpectedCalls(self.shared_calls, source, options.policies)
        self._environ = environ
        self._part = part
        self.raised: list[AssertionError] = []
        self.verified_up_to: int | None = None
        """Number of the last call when the test was verified; None before."""

    @property
    def proxy(self) -> str:
        """The URL of a proxy; emulated requests through it belong to this test."""
        return self.session.proxy

    @property
    def url(self) -> str:
        """The URL of a server for direct requests: `{pixels.url}/v1/pixel/track?data=…`."""
        return self.session.url

    @property
    def ca(self) -> Path:
        """The CA that clients of the proxy must trust, as PEM."""
        return self.session.ca

    @property
    def bundle(self) -> Path:
        """This CA and all CAs that the machine trusts, as PEM."""
        return self.session.bundle

    @property
    def spki(self) -> str:
        """The hash by which Chromium accepts the CA: `--ignore-certificate-errors-spki-list`."""
        return self.session.spki

    @property
    def env(self) -> dict[str, str]:
        """Variables for commands that use the proxy: `subprocess.run(…, env=os.environ | env)`."""
        return self._environ()

    @property
    def requests(self) -> tuple[Hit, ...]:
        """All requests that arrived, in order."""
        return self.session.evidence().hits

    @property
    def calls(self) -> tuple[ReceivedCall, ...]:
        """The pixel calls among the requests, in order."""
        return received_calls(self.requests)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems of all requests."""
        return tuple(problem for hit in self.requests for problem in hit.problems)

    @property
    def state(self) -> Profiles:
        """The profiles that Segment would have now: `pixels.state["user_1"]["traits"]`."""
        return fold(self.requests, {})

    @property
    def connections(self) -> int:
        """The number of clients that have connected."""
        return self.session.connections

    @raised_at_caller
    def expect(self, **call: "Unpack[ExpectedCall]") -> None:
        """Expect a call, exactly once or as `times` says: `expect(track="Email Opened")`.

        The keywords and texts are those of a scenario file: `"$string"` is a matcher, `"$$5"` the
        text `$5`. Values may also be of dirty-equals, regexes, `ANY`, classes, and functions.
        Raises AssertionError if such a call has not arrived; it stays expected, so that a failure
        in a thread is not lost.
        """
        __tracebackhide__ = True
        wanted = expectation_of(call, self.source.current_location())
        if verdict := self.expected.add(wanted):
            raise self.failure(verdict, wanted)

    @raised_at_caller
    def expect_none(self, *, proven: bool = True) -> None:
        """Expect silence: no other call than those expected before, now and up to the end.

        By the end of the test, a client must have connected, or a call must have come: else
        silence is not proven, and the test fails. With `proven=False` nothing need have come.
        Raises AssertionError for a call that came already.
        """
        __tracebackhide__ = True
        verdict = self.expected.expect_silence(proven=proven)
        if verdict.status is not Status.MET:
            raise self.failure(verdict)

    @raised_at_caller
    def wait_for(
        self, *, timeout: float = DEFAULT_WITHIN, **call: "Unpack[CallPattern]"
    ) -> ReceivedCall:
        """Wait at most `timeout` seconds for a call, and return the first; it claims nothing.

        Raises AssertionError if none came, and sooner if a call came that must not: one expected
        with `times=0`, or any after `expect_none`.
        """
        __tracebackhide__ = True
        if "times" in call:
            raise MisuseError("times: `wait_for` waits for one call; `expect` counts them")
        if not isinstance(timeout, int | float) or not isfinite(timeout):
            raise MisuseError(f"timeout: must be a number of seconds, but is {timeout!r}")
        wanted = expectation_of(call, self.source.current_location())
        result = first_call(self.shared_calls, wanted, timeout, lambda: self.expected.scenario)
        if isinstance(result, Verdict):
            raise self.failure(result, waited=True)
        return result

    @raised_at_caller
    def expecting(
        self,
        scenario: "str | os.PathLike[str] | ScenarioDict | CallDict | Sequence[CallDict]",
        /,
        **given: JSON,
    ) -> ScenarioContext:
        """Return a context whose calls must meet a scenario; its end waits as the scenario says.

        A scenario is the name of a file, searched for beside the test, then below the root of the
        run; or a dict with the keys of such a file, a call, or a list of calls. `given` are values
        of its variables, no matchers. Leaving the context raises AssertionError if the scenario is
        not met; this fails the test in any case, also in a thread. Calls that other open contexts,
        or `expect`, match are not unexpected to it.
        """
        __tracebackhide__ = True
        place = self.source.current_location()
        context = ScenarioContext(
            self.shared_calls,
            self.snapshot(scenario, given, place),
            own=lambda: self.expected.scenario,
            failure=self.failure,
            location=place,
        )
        self.shared_calls.contexts += (context,)
        return context

    @raised_at_caller
    def receive(self, mail_or_url: object) -> tuple[ReceivedCall, ...]:
        """Request a URL, or every pixel that a mail client without scripts loads, and return them.

        A mail is HTML or its source as text or bytes, a message object of the standard library, of
        Django or of Flask-Mail, or the path of a file. Nothing goes over the network. Raises
        TypeError for anything else, and for a mail that cannot be read as a whole.
        """
        requests = requests_for(mail_or_url, self.session.hosts)
        return received_calls(hits_of([self.session.receive(request) for request in requests]))

    @raised_at_caller
    def route(self, page: object) -> Any:
        """Route a Playwright page, or a whole context, to this test by `route()`: no CA, no proxy.

        With the async API: `await pixels.route(page)`. Call it before the page is loaded.
        """
        self.session, diverting = routed(self.session, page)
        self.shared_calls.session = self.session
        return diverting

    def clear(self) -> None:
        """Drop all calls and all expectations."""
        self.expected.forget()
        self.shared_calls.forget()
        if self._part:
            self._part.forget()
        self.session.clear()

    @raised_at_caller
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a recording of the calls so far."""
        self.session.save(Path(path))

    def snapshot(
        self, scenario: object, given: "Mapping[str, object]", place: Location
    ) -> "Snapshot":
        """Return a scenario of the test, a file or an object that stands at `place`.

        Raises MisuseError for values that no variable can have, and for mistakes in an object.
        """
        values = variable_values(given)
        if isinstance(scenario, str | os.PathLike):
            return self.shared_calls.snapshot(scenario, values)
        scenarios = scenarios_of(scenario, values, place, self.source.path)
        named = (replace(one, name=one.name or self.source.name) for one in scenarios)
        return self.shared_calls.inline(tuple(named), place.file)

    def failure(
        self, verdict: Verdict, first: Expectation | None = None, *, waited: bool = False
    ) -> AssertionError:
        """Return the error for a verdict that is not met, perhaps after a wait.

        Its first line is about the expectation `first`, if that is not met. The error is kept in
        `raised`.
        """
        timed_out = waited and any(True for _ in unmet_locations(verdict))
        hint = _BLOCKED if timed_out and in_coroutine() else ""
        text = message(verdict, (self.source.file,), first=first, hint=hint)
        error = AssertionError(f"{CLOSED}: {text}" if self.session.closed else text)
        self.raised.append(error)
        return error

    def close(self) -> None:
        """Close the session: later calls are strays."""
        self.session.close()
        if self._part:
            self._part.close()
