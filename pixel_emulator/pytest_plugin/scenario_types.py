"""Types of scenarios in Python, so that editors complete their keys and type checkers check them.

The keys are those of the scenario language. A value may be plain, a matcher of the language such as
`"$string"`, or an object that matches, such as one of dirty-equals; so its type is `object`.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

type Level = Literal["fail", "warn", "ignore"]
type CallTypeName = Literal["identify", "track", "page", "screen", "group", "alias"]


class RequestFacts(TypedDict, total=False):
    host: object
    path: object
    form: object
    alphabet: object
    padded: object
    user_agent: object
    referer: object
    client: object
    fetch: object
    http: object


"""The HTTP request of a call."""


class CallFields(TypedDict, total=False):
    """One shape of a call."""

    identify: object
    track: object
    page: object
    screen: object
    group: object
    alias: object
    any: CallTypeName | None
    dropped: str | bool | None
    type: CallTypeName
    userId: object
    anonymousId: object
    event: object
    name: object
    category: object
    writeKey: object
    source: object
    properties: object
    traits: object
    previousId: object
    groupId: object
    context: object
    integrations: object
    messageId: object
    channel: object
    version: object
    timestamp: object
    sentAt: object
    originalTimestamp: object
    receivedAt: object
    request: RequestFacts
    note: str


class CallPattern(CallFields, total=False):
    """The keywords of `wait_for`."""

    one_of: Sequence[CallFields]


class ExpectedCall(CallPattern, total=False):
    """The keywords of `expect`."""

    times: int | str


_OneOf = TypedDict("_OneOf", {"one-of": Sequence[CallFields]}, total=False)


class CallDict(CallFields, _OneOf, total=False):
    """An item of `expect` in a scenario."""

    times: int | str
    id: str
    after: str
    within: str


DeniedContent = TypedDict(
    "DeniedContent",
    {"contains": object, "in": str, "except": Sequence[str], "because": str},
    total=False,
)
"""An item of `deny`."""


class StepDict(TypedDict, total=False):
    """An item of `steps`."""

    name: str
    client: str
    do: object
    expect: Sequence[CallDict]
    never: Sequence[CallDict]
    order: Literal["any", "listed", "strict"]
    within: str
    quiet: str
    since: Literal["start"]


class GivenDict(TypedDict, total=False):
    """The value of `given`."""

    profiles: Mapping[str, object]
    clock: str
    seed: int


class ScenarioDict(TypedDict, total=False):
    """A scenario, or with `scenarios` several of them, as in a scenario file."""

    name: str
    tags: Sequence[str]
    let: Mapping[str, object] | Sequence[str]
    cases: Sequence[Mapping[str, object]]
    given: GivenDict
    client: str
    do: object
    expect: Sequence[CallDict]
    never: Sequence[CallDict]
    steps: Sequence[StepDict]
    order: Literal["any", "listed", "strict"]
    within: str
    quiet: str
    deny: Sequence[DeniedContent]
    state: Mapping[str, Mapping[str, object]]
    plan: str | Mapping[str, str]
    unexpected: Level | Literal["same-event"]
    dropped: Level
    damaged: Level | Mapping[str, Sequence[str]]
    duplicates: Level
    unhandled: Level
    use: Sequence[str]
    define: Mapping[str, object]
    defaults: Mapping[str, object]
    scenarios: "Sequence[ScenarioDict]"
