"""The nouns of a scenario file: scenarios, steps, what they do, and what they forbid."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from pixel_emulator.core.errors import InputIssue, Location, SelectionError, did_you_mean
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.model import JSON, CallType, Hit, JsonPath, Payload
from pixel_emulator.core.redaction.masking import SHORTEST, mask
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.tracking_plan.plan import Plan

_ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"

DEFAULT_WITHIN = 5.0
"""Seconds that a live step waits until it is met, unless `within` says otherwise."""
DEFAULT_QUIET = 0.1
"""Seconds of silence that a live step wants once it is met, unless `quiet` says otherwise."""


class Level(StrEnum):
    """What a finding does to a scenario."""

    IGNORE = "ignore"
    WARN = "warn"
    FAIL = "fail"


class Policy(StrEnum):
    """The findings about a whole run that a scenario has a word on; the value is its key."""

    UNEXPECTED = "unexpected"
    DROPPED = "dropped"
    DAMAGED = "damaged"
    DUPLICATES = "duplicates"
    UNHANDLED = "unhandled"


DEFAULT_LEVELS: Mapping[Policy, Level] = MappingProxyType(
    {
        Policy.UNEXPECTED: Level.FAIL,
        Policy.DROPPED: Level.FAIL,
        Policy.DAMAGED: Level.FAIL,
        Policy.DUPLICATES: Level.WARN,
        Policy.UNHANDLED: Level.WARN,
    }
)


class Order(StrEnum):
    """In which order the calls of one list of expectations must come.

    `listed`: as the list has them, and other calls may come between. `strict`: and no other kept
    call between the first and the last of them.
    """

    ANY = "any"
    LISTED = "listed"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command: a text goes to the shell, a list is run as it is."""

    command: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """Open an HTML file or a mail as a mail client would; the path is relative to the scenario."""

    file: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send one call through the proxy."""

    type: CallType
    payload: Payload


@dataclass(frozen=True, slots=True)
class Replay:
    """Send the calls of a recording again; the path is relative to the scenario."""

    file: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds."""

    seconds: float


type Action = Run | Open | Send | Replay | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of a scenario: what it does, and the calls that it wants then.

    `within` and `quiet` are in seconds, None where the file does not say. With `since_start` the
    expectations see all calls of the scenario so far, else only those of their step.
    """

    expectations: tuple[Expectation, ...] = ()
    name: str = ""
    actions: tuple[Action, ...] = ()
    client: str = ""
    order: Order = Order.ANY
    within: float | None = None
    quiet: float | None = None
    since_start: bool = False
    location: Location = field(default_factory=Location)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """What no request may hold: `contains` at `path` (None: everything, also keys, URL, referer),
    but for the paths under `except_paths`."""

    contains: Expected
    path: JsonPath | None = None
    except_paths: tuple[JsonPath, ...] = ()
    because: str = ""
    location: Location = field(default_factory=Location)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What holds before a scenario begins.

    `profiles` seeds the identity graph, `clock` is the time of the first call (ISO 8601), `seed`
    makes generated ids repeatable.
    """

    profiles: Payload = field(default_factory=dict)
    clock: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What must and may arrive in one run; one row of `cases` makes one scenario.

    A scenario without `steps` has one step without a name. `case` tells the rows of one scenario
    from each other. `same_event` narrows `unexpected` to calls of a type and name that an
    expectation mentions. `accepted` holds the damage codes that no longer count as damage.
    `stated_policies` are the policies about which the file says something itself.
    `variables` are the variables without a value, each with what its value has to match. `plans`
    are tracking plans by version, `plan_files` where they are to be read from, relative to the
    file. `row` is where its case stands, or else as `location`.
    """

    steps: tuple[Step, ...] = (Step(),)
    name: str = ""
    case: str = ""
    tags: tuple[str, ...] = ()
    variables: Mapping[str, Expected] = field(default_factory=dict)
    given: Given = field(default_factory=Given)
    forbidden: tuple[Forbidden, ...] = ()
    state: Mapping[str, Expected] | None = None
    plan_files: Mapping[int, str] = field(default_factory=dict)
    plans: Mapping[int, Plan] = field(default_factory=dict)
    levels: Mapping[Policy, Level] = DEFAULT_LEVELS
    stated_policies: frozenset[Policy] = frozenset()
    same_event: bool = False
    accepted: frozenset[str] = frozenset()
    location: Location = field(default_factory=Location)
    row: Location = field(default_factory=Location)

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """The expectations of all steps."""
        return tuple(each for step in self.steps for each in step.expectations)

    @property
    def has_actions(self) -> bool:
        """Whether it does something itself, so that it needs no command."""
        return any(step.actions for step in self.steps)

    @property
    def title(self) -> str:
        """File, name and case, as far as there are any."""
        named = f" {_ARROW} ".join(filter(None, (self.location.file, self.name)))
        return (f"{named} [{self.case}]" if self.case else named) or "scenario"

    def step_title(self, step: Step) -> str:
        """The title of one of its steps: the mark of the calls that belong to it."""
        number = next(n for n, each in enumerate(self.steps, 1) if each is step)
        return f"{self.title} {_ARROW} {step.name or number}"

    def mentions(self, type: CallType, name: object) -> bool:
        """Whether an expectation of a kept call speaks of this type, and of this name or any."""
        return any(
            pattern.type in (None, type) and pattern.name in (None, name)
            for each in self.expectations
            for pattern in each.patterns
            if not each.dropped
        )


type Values = Mapping[str, JSON]
"""Values of variables, given from outside."""


EXCLUDE_PREFIX = "!"
"""What a tag begins with whose scenarios are left out."""


def select_by_tags(scenarios: Sequence[Scenario], tags: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios that have at least one of these tags, and none of those behind a `!`.

    Without any tag to have, all but those left out. Raises SelectionError for a tag that no
    scenario has, and where no scenario is chosen.
    """
    wanted = {each for each in tags if not each.startswith(EXCLUDE_PREFIX)}
    unwanted = {
        each.removeprefix(EXCLUDE_PREFIX) for each in tags if each.startswith(EXCLUDE_PREFIX)
    }
    known = {tag for each in scenarios for tag in each.tags}
    if mistakes := tuple(_unknown_tags(tags, known)):
        raise SelectionError(*mistakes)
    chosen = tuple(
        each
        for each in scenarios
        if not unwanted.intersection(each.tags) and (not wanted or wanted.intersection(each.tags))
    )
    if scenarios and not chosen:
        said = " ".join(f"--tag {each}" for each in tags)
        raise SelectionError(InputIssue(f"{said}: no scenario is chosen, so nothing can be met"))
    return chosen


def _unknown_tags(tags: Sequence[str], known: set[str]) -> Iterator[InputIssue]:
    for each in tags:
        tag = each.removeprefix(EXCLUDE_PREFIX)
        if tag not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "none has any"
            advice = did_you_mean(tag, known) or f"; {there}"
            yield InputIssue(f"--tag {each}: no scenario has this tag{advice}")


type _Masks = Mapping[str, Mapping[int, frozenset[str]]]
"""The masks of a run, by what they begin with, and then by their length."""

_SHOWN_PREFIX = SHORTEST // 3  # characters of a key that its mask shows, however short it is


def with_masked_keys(scenarios: Sequence[Scenario], hits: Iterable[Hit]) -> list[Scenario]:
    """The scenarios with masks for the write keys that they want, and for those of the calls in
    the names by which calls belong to their steps."""
    masks = _masks_of(hits)
    return [_with_masks(each, masks) for each in scenarios]


def _masks_of(hits: Iterable[Hit]) -> _Masks:
    found: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for hit in hits:
        key = ((hit.call and hit.call.payload) or {}).get("writeKey")
        if isinstance(key, str) and len(key) >= SHORTEST:  # shorter ones are not looked for
            found[key[:_SHOWN_PREFIX]][len(key)].add(key)
    return {
        begin: {size: frozenset(masks) for size, masks in by_size.items()}
        for begin, by_size in found.items()
    }


def _with_masks(scenario: Scenario, masks: _Masks) -> Scenario:
    def pattern(each: Pattern) -> Pattern:
        key = each.fields.get("writeKey")
        if not isinstance(key, str):
            return each
        return replace(each, fields={**each.fields, "writeKey": mask(key)})

    def expectation(each: Expectation) -> Expectation:
        return replace(each, patterns=tuple(map(pattern, each.patterns)))

    def step(each: Step) -> Step:
        expectations = tuple(map(expectation, each.expectations))
        return replace(each, expectations=expectations, name=_mask_keys(each.name, masks))

    return replace(
        scenario,
        steps=tuple(map(step, scenario.steps)),
        name=_mask_keys(scenario.name, masks),
        case=_mask_keys(scenario.case, masks),
    )


def _mask_keys(text: str, masks: _Masks) -> str:
    """The text with a mask for each key of which the calls have the mask; it stays as long."""
    at = 0
    while at < len(text):
        for size, known in masks.get(text[at : at + _SHOWN_PREFIX], {}).items():
            hidden = mask(text[at : at + size])
            if hidden in known:
                text = text[:at] + hidden + text[at + size :]
                at += size - 1
                break
        at += 1
    return text
