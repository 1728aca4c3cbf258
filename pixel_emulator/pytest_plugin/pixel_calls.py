"""What a test works with: the calls of its own session, and what it expects of them."""

import os
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixel_emulator.core.matching.expected import ABSENT, Absent
from pixel_emulator.core.model import JSON, Hit, Problem
from pixel_emulator.core.profiles.identity import Profiles, fold
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import DEFAULT_WITHIN
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.pytest_plugin.asked import Asked
from pixel_emulator.pytest_plugin.awaiting import first_call
from pixel_emulator.pytest_plugin.choices import Choices
from pixel_emulator.pytest_plugin.expecting import Expecting
from pixel_emulator.pytest_plugin.judging import CLOSED, message, places
from pixel_emulator.pytest_plugin.keywords import expectation_of
from pixel_emulator.pytest_plugin.loops import BLOCKED, is_held_up
from pixel_emulator.pytest_plugin.places import Home, MisuseError, on_its_line
from pixel_emulator.pytest_plugin.pool import SharedCalls
from pixel_emulator.pytest_plugin.receiving import requested
from pixel_emulator.pytest_plugin.seen import SeenCall, seen
from pixel_emulator.runtime.session import Session

if TYPE_CHECKING:
    from pixel_emulator.pytest_plugin.parts import SessionRecording
    from pixel_emulator.pytest_plugin.snapshots import Updating


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
        return tuple(each for hit in self.requests for each in hit.problems)

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
        found = first_call(self.pool, wanted, timeout, lambda: self.asked.scenario)
        if isinstance(found, Verdict):
            raise self.failure(found, waited=True)
        return found

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
        return seen([self.session.receive(each) for each in requests])

    @on_its_line
    def route(self, page: object) -> Any:
        """Lead a Playwright page, or a whole context, here by `route()`: no CA and no proxy.

        With the async API: `await pixels.route(page)`. Do it before the page is loaded.
        """
        from pixel_emulator.pytest_plugin.routing import routed

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
        hint = BLOCKED if in_vain and is_held_up() else ""
        said = message(verdict, (self.home.file,), first=first, hint=hint)
        error = AssertionError(f"{CLOSED}: {said}" if self.session.closed else said)
        self.raised.append(error)
        return error

    def close(self) -> None:
        """End the session: late calls land nowhere."""
        self.session.close()
        if self._part:
            self._part.close()
