"""Segment pixels of a page under Playwright, led to a running pixel-emulator and judged there.

    from pixels import pixels

    with pixels(page) as s:  # of the async API: `async with`, and `await` before each method
        page.goto("https://example.com/signup")
        s.expect("scenarios/signup.yaml")

Needs `pixel-emulator serve` on this machine and Python 3.12, but no CA, no proxy, and no package
but Playwright.
Printed by `pixel-emulator client playwright-py`.
"""

import asyncio
import json
import math
import os
import re
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import Any, Self, overload
from urllib.parse import urlencode, urlsplit
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from playwright import async_api, sync_api

type File = str | os.PathLike[str]
type Call = Mapping[str, Any]
type Wanted = File | Call | Sequence[Call]

_WHOLE = ("expect", "steps", "scenarios")  # what makes a map a whole scenario, and no call
_POLICIES = ("unexpected", "dropped", "damaged", "duplicates", "unhandled")
_PATIENCE = 30.0  # seconds that an answer may take, beyond those that it was asked to wait
_GLANCE = 10  # milliseconds; routes of the sync API run only while Playwright is asked something


class Diversion:
    """Leads what a browser sends to the emulated hosts to the `url` of a session.

    `lost` has a sentence for each request that did not get there.
    """

    def __init__(self, url: str, hosts: Sequence[str]) -> None:
        self.url = url
        self.lost: list[str] = []
        self.underway: set[asyncio.Task[Any]] = set()
        names = "|".join(re.escape(host) for host in hosts)
        pattern = rf"^https?://([^/@]*@)?({names})\.?(:\d+)?(/|\?|$)"
        self._emulated = re.compile(pattern, re.IGNORECASE)
        self._taken: WeakSet[Any] = WeakSet()

    def sync(self, context: sync_api.BrowserContext) -> None:
        """Divert a context of the sync API: its pages, popups and workers."""
        if not self._is_led(context):
            self._listen(context)
            context.route(self._emulated, self._handle)

    async def asynchronous(self, context: async_api.BrowserContext) -> None:
        """Divert a context of the async API."""
        if not self._is_led(context):
            self._listen(context)
            await context.route(self._emulated, self._handle_async)

    def issue(self) -> str:
        """What is lost, or an empty text."""
        return (
            "\n  ".join(["Requests did not reach the emulator:", *self.lost]) if self.lost else ""
        )

    def _is_led(self, context: Any) -> bool:
        """Whether a context is led there already: of two routes one would take all."""
        known = _LED.setdefault(context, {}).setdefault(self.url, self)
        self.lost = known.lost
        return known is not self

    def _listen(self, context: Any) -> None:
        context.on("request", lambda request: self._watch(request, ended=False))
        context.on("requestfinished", lambda request: self._watch(request, ended=True))
        context.on("requestfailed", lambda request: self._watch(request, ended=True))

    def _handle(self, route: sync_api.Route) -> None:
        answer = self._forward(route.request)
        try:
            route.fulfill(**answer) if answer else route.abort()
        except sync_api.Error as error:
            _unless_closed(error)

    async def _handle_async(self, route: async_api.Route) -> None:
        self._taken.add(route.request)
        forwarding = asyncio.create_task(asyncio.to_thread(self._forward, route.request))
        self.underway.add(forwarding)
        forwarding.add_done_callback(self.underway.discard)
        answer = await forwarding
        try:
            await (route.fulfill(**answer) if answer else route.abort())
        except async_api.Error as error:
            _unless_closed(error)

    def _forward(self, request: Any) -> dict[str, Any] | None:
        self._taken.add(request)
        rest = re.sub(r"#.*", "", re.sub(r"^https?://[^/?#]*", "", request.url), flags=re.DOTALL)
        target = self.url + (rest if rest.startswith("/") else f"/{rest}")
        try:
            status, headers, body = _sent(
                target, request.method, request.headers, request.post_data_buffer
            )
        except (OSError, HTTPException) as error:
            self._lose(request, str(error))
            return None
        return {"status": status, "headers": headers, "body": body}

    def _watch(self, request: Any, *, ended: bool) -> None:
        if request in self._taken or not self._emulated.match(request.url):
            return
        if request.redirected_from:
            if not ended:
                self._lose(request, "page.route() does not see redirects; use the proxy")
        elif ended and request.failure != "csp":  # what a policy of the page blocks is never sent
            self._lose(request, "another route took it")

    def _lose(self, request: Any, why: str) -> None:
        place = re.sub(r"[?#].*", "", request.url, flags=re.DOTALL)  # the query holds the write key
        self.lost.append(f"{request.method} {place}: {why}")


_LED: WeakKeyDictionary[Any, dict[str, Diversion]] = WeakKeyDictionary()
"""By context and URL, what leads it there."""


class _Session:
    """A session of the emulator; its methods wait, and so run in another thread."""

    def __init__(self, context: Any, rest: str, session: Call | None) -> None:
        if rest not in ("fail", "ignore"):
            raise ValueError(f'rest="{rest}": it is "fail" or "ignore"')
        self._context, self._rest = context, rest
        self._control, self._token = _running()
        wanted = dict(session or {})
        if label := wanted.get("name"):
            wanted["name"] = _unique(str(label))
        told = self._asked("POST", "/sessions", body=_as_json(wanted, "session"))
        self.name: str = told["name"]
        self.url: str = told["url"]
        self._diversion = Diversion(self.url, told["hosts"])
        self._judged = 0
        self._failed = False
        self._entered = 0

    @property
    def lost(self) -> list[str]:
        """Requests that did not reach the emulator, a sentence each."""
        return self._diversion.lost

    def _enter(self) -> Diversion:
        self._entered += 1
        return self._diversion

    def _leave(self) -> bool:
        """Whether nobody is inside any more, so that it ends."""
        self._entered -= 1
        if not self._entered:
            _OPEN.pop(self._context, None)
        return not self._entered

    def _expect(self, question: tuple[str, str], timeout: float | None, given: Call | None) -> None:
        query = {"given": _as_json(given or {}, "given"), "since": self._judged}
        told = self._wait(question, timeout, **query)
        if not told["passed"]:
            self._failed = True
            raise AssertionError(told["report"])
        self._judged = told["cursor"]

    def _wait_for(self, question: tuple[str, str], timeout: float | None) -> Any:
        told = self._wait(question, timeout, quiet=0)
        if not told["passed"]:
            raise AssertionError(told["report"])
        first = min(told["verdict"]["scenarios"][0]["steps"][0]["expectations"][0]["claims"])
        return next(call for call in self._all("calls") if call["seq"] == first)

    def _wait(self, question: tuple[str, str], timeout: float | None, **query: Any) -> Any:
        text, file = question
        self._must_be_whole()
        given = {} if timeout is None else {"timeout": timeout}
        told = self._ask("POST", "/wait", {**query, **given, "file": file}, text, waits=600)
        told["report"] = told["report"].replace(f"{Path.cwd()}{os.sep}", "").rstrip()
        if not file.endswith((".yaml", ".yml")):  # only such a file can be rewritten
            told["report"] = re.sub(
                r"\n *to accept what happened.*", "", told["report"], flags=re.DOTALL
            )
        self._must_be_whole()
        return told

    def _all(self, what: str) -> list[Any]:
        found: list[Any] = []
        page = {"cursor": 0, "more": True}
        while page["more"]:
            page = self._ask("GET", f"/{what}", {"since": page["cursor"]})
            found += page["entries"]
        self._must_be_whole()
        return found

    def _clear(self) -> None:
        self._ask("POST", "/clear")

    def _save(self, file: File) -> None:
        self._must_be_whole()
        Path(file).write_text(self._ask("GET", "/recording"), encoding="utf-8")

    def _end(self, error: BaseException | None) -> None:
        told = error is not None or self._failed
        try:
            if not told:
                self._judge_the_rest()
        except AssertionError:
            told = True
            raise
        finally:
            # A second error would only hide the first.
            with suppress(*([RuntimeError] if told else [])):
                self._ask("DELETE")

    def _judge_the_rest(self) -> None:
        self._must_be_whole()
        if self._rest == "ignore":
            return
        page = self._ask("GET", "/requests", {"since": self._judged})
        if page["entries"] or page["gaps"]:
            silence = json.dumps({"expect": []}), "the end of the test"
            told = self._wait(silence, 0, quiet=0, since=self._judged)
            if not told["passed"]:
                raise AssertionError(told["report"])

    def _must_be_whole(self) -> None:
        if self.lost:
            self._failed = True
            raise AssertionError(self._diversion.issue())

    def _ask(self, method: str, what: str = "", *more: Any, **others: Any) -> Any:
        return self._asked(method, f"/sessions/{self.name}{what}", *more, **others)

    def _asked(
        self, method: str, where: str, query: Call | None = None, body: str = "", waits: float = 0
    ) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        target = f"{self._control}{where}{f'?{urlencode(query)}' if query else ''}"
        try:
            status, said_of, data = _sent(target, method, headers, body.encode(), waits)
        except (OSError, HTTPException) as error:
            gone = f"the emulator at {self._control} does not answer: {error}"
            raise RuntimeError(gone) from None
        text = data.decode()
        if status >= 400:
            problem = json.loads(text)
            if "mistakes" in problem:
                raise ValueError(problem["detail"])
            raise RuntimeError(f"the emulator says: {problem['title']} {problem['detail']}")
        return json.loads(text) if "json" in said_of.get("content-type", "") else text


class Pixels(_Session):
    """The pixels of a context of the sync API. Whatever cannot be trusted is an AssertionError."""

    def __enter__(self) -> Self:
        self._enter().sync(self._context)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._leave():
            self._pumping(self._end, error)

    def expect(
        self,
        wanted: Wanted | None = None,
        /,
        *,
        timeout: float | None = None,
        given: Call | None = None,
        **call: Any,
    ) -> None:
        """Wait until a scenario is met, at most as long as it says, or `timeout` seconds.

        It judges all that arrived since the `expect` before. A text names a scenario file; else
        it is a call, a list of calls, or a whole scenario, in the words of scenario files; a call
        may also be given by its fields. `given` are values of variables. Raises AssertionError
        with the report once it cannot be met.
        """
        question = _scenario(_either(wanted, call), _caller())
        self._pumping(self._expect, question, timeout, given)

    def wait_for(
        self, wanted: Call | None = None, /, *, timeout: float | None = None, **call: Any
    ) -> Any:
        """Wait for one such call, by default 5 seconds, and return it as data; claims nothing."""
        return self._pumping(self._wait_for, _awaited(_either(wanted, call), _caller()), timeout)

    def calls(self) -> list[Any]:
        """The calls that arrived so far, with what Segment would make of each."""
        found: list[Any] = self._pumping(self._all, "calls")
        return found

    def requests(self) -> list[Any]:
        """All that arrived so far, as entries of a recording: also what is no call."""
        found: list[Any] = self._pumping(self._all, "requests")
        return found

    def clear(self) -> None:
        """Forget all that has arrived."""
        self._pumping(self._clear)

    def save(self, file: File) -> None:
        """Write a recording of all that arrived so far."""
        self._pumping(self._save, file)

    def _pumping(self, work: Callable[..., Any], *arguments: Any) -> Any:
        with ThreadPoolExecutor(1) as threads:
            pump(self._context)
            doing = threads.submit(work, *arguments)
            while not doing.done() and pump(self._context):
                pass
            return doing.result()


class AsyncPixels(_Session):
    """As `Pixels`, for a context of the async API."""

    async def __aenter__(self) -> Self:
        await self._enter().asynchronous(self._context)
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._leave():
            await self._settled(self._end, error)

    async def expect(
        self,
        wanted: Wanted | None = None,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the emulator keeps the time
        given: Call | None = None,
        **call: Any,
    ) -> None:
        """See `Pixels`."""
        question = _scenario(_either(wanted, call), _caller())
        await asyncio.to_thread(self._expect, question, timeout, given)

    async def wait_for(
        self,
        wanted: Call | None = None,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        **call: Any,
    ) -> Any:
        """See `Pixels`."""
        question = _awaited(_either(wanted, call), _caller())
        return await asyncio.to_thread(self._wait_for, question, timeout)

    async def calls(self) -> list[Any]:
        """See `Pixels`."""
        found: list[Any] = await self._settled(self._all, "calls")
        return found

    async def requests(self) -> list[Any]:
        """See `Pixels`."""
        found: list[Any] = await self._settled(self._all, "requests")
        return found

    async def clear(self) -> None:
        """See `Pixels`."""
        await self._settled(self._clear)

    async def save(self, file: File) -> None:
        """See `Pixels`."""
        await self._settled(self._save, file)

    async def _settled(self, work: Callable[..., Any], *arguments: Any) -> Any:
        if self._diversion.underway:
            await asyncio.wait(self._diversion.underway)
        return await asyncio.to_thread(work, *arguments)


_OPEN: WeakValueDictionary[Any, Pixels | AsyncPixels] = WeakValueDictionary()
"""By context, the one whose end is still to come."""


@overload
def pixels(
    target: sync_api.Page | sync_api.BrowserContext,
    *,
    rest: str = "fail",
    session: Call | None = None,
) -> Pixels: ...
@overload
def pixels(
    target: async_api.Page | async_api.BrowserContext,
    *,
    rest: str = "fail",
    session: Call | None = None,
) -> AsyncPixels: ...
def pixels(target: Any, *, rest: str = "fail", session: Call | None = None) -> Pixels | AsyncPixels:
    """The pixels of a page, its popups and its workers: a context, to be entered before it loads.

    The emulator is that of PIXEL_EMULATOR_CONTROL and PIXEL_EMULATOR_TOKEN, or the `serve` on port
    8080 (or PIXEL_EMULATOR_PORT). At the end, calls that no `expect` has judged are an
    AssertionError, unless `rest` is "ignore". `session` is what the control API may be told of a
    new one: `{"dialect": "strict"}`; a `name` in it is what its own name begins with. Until they
    end, the pixels of a context are the same.
    """
    context = getattr(target, "context", target)
    found = _OPEN.get(context)
    if found is None:
        kind = AsyncPixels if is_async(context) else Pixels
        found = _OPEN[context] = kind(context, rest, session)
    return found


def is_async(context: object) -> bool:
    """Whether a context is one of the async API."""
    return isinstance(context, async_api.BrowserContext)


def pump(context: sync_api.BrowserContext, milliseconds: float = _GLANCE) -> bool:
    """Let the routes of a context of the sync API run for a moment; False without an open page."""
    page = next((page for page in context.pages if not page.is_closed()), None)
    if page is None:
        return False
    try:
        page.wait_for_timeout(milliseconds)
    except sync_api.Error as error:
        _unless_closed(error)
    return True


def _caller() -> FrameType:
    """The frame that called the method which asks."""
    return sys._getframe(2)  # noqa: SLF001 - `inspect` would read all files of the stack


def _either[T](wanted: T | None, call: Call) -> T | Call:
    """What is wanted: given as it is, or as the fields of a call. Raises TypeError for both."""
    if (wanted is None) == (not call):
        raise TypeError('give a call as a map, {"track": "A"}, or by its fields, track="A"')
    return call if wanted is None else wanted


def _scenario(wanted: Wanted, frame: FrameType) -> tuple[str, str]:
    """The text of a scenario, and the name of its file."""
    if isinstance(wanted, str | os.PathLike):
        file = Path(wanted).absolute()
        return file.read_text(encoding="utf-8"), str(file)
    if not isinstance(wanted, Mapping):
        wanted = {"expect": wanted}
    elif not any(word in wanted for word in _WHOLE):
        wanted = {"expect": [wanted]}
    # Empty lines before it, so that reports name the line of the test.
    return "\n" * (frame.f_lineno - 1) + _as_json(wanted), frame.f_code.co_filename


def _awaited(call: Call, frame: FrameType) -> tuple[str, str]:
    ignoring = dict.fromkeys(_POLICIES, "ignore")
    return _scenario({**ignoring, "expect": [{**call, "times": "1.."}]}, frame)


def _as_json(value: object, path: str = "") -> str:
    """Values of a test as JSON. Raises TypeError with the path of each that JSON cannot say."""
    issues: list[str] = []
    said = json.dumps(_plain(value, path, issues))
    if issues:
        raise TypeError("\n".join(issues))
    return said


def _plain(value: object, path: str, issues: list[str], above: tuple[object, ...] = ()) -> Any:
    found: Any = value
    wrong = "holds itself" if any(ancestor is value for ancestor in above) else ""
    if wrong or value is None or isinstance(value, str | int):
        pass
    elif isinstance(value, float):
        wrong = "" if math.isfinite(value) else f"is {value}, which JSON cannot say: use '$number'"
    elif isinstance(value, Mapping):
        if strange := [key for key in value if not isinstance(key, str)]:
            wrong = f"the key {strange[0]!r} is no text, as all keys in JSON are"
        else:
            found = {
                key: _plain(member, _path(path, key), issues, (*above, value))
                for key, member in value.items()
            }
    elif isinstance(value, list | tuple):
        found = [
            _plain(item, f"{path}[{index}]", issues, (*above, value))
            for index, item in enumerate(value)
        ]
    elif isinstance(value, re.Pattern) and not path.startswith("given"):
        found = _regex(value)
        wrong = (
            "" if found else f"{value!r} has no like in scenario files; of flags they know i, m, s"
        )
    else:
        matcher = "as '$string', '$any', '$/regex/' or {'$in': [...]}"
        wrong = (
            f"{value!r} is no JSON: write what is sent, or a matcher of scenario files, {matcher}"
        )
    if wrong:
        issues.append(f"{path}: {wrong}")
        return None
    return found


def _path(path: str, key: str) -> str:
    if re.fullmatch(r"""[^\s.[\]"\\]+""", key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"


def _regex(regex: re.Pattern[Any]) -> str | None:
    """A regex in the words of scenario files, if they have them: RE2 always reads Unicode."""
    known = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.UNICODE | re.ASCII
    if isinstance(regex.pattern, bytes) or regex.flags & ~known:
        return None
    inside = "".join(
        letter for letter, flag in (("m", re.MULTILINE), ("s", re.DOTALL)) if regex.flags & flag
    )
    mark = "i" if regex.flags & re.IGNORECASE else ""
    return f"$/{f'(?{inside})' if inside else ''}{regex.pattern}/{mark}"


def _unique(label: str) -> str:
    """A name that no session had before: two tests may have one label, and a retry has it, too."""
    words = re.sub(r"[^\w-]+", "-", label, flags=re.ASCII)
    return f"{words[:50]}-{secrets.token_hex(6)}"  # of 64 letters


def _running() -> tuple[str, str]:
    """The control API, and its token, of the emulator that the environment names."""
    control = os.environ.get("PIXEL_EMULATOR_CONTROL")
    token = os.environ.get("PIXEL_EMULATOR_TOKEN")
    if control and token:
        return control.rstrip("/"), token
    port = os.environ.get("PIXEL_EMULATOR_PORT", "8080")
    folder = Path(tempfile.gettempdir(), f"pixel-emulator-{os.getuid()}")
    try:
        found = folder.lstat()
        ready = json.loads((folder / f"{port}.json").read_text(encoding="utf-8"))
    except OSError as error:
        advice = f"start `pixel-emulator serve --port {port}`, or set PIXEL_EMULATOR_CONTROL"
        wrong = f"no pixel-emulator is found: {advice} and PIXEL_EMULATOR_TOKEN ({error})"
        raise RuntimeError(wrong) from None
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise RuntimeError(f"{folder} is not a private folder of yours; remove it")
    return ready["control"], ready["token"]


def _sent(
    url: str, method: str, headers: Mapping[str, str], body: bytes | None, waits: float = 0
) -> tuple[int, dict[str, str], bytes]:
    """Send a request byte for byte; other clients would add headers, or go through a proxy."""
    address = urlsplit(url)
    target = url.partition(address.netloc)[2]
    host = address.hostname or ""
    connection = HTTPConnection(host, address.port, timeout=waits + _PATIENCE)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            if name.lower() not in ("host", "content-length", "connection"):
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, said, answer.read()
    finally:
        connection.close()


def _unless_closed(error: Exception) -> None:
    """The page may be gone meanwhile; its call is recorded all the same."""
    if "closed" not in str(error):
        raise error
