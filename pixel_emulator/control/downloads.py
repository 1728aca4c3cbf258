"""Routes about the emulator itself: its health, what to trust, and how to be led to it."""

import json
import os
from importlib.metadata import version

from starlette.responses import PlainTextResponse, Response

from pixel_emulator.command.environment import command_environment, shell_exports
from pixel_emulator.control.asked import Asked, json_response
from pixel_emulator.control.problems import ProblemError
from pixel_emulator.core.model import Payload
from pixel_emulator.runtime.session import LocalSession
from pixel_emulator.trust.stores import TrustStores

PEM_TYPE = "application/x-pem-file"
PAC_TYPE = "application/x-ns-proxy-autoconfig"


async def health(_asked: Asked) -> Response:
    """Whether it runs: if not, nobody would answer."""
    return json_response({"status": "ok"})


async def emulator(asked: Asked) -> Response:
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
            "strays": [*found.sessions.strays()],
            "failures": [*found.journal.failures],
        }

    return json_response(await asked.in_thread(told))


async def ca(asked: Asked) -> Response:
    """The CA that clients must trust."""
    return Response(
        await asked.in_thread(asked.emulator.authority.ca.read_bytes), media_type=PEM_TYPE
    )


async def bundle(asked: Asked) -> Response:
    """This CA, and all that the machine trusts."""

    def read() -> bytes:
        return asked.emulator.authority.bundle.read_bytes()  # it may have to be made first

    return Response(await asked.in_thread(read), media_type=PEM_TYPE)


async def spki(asked: Asked) -> Response:
    """The hash by which a browser accepts the CA."""
    return PlainTextResponse(asked.emulator.authority.spki)


async def pac(asked: Asked) -> Response:
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


async def env(asked: Asked) -> Response:
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


def _asked_for(asked: Asked) -> LocalSession:
    """The session in the query, or the default one."""
    name = str(asked.query["session"])
    session = asked.emulator.sessions.get(name)
    if session is None:
        raise ProblemError("unknown-session", f'"{name}" is closed, or was never opened.')
    return session
