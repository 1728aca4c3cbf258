"""Routes about the emulator itself: its state, its certificates, and how to use it as a proxy."""

import json
import os
from importlib.metadata import version

from starlette.responses import PlainTextResponse, Response

from pixel_emulator.command.environment import command_environment, shell_exports
from pixel_emulator.control import request_handlers, schemas
from pixel_emulator.control.problems import ProblemError
from pixel_emulator.control.request_context import RequestContext, json_response
from pixel_emulator.control.route import TEXT_TYPE, QueryParameter, Route, Success, json_success
from pixel_emulator.core.model import Payload
from pixel_emulator.runtime.session import LocalSession
from pixel_emulator.runtime.sessions import DEFAULT
from pixel_emulator.trust.stores import TrustStores

PEM_TYPE = "application/x-pem-file"
PAC_TYPE = "application/x-ns-proxy-autoconfig"


async def health(_context: RequestContext) -> Response:
    """Return that the emulator runs."""
    return json_response({"status": "ok"})


async def emulator(context: RequestContext) -> Response:
    """Return the emulator's addresses and failures."""

    def describe() -> Payload:
        running = context.emulator
        return {
            "version": version("pixel-emulator"),
            "pid": os.getpid(),
            "proxy": context.reachable(running.proxy),
            "url": context.reachable(running.url),
            "port": running.port,
            "ca": str(running.authority.ca),
            "bundle": str(running.authority.bundle),
            "spki": running.authority.spki,
            "hosts": [*running.settings.hosts],
            "sessions": [session.name for session in running.sessions.all()],
            "strays": [*running.sessions.unrouted()],
            "failures": [*running.journal.failures],
        }

    return json_response(await context.in_thread(describe))


async def ca(context: RequestContext) -> Response:
    """Return the CA that clients must trust."""
    return Response(
        await context.in_thread(context.emulator.authority.ca.read_bytes), media_type=PEM_TYPE
    )


async def bundle(context: RequestContext) -> Response:
    """Return this CA and everything that the machine trusts."""

    def read() -> bytes:
        return context.emulator.authority.bundle.read_bytes()  # the file may have to be made first

    return Response(await context.in_thread(read), media_type=PEM_TYPE)


async def spki(context: RequestContext) -> Response:
    """Return the hash by which a browser accepts the CA."""
    return PlainTextResponse(context.emulator.authority.spki)


async def pac(context: RequestContext) -> Response:
    """Return a proxy configuration that routes a browser's pixels here, and nothing else."""
    own = await context.in_thread(lambda: _session_of_query(context).proxy)
    proxy = context.reachable(own).removeprefix("http://")
    hosts = json.dumps([host.lower().rstrip(".") for host in context.emulator.settings.hosts])
    script = (
        "function FindProxyForURL(url, host) {\n"
        f"  var emulated = {hosts};\n"
        '  host = host.toLowerCase().replace(/\\.$/, "");\n'
        f'  return emulated.indexOf(host) < 0 ? "DIRECT" : "PROXY {proxy}";\n'
        "}\n"
    )
    return Response(script, media_type=PAC_TYPE)


async def env(context: RequestContext) -> Response:
    """Return shell lines that make its commands use the emulator."""
    session = _session_of_query(context)

    def exports() -> str:
        # Only the changes: this process's own variables are nobody else's business.
        changes = command_environment(
            {},
            proxy=context.reachable(session.proxy),
            spki=session.spki,
            stores=TrustStores(session.ca.parent, session.ca),
            hosts=session.hosts,
        )
        return shell_exports(
            {**changes.variables, "PIXEL_EMULATOR_URL": context.reachable(session.url)}
        )

    return PlainTextResponse(await context.in_thread(exports))


def _session_of_query(context: RequestContext) -> LocalSession:
    """Return the session in the query, or the default one. Raises ProblemError if it is not
    open."""
    name = str(context.query["session"])
    session = context.emulator.sessions.get(name)
    if session is None:
        raise ProblemError("unknown-session", f'"{name}" is closed, or was never opened.')
    return session


_MAX_DRAIN = 10  # seconds; nothing ends this wait early, not even the end of the emulator
_SESSION_PARAMETER = QueryParameter(description="The session to use.", default=DEFAULT)
_PEM_SUCCESS = Success(
    status=200, description="Certificates, as PEM.", content={PEM_TYPE: schemas.TEXT}
)

META_ROUTES = (
    Route(
        operation="GET /health",
        summary="Whether the emulator runs.",
        handler=health,
        success=json_success("Health", "It runs."),
        needs_token=False,
    ),
    Route(
        operation="GET /emulator",
        summary="Where the emulator is, and what went wrong in it.",
        handler=emulator,
        success=json_success("Emulator", "What there is to know."),
    ),
    Route(
        operation="GET /ca.pem",
        summary="The CA that clients must trust.",
        handler=ca,
        success=_PEM_SUCCESS,
        token_in_query=True,
    ),
    Route(
        operation="GET /bundle.pem",
        summary="The CA, and all that the machine of the emulator trusts.",
        handler=bundle,
        success=_PEM_SUCCESS,
        token_in_query=True,
    ),
    Route(
        operation="GET /spki",
        summary="The hash by which a browser accepts the CA.",
        handler=spki,
        success=Success(status=200, description="Base64.", content={TEXT_TYPE: schemas.TEXT}),
        token_in_query=True,
    ),
    Route(
        operation="GET /proxy.pac",
        summary="A proxy configuration that routes a browser's pixels to a session.",
        handler=pac,
        success=Success(status=200, description="A script.", content={PAC_TYPE: schemas.TEXT}),
        query={"session": _SESSION_PARAMETER},
        problems=("unknown-session",),
        token_in_query=True,
    ),
    Route(
        operation="GET /env",
        summary="Lines for a shell that make its commands use a session.",
        handler=env,
        success=Success(status=200, description="Exports.", content={TEXT_TYPE: schemas.TEXT}),
        query={"session": _SESSION_PARAMETER},
        problems=("unknown-session",),
        token_in_query=True,
    ),
    Route(
        operation="POST /drain",
        summary="Wait until all that clients have sent is known and all of them have disconnected.",
        handler=request_handlers.drain,
        success=json_success("Drained", "Whether they have."),
        query={
            "timeout": QueryParameter(
                description="Seconds to wait.",
                type="number",
                minimum=0,
                maximum=_MAX_DRAIN,
                default=1.0,
            )
        },
    ),
)
"""These routes, in the order of the OpenAPI document."""
