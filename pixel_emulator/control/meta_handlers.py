"""The routes about the emulator itself: what it is, what to trust, how to be led to it."""

import json
import os
from importlib.metadata import version

from starlette.responses import PlainTextResponse, Response

from pixel_emulator.command.environment import command_environment, shell_exports
from pixel_emulator.control import request_handlers, schemas
from pixel_emulator.control.context import RequestContext, json_response
from pixel_emulator.control.problems import ProblemError
from pixel_emulator.control.route import TEXT_TYPE, Answer, Query, Route, json_answer
from pixel_emulator.core.model import Payload
from pixel_emulator.runtime.session import LocalSession
from pixel_emulator.runtime.sessions import DEFAULT
from pixel_emulator.trust.stores import TrustStores

PEM_TYPE = "application/x-pem-file"
PAC_TYPE = "application/x-ns-proxy-autoconfig"


async def health(_asked: RequestContext) -> Response:
    """Whether it runs: if not, nobody would answer."""
    return json_response({"status": "ok"})


async def emulator(asked: RequestContext) -> Response:
    """Where it is, and what went wrong."""

    def told() -> Payload:
        found = asked.emulator
        return {
            "version": version("pixel-emulator"),
            "pid": os.getpid(),
            "proxy": found.proxy,
            "url": found.url,
            "port": found.port,
            "ca": str(found.authority.ca),
            "bundle": str(found.authority.bundle),
            "spki": found.authority.spki,
            "hosts": [*found.settings.hosts],
            "sessions": [each.name for each in found.sessions.all()],
            "strays": [*found.sessions.unrouted()],
            "failures": [*found.journal.failures],
        }

    return json_response(await asked.in_thread(told))


async def ca(asked: RequestContext) -> Response:
    """The CA that clients must trust."""
    return Response(
        await asked.in_thread(asked.emulator.authority.ca.read_bytes), media_type=PEM_TYPE
    )


async def bundle(asked: RequestContext) -> Response:
    """This CA, and all that the machine trusts."""

    def read() -> bytes:
        return asked.emulator.authority.bundle.read_bytes()  # it may have to be made first

    return Response(await asked.in_thread(read), media_type=PEM_TYPE)


async def spki(asked: RequestContext) -> Response:
    """The hash by which a browser accepts the CA."""
    return PlainTextResponse(asked.emulator.authority.spki)


async def pac(asked: RequestContext) -> Response:
    """A proxy configuration that leads a browser's pixels here, and nothing else."""
    proxy = (await asked.in_thread(lambda: _asked_for(asked).proxy)).removeprefix("http://")
    hosts = json.dumps([host.lower().rstrip(".") for host in asked.emulator.settings.hosts])
    script = (
        "function FindProxyForURL(url, host) {\n"
        f"  var emulated = {hosts};\n"
        '  host = host.toLowerCase().replace(/\\.$/, "");\n'
        f'  return emulated.indexOf(host) < 0 ? "DIRECT" : "PROXY {proxy}";\n'
        "}\n"
    )
    return Response(script, media_type=PAC_TYPE)


async def env(asked: RequestContext) -> Response:
    """Lines for a shell that lead its commands here."""
    session = _asked_for(asked)

    def exports() -> str:
        # A copy of this process's variables would tell about it, and belongs to nobody else.
        changes = command_environment(
            {},
            proxy=session.proxy,
            spki=session.spki,
            stores=TrustStores(session.ca.parent, session.ca),
            hosts=session.hosts,
        )
        return shell_exports({**changes.variables, "PIXEL_EMULATOR_URL": session.url})

    return PlainTextResponse(await asked.in_thread(exports))


def _asked_for(asked: RequestContext) -> LocalSession:
    """The session in the query, or the default one."""
    name = str(asked.query["session"])
    session = asked.emulator.sessions.get(name)
    if session is None:
        raise ProblemError("unknown-session", f'"{name}" is closed, or was never opened.')
    return session


_SHORT = 10  # seconds of a wait that nothing ends, not even the end of the emulator
_SESSION = Query(does="The session to be led to.", default=DEFAULT)
_PEM = Answer(status=200, does="Certificates, as PEM.", content={PEM_TYPE: schemas.TEXT})

ABOUT = (
    Route(
        at="GET /health",
        does="Whether the emulator runs.",
        handler=health,
        answer=json_answer("Health", "It does."),
        token=False,
    ),
    Route(
        at="GET /emulator",
        does="Where the emulator is, and what went wrong in it.",
        handler=emulator,
        answer=json_answer("Emulator", "What there is to know."),
    ),
    Route(
        at="GET /ca.pem",
        does="The CA that clients must trust.",
        handler=ca,
        answer=_PEM,
        by_query=True,
    ),
    Route(
        at="GET /bundle.pem",
        does="The CA, and all that the machine of the emulator trusts.",
        handler=bundle,
        answer=_PEM,
        by_query=True,
    ),
    Route(
        at="GET /spki",
        does="The hash by which a browser accepts the CA.",
        handler=spki,
        answer=Answer(status=200, does="Base64.", content={TEXT_TYPE: schemas.TEXT}),
        by_query=True,
    ),
    Route(
        at="GET /proxy.pac",
        does="A proxy configuration that leads a browser's pixels to a session.",
        handler=pac,
        answer=Answer(status=200, does="A script.", content={PAC_TYPE: schemas.TEXT}),
        query={"session": _SESSION},
        problems=("unknown-session",),
        by_query=True,
    ),
    Route(
        at="GET /env",
        does="Lines for a shell that lead its commands to a session.",
        handler=env,
        answer=Answer(status=200, does="Exports.", content={TEXT_TYPE: schemas.TEXT}),
        query={"session": _SESSION},
        problems=("unknown-session",),
        by_query=True,
    ),
    Route(
        at="POST /drain",
        does="Wait until all that clients have sent is known and all of them have gone.",
        handler=request_handlers.drain,
        answer=json_answer("Drained", "Whether they have."),
        query={
            "timeout": Query(
                does="Seconds to wait.", type="number", least=0, most=_SHORT, default=1.0
            )
        },
    ),
)
"""These routes, in the order in which the description has them."""
