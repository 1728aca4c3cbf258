"""The control API as an ASGI application: the route table behind its guards."""

from collections.abc import Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Served
from starlette.types import ASGIApp

from pixel_emulator.control.asked import Asked, Backend
from pixel_emulator.control.guards import Guards
from pixel_emulator.control.problems import ProblemError
from pixel_emulator.control.reading import read_body, read_query
from pixel_emulator.control.routes import ROUTES
from pixel_emulator.control.table import Route


def application(backend: Backend, *, port: int, token: str) -> ASGIApp:
    """The application that answers on `port` to whoever knows the `token`."""
    by_path: dict[str, list[Route]] = {}
    for route in ROUTES:
        by_path.setdefault(route.path, []).append(route)
    app = Starlette(
        routes=[_served(path, routes, backend) for path, routes in by_path.items()],
        exception_handlers={
            ProblemError: _told,
            HTTPException: _not_found,
            Exception: _failed,
        },
    )
    app.router.redirect_slashes = False
    return Guards(
        app,
        port=port,
        token=token,
        public=[route.path for route in ROUTES if not route.token],
        by_query=[route.path for route in ROUTES if route.by_query],
    )


def _served(path: str, routes: Iterable[Route], backend: Backend) -> Served:
    """All methods of one path."""
    by_method = {route.method: route for route in routes}

    async def endpoint(request: Request) -> Response:
        route = by_method.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            allowed = ", ".join(by_method)
            detail = f"It takes {allowed}, not {request.method}."
            raise ProblemError("wrong-method", detail, headers={"allow": allowed})
        query = read_query(request, route.query, by_query=route.by_query)
        body = await read_body(request, str(query.get("file", "body")))
        asked = Asked(backend=backend, request=request, query=query, body=body)
        return await route.handler(asked)

    return Served(path, endpoint, methods=[])  # of all methods: a wrong one is a problem of ours


async def _told(request: Request, error: Exception) -> Response:
    return error.response() if isinstance(error, ProblemError) else await _failed(request, error)


async def _not_found(request: Request, _error: Exception) -> Response:
    return ProblemError("unknown-path", f"There is no {request.url.path}.").response()


async def _failed(_request: Request, error: Exception) -> Response:
    detail = f"{type(error).__name__}: {error}"
    # Starlette raises it again, and uvicorn then hangs up.
    return ProblemError("failed", detail, headers={"connection": "close"}).response()
