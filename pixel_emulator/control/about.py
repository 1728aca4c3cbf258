"""The routes about the emulator itself: what it is, what to trust, how to be led to it."""

from pixel_emulator.control import downloads, marking, schemas
from pixel_emulator.control.table import TEXT_TYPE, Answer, Query, Route, json_answer
from pixel_emulator.runtime.sessions import DEFAULT

_SHORT = 10  # seconds of a wait that nothing ends, not even the end of the emulator
_SESSION = Query(does="The session to be led to.", default=DEFAULT)
_PEM = Answer(status=200, does="Certificates, as PEM.", content={downloads.PEM_TYPE: schemas.TEXT})

ABOUT = (
    Route(
        at="GET /health",
        does="Whether the emulator runs.",
        handler=downloads.health,
        answer=json_answer("Health", "It does."),
        token=False,
    ),
    Route(
        at="GET /emulator",
        does="Where the emulator is, and what went wrong in it.",
        handler=downloads.emulator,
        answer=json_answer("Emulator", "What there is to know."),
    ),
    Route(
        at="GET /ca.pem",
        does="The CA that clients must trust.",
        handler=downloads.ca,
        answer=_PEM,
        by_query=True,
    ),
    Route(
        at="GET /bundle.pem",
        does="The CA, and all that the machine of the emulator trusts.",
        handler=downloads.bundle,
        answer=_PEM,
        by_query=True,
    ),
    Route(
        at="GET /spki",
        does="The hash by which a browser accepts the CA.",
        handler=downloads.spki,
        answer=Answer(status=200, does="Base64.", content={TEXT_TYPE: schemas.TEXT}),
        by_query=True,
    ),
    Route(
        at="GET /proxy.pac",
        does="A proxy configuration that leads a browser's pixels to a session.",
        handler=downloads.pac,
        answer=Answer(status=200, does="A script.", content={downloads.PAC_TYPE: schemas.TEXT}),
        query={"session": _SESSION},
        problems=("unknown-session",),
        by_query=True,
    ),
    Route(
        at="GET /env",
        does="Lines for a shell that lead its commands to a session.",
        handler=downloads.env,
        answer=Answer(status=200, does="Exports.", content={TEXT_TYPE: schemas.TEXT}),
        query={"session": _SESSION},
        problems=("unknown-session",),
        by_query=True,
    ),
    Route(
        at="POST /drain",
        does="Wait until all that clients have sent is known and all of them have gone.",
        handler=marking.drain,
        answer=json_answer("Drained", "Whether they have."),
        query={
            "timeout": Query(
                does="Seconds to wait.", type="number", least=0, most=_SHORT, default=1.0
            )
        },
    ),
)
"""These routes, in the order in which the description has them."""
