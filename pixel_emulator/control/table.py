"""What a route of the control API is: the data that serves it, reads its query and describes it."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.responses import Response

from pixel_emulator.control.asked import Asked
from pixel_emulator.control.schemas import ref
from pixel_emulator.core.model import JSON, Payload

type Value = int | float | str

JSON_TYPE = "application/json"
YAML_TYPE = "application/yaml"
TEXT_TYPE = "text/plain"
XML_TYPE = "application/xml"


class Handler(Protocol):
    """Answers a request; its name is that of the route."""

    __name__: str

    def __call__(self, asked: Asked, /) -> Awaitable[Response]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One parameter of a query. `type` is one of OpenAPI's: integer, number or string.

    Without `default` it is left out of what the handler gets, unless it was given.
    """

    does: str
    type: str = "string"
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    default: Value | None = None

    @property
    def schema(self) -> Payload:
        """As a JSON Schema."""
        found: dict[str, JSON] = {
            "type": self.type,
            "enum": [*self.choices] or None,
            "minimum": self.least,
            "maximum": self.most,
            "default": self.default,
        }
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request may carry: a text of this media type, described by a schema."""

    does: str
    type: str
    schema: Payload
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A success: its status, and each media type that it may have, with a schema."""

    status: int
    does: str
    content: Mapping[str, Payload] = field(default_factory=dict)


def json_answer(schema: str, does: str, status: int = 200) -> Answer:
    """A success with JSON, of this schema among the components."""
    return Answer(status=status, does=does, content={JSON_TYPE: ref(schema)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route, `at` a method and a path. `problems` are the kinds of failure of its own.

    Without `token` anybody on this machine may ask; with `by_query` the token may also stand in
    the query.
    """

    at: str
    does: str
    handler: Handler
    answer: Answer
    query: Mapping[str, Query] = field(default_factory=dict)
    body: Body | None = None
    problems: tuple[str, ...] = ()
    token: bool = True
    by_query: bool = False

    @property
    def method(self) -> str:
        """Its HTTP method."""
        return self.at.partition(" ")[0]

    @property
    def path(self) -> str:
        """Its path, with `{session}` where a name stands."""
        return self.at.partition(" ")[2]

    @property
    def name(self) -> str:
        """What a client would call it."""
        return self.handler.__name__

    @property
    def of_session(self) -> bool:
        """Whether its path names a session."""
        return "{session}" in self.path
