"""Data of a route of the control API, from which it is served, parsed and documented."""

from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from pixel_emulator.control.problems import ProblemError
from pixel_emulator.control.request_context import RequestContext
from pixel_emulator.control.schemas import ref
from pixel_emulator.core.errors import InputIssue, Location, did_you_mean
from pixel_emulator.core.model import JSON, Payload

type Value = int | float | str

JSON_TYPE = "application/json"
YAML_TYPE = "application/yaml"
TEXT_TYPE = "text/plain"


class Handler(Protocol):
    """Handles a request; its name is the `operationId` of the route."""

    __name__: str

    def __call__(self, context: RequestContext, /) -> Awaitable[Response]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameter:
    """One parameter of a query. `type` is one of OpenAPI's: integer, number or string; `object` is
    a JSON object, which the handler gets as text.

    Without `default`, the handler gets no value if the parameter is missing.
    """

    description: str
    type: str = "string"
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    default: Value | None = None

    @property
    def schema(self) -> Payload:
        """Return the parameter as a JSON Schema."""
        schema: dict[str, JSON] = {
            "type": self.type,
            "enum": [*self.choices] or None,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "default": self.default,
        }
        return {key: value for key, value in schema.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBody:
    """Body of a request: a text of this media type, described by a schema."""

    description: str
    type: str
    schema: Payload
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """Successful response: its status, and a schema for each media type that it may have."""

    status: int
    description: str
    content: Mapping[str, Payload] = field(default_factory=dict)


def json_success(schema: str, description: str, status: int = 200) -> Success:
    """Return a success with JSON of this schema among the components."""
    return Success(status=status, description=description, content={JSON_TYPE: ref(schema)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. `operation` is a method and a path, `problems` are its own kinds of problems.

    Unless it `needs_token`, any process on this machine may use it; with `token_in_query`, the
    token may also be a query parameter.
    """

    operation: str
    summary: str
    handler: Handler
    success: Success
    query: Mapping[str, QueryParameter] = field(default_factory=dict)
    body: RequestBody | None = None
    problems: tuple[str, ...] = ()
    needs_token: bool = True
    token_in_query: bool = False

    @property
    def method(self) -> str:
        """HTTP method of the route."""
        return self.operation.partition(" ")[0]

    @property
    def path(self) -> str:
        """Path of the route, with `{session}` in place of a name."""
        return self.operation.partition(" ")[2]

    @property
    def name(self) -> str:
        """The `operationId`, which is the name of the handler."""
        return self.handler.__name__

    @property
    def has_session(self) -> bool:
        """True if the path names a session."""
        return "{session}" in self.path


MAX_BODY = 1024 * 1024
"""Largest size of a body in bytes."""

TOKEN = "token"  # noqa: S105 - the name of a parameter


def read_query(
    request: Request, parameters: Mapping[str, QueryParameter], *, token_in_query: bool
) -> dict[str, Value]:
    """Return the values of a query, with defaults. Raises ProblemError with all its mistakes."""
    given = request.query_params
    allowed = {*parameters, TOKEN} if token_in_query else {*parameters}
    issues = [
        InputIssue(f"is unknown{did_you_mean(name, parameters)}", path=name)
        for name in given
        if name not in allowed
    ]
    values: dict[str, Value] = {}
    for name, query in parameters.items():
        texts = given.getlist(name)
        if len(texts) > 1:
            issues.append(InputIssue("is given more than once", path=name))
        elif texts:
            wrong = list(_value_errors(query, texts[0]))
            issues += [InputIssue(sentence, path=name) for sentence in wrong]
            values[name] = texts[0] if wrong else _parse_value(query, texts[0])
        elif query.default is not None:
            values[name] = query.default
    if issues:
        raise ProblemError("wrong-query", "\n".join(map(str, issues)), issues=issues)
    return values


async def read_body(request: Request, file: str = "") -> str:
    """Return the body as text. Raises ProblemError if it is too large, or not UTF-8."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise ProblemError(
                "too-large",
                f"A body may have {MAX_BODY:,} bytes.",
                headers={"connection": "close"},  # the rest is not read
            )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        issue = InputIssue(
            f"byte 0x{data[error.start]:02X} is not UTF-8", Location(file, line, column)
        )
        raise ProblemError("wrong-body", str(issue), issues=[issue]) from None


def _value_errors(query: QueryParameter, text: str) -> Iterator[str]:
    try:
        value = _parse_value(query, text)
    except ValueError:
        yield (
            f'must be a whole number, but is "{text}"'
            if query.type == "integer"
            else (f'must be a number, but is "{text}"')
        )
        return
    if query.choices and value not in query.choices:
        allowed = ", ".join(query.choices)
        yield f'"{text}" is none of {allowed}{did_you_mean(text, query.choices)}'
    if not isinstance(value, str):
        low, high = query.minimum, query.maximum
        # This form of the comparison rejects NaN, too.
        if not ((low is None or value >= low) and (high is None or value <= high)):
            yield f"must be from {low} to {high}, but is {text}"


def _parse_value(query: QueryParameter, text: str) -> Value:
    if query.type == "integer":
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise ValueError(text)
        return int(text)
    return float(text) if query.type == "number" else text
