"""The route table: all that the control API does, and all that its description says."""

from importlib.metadata import version

from starlette.responses import Response

from pixel_emulator.control import request_handlers, schemas, session_handlers, verify_handlers
from pixel_emulator.control.context import RequestContext, json_response
from pixel_emulator.control.meta_handlers import ABOUT
from pixel_emulator.control.openapi import describe
from pixel_emulator.control.route import (
    JSON_TYPE,
    TEXT_TYPE,
    XML_TYPE,
    YAML_TYPE,
    Answer,
    Body,
    Query,
    Route,
    json_answer,
)
from pixel_emulator.core.model import CallType, Outcome

_SECONDS = 600
_HIGHEST = 10**15 - 1  # the number of a request, far from where JSON loses digits
_GIVEN = Query(does="Values of the scenario's variables, as a JSON object.")
_FILE = Query(
    does="The file that the scenario comes from: for messages, and to find what it uses.",
    default="scenario.yaml",
)
_WRITE_KEYS = {
    "write_keys": Query(
        does="How write keys are given: `whole` is for a client that asserts them.",
        choices=request_handlers.WRITE_KEYS,
        default=request_handlers.MASKED,
    )
}
_PAGE = {
    **_WRITE_KEYS,
    "since": Query(
        does="Only what has a higher number: the `cursor` of the answer before.",
        type="integer",
        least=0,
        most=_HIGHEST,
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


def _scenario(*, required: bool) -> Body:
    return Body(does="A scenario file.", type=YAML_TYPE, schema=schemas.DOCUMENT, required=required)


async def openapi(_asked: RequestContext) -> Response:
    """This table as an OpenAPI document."""
    return json_response(describe(ROUTES, version("pixel-emulator")))


ROUTES = (
    *ABOUT,
    Route(
        at="GET /openapi.json",
        does="This description.",
        handler=openapi,
        answer=Answer(status=200, does="OpenAPI 3.1.", content={JSON_TYPE: {"type": "object"}}),
        token=False,
    ),
    Route(
        at="GET /sessions",
        does="List the open sessions.",
        handler=session_handlers.sessions,
        answer=json_answer("Sessions", "Their names."),
    ),
    Route(
        at="POST /sessions",
        does="Open a session, with a port of its own.",
        handler=session_handlers.open_session,
        answer=json_answer("Session", "It is open.", 201),
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
        handler=session_handlers.session,
        answer=json_answer("Session", "What there is to know."),
    ),
    Route(
        at="DELETE /sessions/{session}",
        does="Close a session: what still comes for it lands nowhere.",
        handler=session_handlers.close_session,
        answer=Answer(status=204, does="It is closed."),
        problems=("default-stays",),
    ),
    Route(
        at="GET /sessions/{session}/requests",
        does="List all that arrived, as entries of a recording.",
        handler=request_handlers.requests,
        answer=json_answer("Requests", "In order."),
        query=_PAGE,
    ),
    Route(
        at="POST /sessions/{session}/requests",
        does="Record a request as if it had arrived.",
        handler=request_handlers.receive,
        answer=json_answer("Entry", "It is recorded.", 201),
        query=_WRITE_KEYS,
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
        handler=request_handlers.calls,
        answer=json_answer("Calls", "In order."),
        query=_PAGE,
    ),
    Route(
        at="POST /sessions/{session}/wait",
        does="Wait until a scenario is met or impossible; without one, for more requests.",
        handler=verify_handlers.wait,
        answer=json_answer("Waited", "How the wait ended."),
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
                most=_HIGHEST,
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
        handler=verify_handlers.verify,
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
        handler=request_handlers.clear,
        answer=Answer(status=204, does="It is forgotten."),
    ),
    Route(
        at="POST /sessions/{session}/run",
        does="Begin a run: no earlier call makes one that comes now a duplicate.",
        handler=request_handlers.run,
        answer=Answer(status=204, does="It has begun."),
        body=Body(
            does="The time from which calls are stamped; the time of day without one.",
            type=JSON_TYPE,
            schema=schemas.ref("Run"),
        ),
    ),
    Route(
        at="POST /sessions/{session}/step",
        does="Begin a step: what comes now belongs to it; with an empty title, to none.",
        handler=request_handlers.step,
        answer=Answer(status=204, does="It has begun."),
        body=Body(does="Its title.", type=JSON_TYPE, schema=schemas.ref("Step"), required=True),
    ),
    Route(
        at="POST /sessions/{session}/acted",
        does="Note that steps have done what they do, just now.",
        handler=request_handlers.acted,
        answer=Answer(status=204, does="It is noted."),
        body=Body(does="Their titles.", type=JSON_TYPE, schema=schemas.ref("Acted"), required=True),
    ),
    Route(
        at="GET /sessions/{session}/recording",
        does="What has arrived, as a recording.",
        handler=request_handlers.recording,
        answer=Answer(status=200, does="A recording.", content={YAML_TYPE: schemas.DOCUMENT}),
    ),
)
"""Every route, in the order in which the description has them."""
