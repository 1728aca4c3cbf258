"""The route table of the control API: every operation, and the texts of its OpenAPI document."""

from importlib.metadata import version

from starlette.responses import Response

from pixel_emulator.control import request_handlers, schemas, session_handlers, verify_handlers
from pixel_emulator.control.meta_handlers import META_ROUTES
from pixel_emulator.control.openapi import describe
from pixel_emulator.control.request_context import RequestContext, json_response
from pixel_emulator.control.route import (
    JSON_TYPE,
    YAML_TYPE,
    QueryParameter,
    RequestBody,
    Route,
    Success,
    json_success,
)
from pixel_emulator.core.model import CallType, Outcome

_MAX_SECONDS = 600
_MAX_SEQ = 10**15 - 1  # number of a request; JSON readers keep all its digits
_GIVEN = QueryParameter(
    description="Values of the scenario's variables, as a JSON object.", type="object"
)
_FILE = QueryParameter(
    description="The file that the scenario comes from: for messages, and to find what it uses.",
    default="scenario.yaml",
)
_WRITE_KEYS = {
    "write_keys": QueryParameter(
        description="How write keys are given: `whole` is for a client that asserts them.",
        choices=request_handlers.WRITE_KEYS,
        default=request_handlers.MASKED,
    )
}
_PAGE_PARAMETERS = {
    **_WRITE_KEYS,
    "since": QueryParameter(
        description="Only what has a higher number: the `cursor` of the answer before.",
        type="integer",
        minimum=0,
        maximum=_MAX_SEQ,
        default=0,
    ),
    "limit": QueryParameter(
        description="How many requests to look at.",
        type="integer",
        minimum=1,
        maximum=10_000,
        default=1_000,
    ),
    "type": QueryParameter(description="Only calls of this type.", choices=tuple(CallType)),
    "event": QueryParameter(description="Only calls with this event."),
    "userId": QueryParameter(description="Only calls of this user."),
    "outcome": QueryParameter(
        description="Only what would have this outcome at Segment.", choices=tuple(Outcome)
    ),
}


def _scenario(*, required: bool) -> RequestBody:
    return RequestBody(
        description="A scenario file. `pixel-emulator scenario schema` prints its whole schema.",
        type=YAML_TYPE,
        schema=schemas.ref("Scenario"),
        required=required,
    )


async def openapi(_context: RequestContext) -> Response:
    """Return this table as an OpenAPI document."""
    return json_response(describe(ROUTES, version("pixel-emulator")))


ROUTES = (
    *META_ROUTES,
    Route(
        operation="GET /openapi.json",
        summary="This description.",
        handler=openapi,
        success=Success(
            status=200, description="OpenAPI 3.1.", content={JSON_TYPE: {"type": "object"}}
        ),
        needs_token=False,
    ),
    Route(
        operation="GET /sessions",
        summary="List the open sessions.",
        handler=session_handlers.sessions,
        success=json_success("Sessions", "Their names."),
    ),
    Route(
        operation="POST /sessions",
        summary="Open a session, with a port of its own.",
        handler=session_handlers.open_session,
        success=json_success("Session", "It is open.", 201),
        body=RequestBody(
            description="Its name and settings; by default it gets an unused name.",
            type=JSON_TYPE,
            schema=schemas.optional(schemas.ref("NewSession")),
        ),
        problems=("name-taken",),
    ),
    Route(
        operation="GET /sessions/{session}",
        summary="Where the clients of a session go.",
        handler=session_handlers.session,
        success=json_success("Session", "What there is to know."),
    ),
    Route(
        operation="DELETE /sessions/{session}",
        summary="Close a session: later requests for it are not recorded.",
        handler=session_handlers.close_session,
        success=Success(status=204, description="It is closed."),
        problems=("default-stays",),
    ),
    Route(
        operation="GET /sessions/{session}/requests",
        summary="List all that arrived, as entries of a recording.",
        handler=request_handlers.requests,
        success=json_success("Requests", "In order."),
        query=_PAGE_PARAMETERS,
    ),
    Route(
        operation="POST /sessions/{session}/requests",
        summary="Record a request as if it had arrived.",
        handler=request_handlers.receive,
        success=json_success("Entry", "It is recorded.", 201),
        query=_WRITE_KEYS,
        body=RequestBody(
            description="The request; only its URL is needed.",
            type=JSON_TYPE,
            schema=schemas.ref("NewRequest"),
            required=True,
        ),
    ),
    Route(
        operation="GET /sessions/{session}/calls",
        summary="List what could be read as a call, and what would become of it.",
        handler=request_handlers.calls,
        success=json_success("Calls", "In order."),
        query=_PAGE_PARAMETERS,
    ),
    Route(
        operation="POST /sessions/{session}/wait",
        summary="Wait until a scenario is met or impossible; without one, for more requests.",
        handler=verify_handlers.wait,
        success=json_success("Waited", "How the wait ended."),
        query={
            "timeout": QueryParameter(
                description="Seconds to wait; by default as long as the scenario says.",
                type="number",
                minimum=0,
                maximum=_MAX_SECONDS,
            ),
            "quiet": QueryParameter(
                description="Seconds of silence that are required once it is met.",
                type="number",
                minimum=0,
                maximum=_MAX_SECONDS,
            ),
            "cursor": QueryParameter(
                description="Without a scenario: wait until there is a request with a higher "
                "number.",
                type="integer",
                minimum=0,
                maximum=_MAX_SEQ,
            ),
            "since": QueryParameter(
                description="With a scenario: verify only requests with a higher number.",
                type="integer",
                minimum=0,
                default=0,
            ),
            "given": _GIVEN,
            "file": _FILE,
        },
        body=_scenario(required=False),
        problems=("session-closed", "stopping"),
    ),
    Route(
        operation="POST /sessions/{session}/verify",
        summary="Verify what has arrived so far by a scenario.",
        handler=verify_handlers.verify,
        success=Success(
            status=200,
            description="The verdict, met or not.",
            content={
                media_type: schemas.ref("Verdict") if media_type == JSON_TYPE else schemas.TEXT
                for media_type in verify_handlers.REPORTS
            },
        ),
        query={"given": _GIVEN, "file": _FILE},
        body=_scenario(required=True),
        problems=("not-acceptable",),
    ),
    Route(
        operation="POST /sessions/{session}/clear",
        summary="Forget all that has arrived and begin a new run.",
        handler=request_handlers.clear,
        success=Success(status=204, description="It is forgotten."),
    ),
    Route(
        operation="POST /sessions/{session}/run",
        summary="Begin a run: no earlier call makes a later one a duplicate.",
        handler=request_handlers.run,
        success=Success(status=204, description="It has begun."),
        body=RequestBody(
            description="The time from which calls are stamped; the time of day without one.",
            type=JSON_TYPE,
            schema=schemas.optional(schemas.ref("Run")),
        ),
    ),
    Route(
        operation="POST /sessions/{session}/step",
        summary="Begin a step for what arrives from now on; with an empty title, no step.",
        handler=request_handlers.step,
        success=Success(status=204, description="It has begun."),
        body=RequestBody(
            description="Its title.", type=JSON_TYPE, schema=schemas.ref("Step"), required=True
        ),
    ),
    Route(
        operation="POST /sessions/{session}/acted",
        summary="Note that the actions of steps ended just now.",
        handler=request_handlers.acted,
        success=Success(status=204, description="It is noted."),
        body=RequestBody(
            description="Their titles.", type=JSON_TYPE, schema=schemas.ref("Acted"), required=True
        ),
    ),
    Route(
        operation="GET /sessions/{session}/recording",
        summary="What has arrived, as a recording.",
        handler=request_handlers.recording,
        success=Success(
            status=200, description="A recording.", content={YAML_TYPE: schemas.DOCUMENT}
        ),
    ),
)
"""Every route, in the order of the OpenAPI document."""
