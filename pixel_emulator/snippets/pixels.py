"""Segment pixels of a page under Playwright, sent to a running pixel-emulator and verified there.

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
from typing import Any, Literal, Self, TypedDict, Unpack, overload
from urllib.parse import urlencode, urlsplit
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

from playwright import async_api, sync_api

type Level = Literal["fail", "warn", "ignore"]
type CallTypeName = Literal["identify", "track", "page", "screen", "group", "alias"]


class RequestFacts(TypedDict, total=False):
    host: object
    path: object
    form: object
    alphabet: object
    padded: object
    user_agent: object
    referer: object
    client: object
    fetch: object
    http: object


"""The HTTP request of a call."""


class CallFields(TypedDict, total=False):
    """One shape of a call."""

    identify: object
    track: object
    page: object
    screen: object
    group: object
    alias: object
    any: CallTypeName | None
    dropped: str | bool | None
    type: CallTypeName
    userId: object
    anonymousId: object
    event: object
    name: object
    category: object
    writeKey: object
    source: object
    properties: object
    traits: object
    previousId: object
    groupId: object
    context: object
    integrations: object
    messageId: object
    channel: object
    version: object
    timestamp: object
    sentAt: object
    originalTimestamp: object
    receivedAt: object
    request: RequestFacts
    note: str


class CallPattern(CallFields, total=False):
    """The keywords of `wait_for`."""

    one_of: Sequence[CallFields]


class ExpectedCall(CallPattern, total=False):
    """The keywords of `expect`."""

    times: int | str


_OneOf = TypedDict("_OneOf", {"one-of": Sequence[CallFields]}, total=False)


class CallDict(CallFields, _OneOf, total=False):
    """An item of `expect` in a scenario."""

    times: int | str
    id: str
    after: str
    within: str


DeniedContent = TypedDict(
    "DeniedContent",
    {"contains": object, "in": str, "except": Sequence[str], "because": str},
    total=False,
)
"""An item of `deny`."""


class StepDict(TypedDict, total=False):
    """An item of `steps`."""

    name: str
    client: str
    do: object
    expect: Sequence[CallDict]
    never: Sequence[CallDict]
    order: Literal["any", "listed", "strict"]
    within: str
    quiet: str
    since: Literal["start"]


class GivenDict(TypedDict, total=False):
    """The value of `given`."""

    profiles: Mapping[str, object]
    clock: str
    seed: int


class ScenarioDict(TypedDict, total=False):
    """A scenario, or with `scenarios` several of them, as in a scenario file."""

    name: str
    tags: Sequence[str]
    let: Mapping[str, object] | Sequence[str]
    cases: Sequence[Mapping[str, object]]
    given: GivenDict
    client: str
    do: object
    expect: Sequence[CallDict]
    never: Sequence[CallDict]
    steps: Sequence[StepDict]
    order: Literal["any", "listed", "strict"]
    within: str
    quiet: str
    deny: Sequence[DeniedContent]
    state: Mapping[str, Mapping[str, object]]
    plan: str | Mapping[str, str]
    unexpected: Level | Literal["same-event"]
    dropped: Level
    damaged: Level | Mapping[str, Sequence[str]]
    duplicates: Level
    unhandled: Level
    use: Sequence[str]
    define: Mapping[str, object]
    defaults: Mapping[str, object]
    scenarios: "Sequence[ScenarioDict]"


type File = str | os.PathLike[str]
type Values = Mapping[str, Any]
type Expected = File | ScenarioDict | CallDict | Sequence[CallDict]

# What makes a map a whole scenario, and no call.
_SCENARIO_KEYS = ("expect", "steps", "scenarios", "never", "deny", "state", "plan")
_POLICIES = ("unexpected", "dropped", "damaged", "duplicates", "unhandled")
_TIMEOUT = 30.0  # seconds for a response, in addition to those that the request asks to wait
_PUMP_MILLISECONDS = 10  # routes of the sync API run only inside calls of Playwright


class Redirector:
    """Redirects a browser's requests to the emulated hosts to the `url` of a session.

    `lost` has a sentence for each request that did not arrive there.
    """

    def __init__(self, url: str, hosts: Sequence[str]) -> None:
        self.url = url
        self.lost: list[str] = []
        self.forwarding: set[asyncio.Task[Any]] = set()
        names = "|".join(re.escape(host) for host in hosts)
        pattern = rf"^https?://([^/@]*@)?({names})\.?(:\d+)?(/|\?|$)"
        self._emulated = re.compile(pattern, re.IGNORECASE)
        self._handled: WeakSet[Any] = WeakSet()

    def redirect(self, context: sync_api.BrowserContext) -> None:
        """Redirect a context of the sync API: its pages, popups and workers."""
        if not self._is_redirected(context):
            self._listen(context)
            context.route(self._emulated, self._handle)

    async def redirect_async(self, context: async_api.BrowserContext) -> None:
        """Redirect a context of the async API."""
        if not self._is_redirected(context):
            self._listen(context)
            await context.route(self._emulated, self._handle_async)

    def lost_report(self) -> str:
        """Return the lost requests as a message, or an empty string."""
        return (
            "\n  ".join(["Requests did not reach the emulator:", *self.lost]) if self.lost else ""
        )

    def _is_redirected(self, context: Any) -> bool:
        """Return True if a context is redirected already; a second route would get nothing."""
        existing = _REDIRECTORS.setdefault(context, {}).setdefault(self.url, self)
        self.lost = existing.lost
        return existing is not self

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
        self._handled.add(route.request)
        task = asyncio.create_task(asyncio.to_thread(self._forward, route.request))
        self.forwarding.add(task)
        task.add_done_callback(self.forwarding.discard)
        answer = await task
        try:
            await (route.fulfill(**answer) if answer else route.abort())
        except async_api.Error as error:
            _unless_closed(error)

    def _forward(self, request: Any) -> dict[str, Any] | None:
        self._handled.add(request)
        target_path = re.sub(
            r"#.*", "", re.sub(r"^https?://[^/?#]*", "", request.url), flags=re.DOTALL
        )
        url = self.url + (target_path if target_path.startswith("/") else f"/{target_path}")
        try:
            status, headers, body = _send(
                url, request.method, request.headers, request.post_data_buffer
            )
        except (OSError, HTTPException) as error:
            self._report_lost(request, str(error))
            return None
        return {"status": status, "headers": headers, "body": body}

    def _watch(self, request: Any, *, ended: bool) -> None:
        if request in self._handled or not self._emulated.match(request.url):
            return
        if request.redirected_from:
            if not ended:
                self._report_lost(request, "page.route() does not see redirects; use the proxy")
        elif (
            ended and request.failure != "csp"
        ):  # requests blocked by the page's CSP are never sent
            self._report_lost(request, "another route took it")

    def _report_lost(self, request: Any, why: str) -> None:
        place = re.sub(r"[?#].*", "", request.url, flags=re.DOTALL)  # the query holds the write key
        self.lost.append(f"{request.method} {place}: {why}")


_REDIRECTORS: WeakKeyDictionary[Any, dict[str, Redirector]] = WeakKeyDictionary()
"""The redirector of each context and URL."""


class _Session:
    """A session of the emulator. Its methods block, so they are run in another thread."""

    def __init__(self, context: Any, rest: str, session: Values | None) -> None:
        if rest not in ("fail", "ignore"):
            raise ValueError(f'rest="{rest}": it is "fail" or "ignore"')
        self._context, self._rest = context, rest
        self._control, self._token = _control_api()
        expected = dict(session or {})
        if label := expected.get("name"):
            expected["name"] = _unique(str(label))
        created = self._request("POST", "/sessions", body=_as_json(expected, "session"))
        self.name: str = created["name"]
        self.url: str = created["url"]
        self._redirector = Redirector(self.url, created["hosts"])
        self._verified = 0
        self._failed = False
        self._entered = 0

    @property
    def lost(self) -> list[str]:
        """Requests that did not reach the emulator, a sentence each."""
        return self._redirector.lost

    def _enter(self) -> Redirector:
        self._entered += 1
        return self._redirector

    def _leave(self) -> bool:
        """Return True if the outermost context manager has been left, so that the session ends."""
        self._entered -= 1
        if not self._entered:
            _current.pop(self._context, None)
        return not self._entered

    def _expect(
        self, scenario: tuple[str, str], timeout: float | None, given: Values | None
    ) -> None:
        query = {"given": _as_json(given or {}, "given"), "since": self._verified}
        result = self._wait(scenario, timeout, **query)
        if not result["passed"]:
            self._failed = True
            raise AssertionError(result["report"])
        self._verified = result["cursor"]

    def _wait_for(self, scenario: tuple[str, str], timeout: float | None) -> Any:
        result = self._wait(scenario, timeout, quiet=0)
        if not result["passed"]:
            raise AssertionError(result["report"])
        first = min(result["verdict"]["scenarios"][0]["steps"][0]["expectations"][0]["claims"])
        return next(call for call in self._all("calls") if call["seq"] == first)

    def _wait(self, scenario: tuple[str, str], timeout: float | None, **query: Any) -> Any:
        text, file = scenario
        self._check_complete()
        given = {} if timeout is None else {"timeout": timeout}
        result = self._session_request(
            "POST", "/wait", {**query, **given, "file": file}, text, wait=600
        )
        result["report"] = result["report"].replace(f"{Path.cwd()}{os.sep}", "").rstrip()
        if not file.endswith((".yaml", ".yml")):  # only such a file can be rewritten
            result["report"] = re.sub(
                r"\n *to accept what happened.*", "", result["report"], flags=re.DOTALL
            )
        self._check_complete()
        return result

    def _all(self, collection: str) -> list[Any]:
        entries: list[Any] = []
        page = {"cursor": 0, "more": True}
        while page["more"]:
            page = self._session_request("GET", f"/{collection}", {"since": page["cursor"]})
            entries += page["entries"]
        self._check_complete()
        return entries

    def _clear(self) -> None:
        self._session_request("POST", "/clear")

    def _save(self, file: File) -> None:
        self._check_complete()
        Path(file).write_text(self._session_request("GET", "/recording"), encoding="utf-8")

    def _end(self, error: BaseException | None) -> None:
        reported = error is not None or self._failed
        try:
            if not reported:
                self._verify_rest()
        except AssertionError:
            reported = True
            raise
        finally:
            # A second error would hide the first.
            with suppress(*([RuntimeError] if reported else [])):
                self._session_request("DELETE")

    def _verify_rest(self) -> None:
        self._check_complete()
        if self._rest == "ignore":
            return
        page = self._session_request("GET", "/requests", {"since": self._verified})
        if page["entries"] or page["gaps"]:
            silence = json.dumps({"expect": []}), "the end of the test"
            result = self._wait(silence, 0, quiet=0, since=self._verified)
            if not result["passed"]:
                raise AssertionError(result["report"])

    def _check_complete(self) -> None:
        if self.lost:
            self._failed = True
            raise AssertionError(self._redirector.lost_report())

    def _session_request(self, method: str, collection: str = "", *more: Any, **others: Any) -> Any:
        return self._request(method, f"/sessions/{self.name}{collection}", *more, **others)

    def _request(
        self, method: str, where: str, query: Values | None = None, body: str = "", wait: float = 0
    ) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        target = f"{self._control}{where}{f'?{urlencode(query)}' if query else ''}"
        try:
            status, response_headers, data = _send(target, method, headers, body.encode(), wait)
        except (OSError, HTTPException) as error:
            message = f"the emulator at {self._control} does not answer: {error}"
            raise RuntimeError(message) from None
        text = data.decode()
        if status >= 400:
            problem = json.loads(text)
            if "mistakes" in problem:
                raise ValueError(problem["detail"])
            raise RuntimeError(f"the emulator says: {problem['title']} {problem['detail']}")
        return json.loads(text) if "json" in response_headers.get("content-type", "") else text


class Pixels(_Session):
    """The pixels of a context of the sync API. Lost requests and the like are AssertionErrors."""

    def __enter__(self) -> Self:
        self._enter().redirect(self._context)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._leave():
            self._run(self._end, error)

    def expect(
        self,
        expected: Expected | None = None,
        /,
        *,
        timeout: float | None = None,
        given: Values | None = None,
        **call: Unpack[ExpectedCall],
    ) -> None:
        """Wait until a scenario is met, for the time that it allows, or `timeout` seconds.

        It verifies everything that arrived since the previous `expect`. A string names a scenario
        file; otherwise give a call, a list of calls, or a whole scenario, in the notation of
        scenario files; a call may also be given by its fields. `given` are values of variables.
        Raises AssertionError with the report once the scenario cannot be met.
        """
        scenario_source = _scenario(_one_of(expected, call), _caller())
        self._run(self._expect, scenario_source, timeout, given)

    def wait_for(
        self,
        expected: CallDict | None = None,
        /,
        *,
        timeout: float | None = None,
        **call: Unpack[CallPattern],
    ) -> Any:
        """Wait for one such call, by default 5 seconds, and return it as data. Claims nothing."""
        return self._run(
            self._wait_for, _wait_scenario(_one_of(expected, call), _caller()), timeout
        )

    def calls(self) -> list[Any]:
        """Return the calls that arrived so far, each with what Segment would make of it."""
        entries: list[Any] = self._run(self._all, "calls")
        return entries

    def requests(self) -> list[Any]:
        """Return all requests so far, calls or not, as entries of a recording."""
        entries: list[Any] = self._run(self._all, "requests")
        return entries

    def clear(self) -> None:
        """Forget everything that has arrived."""
        self._run(self._clear)

    def save(self, file: File) -> None:
        """Write a recording of everything that arrived so far."""
        self._run(self._save, file)

    def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        with ThreadPoolExecutor(1) as threads:
            pump(self._context)
            doing = threads.submit(work, *arguments)
            while not doing.done() and pump(self._context):
                pass
            return doing.result()


class AsyncPixels(_Session):
    """As `Pixels`, for a context of the async API."""

    async def __aenter__(self) -> Self:
        await self._enter().redirect_async(self._context)
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._leave():
            await self._run_when_idle(self._end, error)

    async def expect(
        self,
        expected: Expected | None = None,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the emulator keeps the time
        given: Values | None = None,
        **call: Unpack[ExpectedCall],
    ) -> None:
        """See `Pixels`."""
        scenario_source = _scenario(_one_of(expected, call), _caller())
        await asyncio.to_thread(self._expect, scenario_source, timeout, given)

    async def wait_for(
        self,
        expected: CallDict | None = None,
        /,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
        **call: Unpack[CallPattern],
    ) -> Any:
        """See `Pixels`."""
        scenario_source = _wait_scenario(_one_of(expected, call), _caller())
        return await asyncio.to_thread(self._wait_for, scenario_source, timeout)

    async def calls(self) -> list[Any]:
        """See `Pixels`."""
        entries: list[Any] = await self._run_when_idle(self._all, "calls")
        return entries

    async def requests(self) -> list[Any]:
        """See `Pixels`."""
        entries: list[Any] = await self._run_when_idle(self._all, "requests")
        return entries

    async def clear(self) -> None:
        """See `Pixels`."""
        await self._run_when_idle(self._clear)

    async def save(self, file: File) -> None:
        """See `Pixels`."""
        await self._run_when_idle(self._save, file)

    async def _run_when_idle(self, work: Callable[..., Any], *arguments: Any) -> Any:
        if self._redirector.forwarding:
            await asyncio.wait(self._redirector.forwarding)
        return await asyncio.to_thread(work, *arguments)


_current: WeakValueDictionary[Any, Pixels | AsyncPixels] = WeakValueDictionary()
"""The open pixels of each context."""


@overload
def pixels(
    target: sync_api.Page | sync_api.BrowserContext,
    *,
    rest: str = "fail",
    session: Values | None = None,
) -> Pixels: ...
@overload
def pixels(
    target: async_api.Page | async_api.BrowserContext,
    *,
    rest: str = "fail",
    session: Values | None = None,
) -> AsyncPixels: ...
def pixels(
    target: Any, *, rest: str = "fail", session: Values | None = None
) -> Pixels | AsyncPixels:
    """Return the pixels of a page, its popups and workers; enter it before the page loads.

    The emulator is that of PIXEL_EMULATOR_CONTROL and PIXEL_EMULATOR_TOKEN, or the `serve` on port
    8080 (or PIXEL_EMULATOR_PORT). At the end, calls that no `expect` has verified are an
    AssertionError, unless `rest` is "ignore". `session` are the control API's settings of a new
    session, such as `{"dialect": "strict"}`; a `name` in it is a prefix. Until they end, the pixels
    of a context are the same object.
    """
    context = getattr(target, "context", target)
    current = _current.get(context)
    if current is None:
        kind = AsyncPixels if is_async(context) else Pixels
        current = _current[context] = kind(context, rest, session)
    return current


def is_async(context: object) -> bool:
    """Return True if a context is one of the async API."""
    return isinstance(context, async_api.BrowserContext)


def pump(context: sync_api.BrowserContext, milliseconds: float = _PUMP_MILLISECONDS) -> bool:
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
    """Return the frame of the test, two calls up."""
    return sys._getframe(2)  # noqa: SLF001 - `inspect` would read all files of the stack


def _one_of(expected: object, call: Mapping[str, object]) -> object:
    """Return a value, or the fields of a call. Raises TypeError unless exactly one is given."""
    if (expected is None) == (not call):
        raise TypeError('give a call as a map, {"track": "A"}, or by its fields, track="A"')
    if expected is not None:
        return expected
    fields = {"one-of" if key == "one_of" else key: value for key, value in call.items()}
    return {**fields, "dropped": None} if fields.get("dropped") is True else fields


def _scenario(expected: object, frame: FrameType) -> tuple[str, str]:
    """Return the text of a scenario, and the name of its file."""
    if isinstance(expected, str | os.PathLike):
        file = Path(expected).absolute()
        return file.read_text(encoding="utf-8"), str(file)
    if not isinstance(expected, Mapping):
        expected = {"expect": expected}
    elif not any(word in expected for word in _SCENARIO_KEYS):
        expected = {"expect": [expected]}
    # The empty lines make reports name the line of the test.
    return "\n" * (frame.f_lineno - 1) + _as_json(expected), frame.f_code.co_filename


def _wait_scenario(call: object, frame: FrameType) -> tuple[str, str]:
    ignoring = dict.fromkeys(_POLICIES, "ignore")
    wanted = {**call, "times": "1.."} if isinstance(call, Mapping) else call
    return _scenario({**ignoring, "expect": [wanted]}, frame)


def _as_json(value: object, path: str = "") -> str:
    """Return values of a test as JSON. Raises TypeError with the path of each that is no JSON."""
    issues: list[str] = []
    text = json.dumps(_json_value(value, path, issues))
    if issues:
        raise TypeError("\n".join(issues))
    return text


def _json_value(value: object, path: str, issues: list[str], above: tuple[object, ...] = ()) -> Any:
    converted: Any = value
    issue = "holds itself" if any(ancestor is value for ancestor in above) else ""
    if issue or value is None or isinstance(value, str | int):
        pass
    elif isinstance(value, float):
        issue = "" if math.isfinite(value) else f"is {value}, which JSON cannot say: use '$number'"
    elif isinstance(value, Mapping):
        if strange := [key for key in value if not isinstance(key, str)]:
            issue = f"the key {strange[0]!r} is no text, as all keys in JSON are"
        else:
            converted = {
                key: _json_value(member, _path(path, key), issues, (*above, value))
                for key, member in value.items()
            }
    elif isinstance(value, list | tuple):
        converted = [
            _json_value(item, f"{path}[{index}]", issues, (*above, value))
            for index, item in enumerate(value)
        ]
    elif isinstance(value, re.Pattern) and not path.startswith("given"):
        converted = _regex(value)
        issue = (
            ""
            if converted
            else f"{value!r} has no like in scenario files; of flags they know i, m, s"
        )
    else:
        matcher = "as '$string', '$any', '$/regex/' or {'$in': [...]}"
        issue = (
            f"{value!r} is no JSON: write what is sent, or a matcher of scenario files, {matcher}"
        )
    if issue:
        issues.append(f"{path}: {issue}")
        return None
    return converted


def _path(path: str, key: str) -> str:
    if re.fullmatch(r"""[^\s.[\]"\\]+""", key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"


def _regex(regex: re.Pattern[Any]) -> str | None:
    """Return a regex as scenario files write it, or None if its flags have no equivalent there.

    RE2 always reads Unicode.
    """
    known = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.UNICODE | re.ASCII
    if isinstance(regex.pattern, bytes) or regex.flags & ~known:
        return None
    inside = "".join(
        letter for letter, flag in (("m", re.MULTILINE), ("s", re.DOTALL)) if regex.flags & flag
    )
    mark = "i" if regex.flags & re.IGNORECASE else ""
    return f"$/{f'(?{inside})' if inside else ''}{regex.pattern}/{mark}"


def _unique(label: str) -> str:
    """Return a new session name: two tests may have the same label, and a retry has it, too."""
    words = re.sub(r"[^\w-]+", "-", label, flags=re.ASCII)
    return f"{words[:50]}-{secrets.token_hex(6)}"  # at most 64 characters


def _control_api() -> tuple[str, str]:
    """Return URL and token of the control API of the emulator that the environment names."""
    control = os.environ.get("PIXEL_EMULATOR_CONTROL")
    token = os.environ.get("PIXEL_EMULATOR_TOKEN")
    if control and token:
        return control.rstrip("/"), token
    port = os.environ.get("PIXEL_EMULATOR_PORT", "8080")
    folder = Path(tempfile.gettempdir(), f"pixel-emulator-{os.getuid()}")
    try:
        folder_status = folder.lstat()
        info = json.loads((folder / f"{port}.json").read_text(encoding="utf-8"))
    except OSError as error:
        advice = f"start `pixel-emulator serve --port {port}`, or set PIXEL_EMULATOR_CONTROL"
        message = f"no pixel-emulator is found: {advice} and PIXEL_EMULATOR_TOKEN ({error})"
        raise RuntimeError(message) from None
    if folder_status.st_uid != os.getuid() or stat.S_IMODE(folder_status.st_mode) & 0o077:
        raise RuntimeError(f"{folder} is not a private folder of yours; remove it")
    return info["control"], info["token"]


def _send(
    url: str, method: str, headers: Mapping[str, str], body: bytes | None, wait: float = 0
) -> tuple[int, dict[str, str], bytes]:
    """Send a request unchanged; other clients would add headers, or use a proxy."""
    address = urlsplit(url)
    target = url.partition(address.netloc)[2]
    host = address.hostname or ""
    connection = HTTPConnection(host, address.port, timeout=wait + _TIMEOUT)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            if name.lower() not in ("host", "content-length", "connection"):
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        response_headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, response_headers, response.read()
    finally:
        connection.close()


def _unless_closed(error: Exception) -> None:
    """Raise the error, unless it says that the page is closed: its call is recorded anyway."""
    if "closed" not in str(error):
        raise error
