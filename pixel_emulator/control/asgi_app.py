"""The control API as an ASGI application: the route table behind its middleware."""

from collections.abc import Iterable
from hmac import compare_digest

from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixel_emulator.control.problems import ProblemError
from pixel_emulator.control.request_context import AppState, RequestContext
from pixel_emulator.control.route import Route, read_body, read_query
from pixel_emulator.control.routes import ROUTES
from pixel_emulator.proxy.hosts import is_loopback

_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_SAME_SITE = ("same-origin", "none")
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


class Middleware:
    """Rejects requests from other sites or without the token before they reach the application.

    `host` is what the API listens on: on loopback, a Host header has to name loopback. `public` are
    the paths that need no token. The paths in `token_in_query` also accept it as
    `?token=…`, for clients that cannot send a header, such as a browser that fetches its PAC file.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        token: str,
        host: str,
        public: Iterable[str],
        token_in_query: Iterable[str],
    ) -> None:
        self._app = app
        # In a network this machine has names that nobody here knows; there the token protects it.
        names = (*_LOOPBACK_NAMES, f"[{host}]" if ":" in host else host.lower())
        self._hosts = {f"{name}:{port}" for name in names} if is_loopback(host) else None
        self._token = token.encode()
        self._public = frozenset(public)
        self._by_query = frozenset(token_in_query)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
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
        # The name of another site may resolve to this address (DNS rebinding).
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1:
            raise ProblemError("wrong-host", "There must be one Host header.")
        if self._hosts is not None and hosts[0] not in self._hosts:
            allowed = ", ".join(sorted(self._hosts))
            raise ProblemError("wrong-host", f"The Host header must be one of {allowed}.")
        origin = headers.get("origin")
        own = {f"http://{host}" for host in self._hosts or hosts}
        site = headers.get("sec-fetch-site", "none")
        if site not in _SAME_SITE or (origin is not None and origin not in own):
            raise ProblemError("cross-site", f"It comes from {origin or site}.")
        if scope["path"] not in self._public and not self._has_token(scope, headers):
            raise ProblemError(
                "no-token",
                "Send the header `Authorization: Bearer TOKEN`, with the token of the ready line.",
                headers={"www-authenticate": "Bearer"},
            )

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        credentials = headers.getlist("authorization")
        if (
            not credentials
            and scope["path"] in self._by_query
            and scope["method"] in ("GET", "HEAD")
        ):
            tokens = QueryParams(scope["query_string"]).getlist("token")
        else:
            tokens = [value[7:].strip() for value in credentials if value[:7].lower() == "bearer "]
        # Exactly one: two could be read differently by two programs.
        return len(tokens) == 1 and compare_digest(tokens[0].encode(), self._token)


def application(state: AppState, *, port: int, token: str, host: str) -> ASGIApp:
    """Return the application that serves `port` of `host` for clients with the `token`."""
    by_path: dict[str, list[Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, []).append(route)
    app = Starlette(
        routes=[_starlette_route(path, routes, state) for path, routes in by_path.items()],
        exception_handlers={
            ProblemError: _problem_response,
            HTTPException: _not_found,
            Exception: _bug_response,
        },
    )
    app.router.redirect_slashes = False
    return Middleware(
        app,
        port=port,
        token=token,
        host=host,
        public=[route.path for route in ROUTES if not route.needs_token],
        token_in_query=[route.path for route in ROUTES if route.token_in_query],
    )


def _starlette_route(path: str, routes: Iterable[Route], state: AppState) -> StarletteRoute:
    """Return the Starlette route for all methods of one path."""
    by_method = {route.method: route for route in routes}

    async def endpoint(request: Request) -> Response:
        route = by_method.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            allowed = ", ".join(by_method)
            detail = f"It takes {allowed}, not {request.method}."
            raise ProblemError("wrong-method", detail, headers={"allow": allowed})
        query = read_query(request, route.query, token_in_query=route.token_in_query)
        body = await read_body(request, str(query.get("file", "body")))
        context = RequestContext(state=state, request=request, query=query, body=body)
        return await route.handler(context)

    # Accept all methods: the endpoint reports a wrong one.
    return StarletteRoute(path, endpoint, methods=[])


async def _problem_response(request: Request, error: Exception) -> Response:
    return (
        error.response() if isinstance(error, ProblemError) else await _bug_response(request, error)
    )


async def _not_found(request: Request, _error: Exception) -> Response:
    return ProblemError("unknown-path", f"There is no {request.url.path}.").response()


async def _bug_response(_request: Request, error: Exception) -> Response:
    detail = f"{type(error).__name__}: {error}"
    # Starlette raises the error again, and uvicorn then closes the connection.
    return ProblemError("failed", detail, headers={"connection": "close"}).response()
