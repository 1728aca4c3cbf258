"""Who may ask at all: a client on this machine that knows the token, and no web page."""

from collections.abc import Iterable
from hmac import compare_digest

from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixel_emulator.control.problems import ProblemError

_NAMES = ("127.0.0.1", "localhost", "[::1]")
_SAME_SITE = ("same-origin", "none")
_ALWAYS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


class Guards:
    """Stands before the application; it is asked only what has passed all guards.

    `public` are the paths that need no token. Those of `by_query` also take it as `?token=…`,
    for clients that cannot send a header, such as a browser that fetches its PAC file.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        token: str,
        public: Iterable[str],
        by_query: Iterable[str],
    ) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in _NAMES}
        self._token = token.encode()
        self._public = frozenset(public)
        self._by_query = frozenset(by_query)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _ALWAYS.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        app = self._app
        try:
            self._check(scope)
        except ProblemError as problem:
            app = problem.response()
        await app(scope, receive, send_guarded)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        # A name of a foreign site may have been made to lead here (DNS rebinding).
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            allowed = ", ".join(sorted(self._hosts))
            raise ProblemError("wrong-host", f"The Host header must be one of {allowed}.")
        origin = headers.get("origin")
        own = {f"http://{host}" for host in self._hosts}
        site = headers.get("sec-fetch-site", "none")
        if site not in _SAME_SITE or (origin is not None and origin not in own):
            raise ProblemError("cross-site", f"It comes from {origin or site}.")
        if scope["path"] not in self._public and not self._knows_token(scope, headers):
            raise ProblemError(
                "no-token",
                "Send the header `Authorization: Bearer TOKEN`, with the token of the ready line.",
                headers={"www-authenticate": "Bearer"},
            )

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        given = headers.getlist("authorization")
        if not given and scope["path"] in self._by_query and scope["method"] in ("GET", "HEAD"):
            tokens = QueryParams(scope["query_string"]).getlist("token")
        else:
            tokens = [each[7:].strip() for each in given if each[:7].lower() == "bearer "]
        # One and no more, so that nobody can ask for two readings.
        return len(tokens) == 1 and compare_digest(tokens[0].encode(), self._token)
