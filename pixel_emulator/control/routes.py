"""The route table: all that the control API does, and all that its description says."""

from importlib.metadata import version

from starlette.responses import Response

from pixel_emulator.control import downloads, judging, listing, opening, schemas
from pixel_emulator.control.asked import Asked, json_response
from pixel_emulator.control.description import describe
from pixel_emulator.control.table import (
    JSON_TYPE,
    TEXT_TYPE,
    XML_TYPE,
    YAML_TYPE,
    Answer,
    Body,
    Query,
    Route,
)
from pixel_emulator.core.calls import CallType, Outcome
from pixel_emulator.sessions import DEFAULT

_SECONDS = 600
_GIVEN = Query(does="Values of the scenario's variables, as a JSON object.")
_FILE = Query(
    does="The file that the scenario comes from: for messages, and to find what it uses.",
    default="scenario.yaml",
)
_SESSION = Query(does="The session to be led to.", default=DEFAULT)
_PAGE = {
    "since": Query(
        does="Only what has a higher number: the `cursor` of the answer before.",
        type="integer",
        least=0,
        default=0,
    ),
    "limit": Query(
        does="How many requests to look at.", type="integer", least=1, most=10_000, default=1_000
    ),
    "type": Query(does="Only calls of this type.", choices=tuple(CallType)),
    "event": Query(does="Only calls with this event."),
    "userId": Query(does="Only calls of this user."),
    "outcome": Query(does="Only what would become this at Segment.", choices=tuple(Outcome)),
}
_PEM = Answer(status=200, does="Certificates, as PEM.", content={downloads.PEM_TYPE: schemas.TEXT})


def _scenario(*, required: bool) -> Body:
    return Body(does="A scenario file.", type=YAML_TYPE, schema=schemas.TEXT, required=required)


def _json(schema: str, does: str, status: int = 200) -> Answer:
    return Answer(status=status, does=does, content={JSON_TYPE: schemas.ref(schema)})


async def openapi(_asked: Asked) -> Response:
    """This table as an OpenAPI document."""
    return json_response(describe(ROUTES, version("pixel-emulator")))


ROUTES = (
    Route(
        at="GET /health",
        does="Whether the emulator runs.",
        handler=downloads.health,
        answer=_json("Health", "It does."),
        token=False,
    ),
    Route(
        at="GET /openapi.json",
        does="This description.",
        handler=openapi,
        answer=Answer(status=200, does="OpenAPI 3.1.", content={JSON_TYPE: {"type": "object"}}),
        token=False,
    ),
    Route(
        at="GET /emulator",
        does="Where the emulator is, and what went wrong in it.",
        handler=downloads.emulator,
        answer=_json("Emulator", "What there is to know."),
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
        at="GET /sessions",
        does="List the open sessions.",
        handler=opening.sessions,
        answer=_json("Sessions", "Their names."),
    ),
    Route(
        at="POST /sessions",
        does="Open a session, with a port of its own.",
        handler=opening.open_session,
        answer=_json("Session", "It is open.", 201),
        body=Body(
            does="What it shall be; by default it gets a name.",
            type=JSON_TYPE,
            schema=schemas.ref("NewSession"),
        ),
        problems=("name-taken",),
    ),
    Route(
        at="GET /sessions/{session}",
        does="Where the clients of a session go.",
        handler=opening.session,
        answer=_json("Session", "What there is to know."),
    ),
    Route(
        at="DELETE /sessions/{session}",
        does="Close a session: what still comes for it lands nowhere.",
        handler=opening.close_session,
        answer=Answer(status=204, does="It is closed."),
        problems=("default-stays",),
    ),
    Route(
        at="GET /sessions/{session}/requests",
        does="List all that arrived, as entries of a recording.",
        handler=listing.requests,
        answer=_json("Requests", "In order."),
        query=_PAGE,
    ),
    Route(
        at="POST /sessions/{session}/requests",
        does="Record a request as if it had arrived.",
        handler=listing.receive,
        answer=_json("Entry", "It is recorded.", 201),
        body=Body(
            does="The request; only its URL is needed.",
            type=JSON_TYPE,
            schema=schemas.ref("NewRequest"),
            required=True,
        ),
    ),
    Route(
        at="GET /sessions/{session}/calls",
        does="List what could be read as a call, and what would become of it.",
        handler=listing.calls,
        answer=_json("Calls", "In order."),
        query=_PAGE,
    ),
    Route(
        at="POST /sessions/{session}/wait",
        does="Wait until a scenario is met or impossible; without one, for more requests.",
        handler=judging.wait,
        answer=_json("Waited", "How the wait ended."),
        query={
            "timeout": Query(
                does="Seconds to wait; by default as long as the scenario says.",
                type="number",
                least=0,
                most=_SECONDS,
            ),
            "quiet": Query(
                does="Seconds of silence that are wanted once it is met.",
                type="number",
                least=0,
                most=_SECONDS,
            ),
            "cursor": Query(
                does="Without a scenario: wait until there is a request with a higher number.",
                type="integer",
                least=0,
            ),
            "since": Query(
                does="With a scenario: judge only requests with a higher number.",
                type="integer",
                least=0,
                default=0,
            ),
            "given": _GIVEN,
            "file": _FILE,
        },
        body=_scenario(required=False),
        problems=("session-closed", "stopping"),
    ),
    Route(
        at="POST /sessions/{session}/verify",
        does="Judge what has arrived so far by a scenario.",
        handler=judging.verify,
        answer=Answer(
            status=200,
            does="The verdict, met or not.",
            content={
                JSON_TYPE: schemas.ref("Verdict"),
                TEXT_TYPE: schemas.TEXT,
                XML_TYPE: schemas.TEXT,
            },
        ),
        query={"given": _GIVEN, "file": _FILE},
        body=_scenario(required=True),
        problems=("not-acceptable",),
    ),
    Route(
        at="POST /sessions/{session}/clear",
        does="Forget all that has arrived; what comes now is a run of its own.",
        handler=listing.clear,
        answer=Answer(status=204, does="It is forgotten."),
    ),
    Route(
        at="GET /sessions/{session}/recording",
        does="What has arrived, as a recording.",
        handler=listing.recording,
        answer=Answer(status=200, does="A recording.", content={YAML_TYPE: schemas.TEXT}),
    ),
)
"""Every route, in the order in which the description has them."""
