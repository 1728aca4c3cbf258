"""The model of a scenario file: scenarios, steps, actions, policies and forbidden content."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from pixel_emulator.core.errors import InputIssue, Location, SelectionError, did_you_mean
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.model import JSON, CallType, Hit, JsonPath, Payload
from pixel_emulator.core.redaction.masking import MIN_KEY_LENGTH, mask
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern
from pixel_emulator.core.tracking_plan.plan import Plan

_ARROW = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"

DEFAULT_WITHIN = 5.0
"""Seconds that a live step waits to be met unless it has `within`."""
DEFAULT_QUIET = 0.1
"""Seconds without calls that a live step requires after it is met unless it has `quiet`."""


class Level(StrEnum):
    """The effect of a policy on a scenario."""

    IGNORE = "ignore"
    WARN = "warn"
    FAIL = "fail"


class Policy(StrEnum):
    """What a scenario has policies on, for the whole run; the value is its key in the file."""

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
    """The order in which the calls of one list of expectations must arrive.

    `listed`: the order of the list; other calls may arrive in between. `strict`: as `listed`, but
    no other kept call may arrive between the first and the last of them.
    """

    ANY = "any"
    LISTED = "listed"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command: a text through the shell, a tuple directly."""

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
    """Wait for this time."""

    seconds: float


type Action = Run | Open | Send | Replay | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of a scenario: its actions, and the calls that must arrive then.

    `within` and `quiet` are in seconds, None if the file does not set them. If `since_start`, the
    expectations see all calls of the scenario so far, otherwise only those of their step.
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
    """Content that no request may have.

    `contains` may not occur at or below `path` (None: anywhere, including keys, URL and referer),
    except at or below one of `except_paths`.
    """

    contains: Expected
    path: JsonPath | None = None
    except_paths: tuple[JsonPath, ...] = ()
    because: str = ""
    location: Location = field(default_factory=Location)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The initial state of a scenario.

    `profiles` seeds the identity graph, `clock` is the time of the first call (ISO 8601), `seed`
    makes generated ids repeatable.
    """

    profiles: Payload = field(default_factory=dict)
    clock: str = ""
    seed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What must and may arrive in one run; each row of `cases` makes one scenario.

    A scenario without `steps` has one step without a name. `case` distinguishes the rows of one
    scenario. If `same_event`, the policy `unexpected` covers only calls whose type and name an
    expectation mentions. `accepted` are damage codes that do not count as damage.
    `stated_policies` are the policies that the file sets itself. `variables` are the variables
    without a value, each with what its value has to match. `plans` are tracking plans by version,
    `plan_files` the paths to read them from, relative to the file. `row` is the location of its
    row of `cases`, or else equal to `location`.
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
        return tuple(expected for step in self.steps for expected in step.expectations)

    @property
    def has_actions(self) -> bool:
        """True if a step has actions, so that the scenario needs no command."""
        return any(step.actions for step in self.steps)

    @property
    def title(self) -> str:
        """File, name and case, those that are set; `scenario` if none is."""
        named = f" {_ARROW} ".join(filter(None, (self.location.file, self.name)))
        return (f"{named} [{self.case}]" if self.case else named) or "scenario"

    def step_title(self, step: Step) -> str:
        """Return the title of a step of this scenario, with which its calls are marked."""
        number = next(n for n, own in enumerate(self.steps, 1) if own is step)
        return f"{self.title} {_ARROW} {step.name or number}"

    def mentions(self, type: CallType, name: object) -> bool:
        """Return True if an expectation of kept calls admits this type and name."""
        return any(
            pattern.type in (None, type) and pattern.name in (None, name)
            for expected in self.expectations
            for pattern in expected.patterns
            if not expected.dropped
        )


type Values = Mapping[str, JSON]
"""Values of variables, given from outside the file."""


EXCLUDE_PREFIX = "!"
"""The prefix of a tag whose scenarios are excluded."""


def select_by_tags(scenarios: Sequence[Scenario], tags: Sequence[str]) -> tuple[Scenario, ...]:
    """Return the scenarios with at least one of the tags and no tag excluded by `!tag`.

    If `tags` has exclusions only, return all scenarios but those. Raises SelectionError if no
    scenario has one of the tags, or if no scenario is selected.
    """
    included = {tag for tag in tags if not tag.startswith(EXCLUDE_PREFIX)}
    excluded = {tag.removeprefix(EXCLUDE_PREFIX) for tag in tags if tag.startswith(EXCLUDE_PREFIX)}
    existing = {tag for scenario in scenarios for tag in scenario.tags}
    if issues := tuple(_unknown_tags(tags, existing)):
        raise SelectionError(*issues)
    selected = tuple(
        scenario
        for scenario in scenarios
        if not excluded.intersection(scenario.tags)
        and (not included or included.intersection(scenario.tags))
    )
    if scenarios and not selected:
        options = " ".join(f"--tag {tag}" for tag in tags)
        raise SelectionError(InputIssue(f"{options}: no scenario is chosen, so nothing can be met"))
    return selected


def _unknown_tags(tags: Sequence[str], existing: set[str]) -> Iterator[InputIssue]:
    for option in tags:
        tag = option.removeprefix(EXCLUDE_PREFIX)
        if tag not in existing:
            listed = f"there are {', '.join(sorted(existing))}" if existing else "none has any"
            advice = did_you_mean(tag, existing) or f"; {listed}"
            yield InputIssue(f"--tag {option}: no scenario has this tag{advice}")


type _Masks = Mapping[str, Mapping[int, frozenset[str]]]
"""The masks of a run by their shown prefix, then by length."""

_SHOWN_PREFIX = MIN_KEY_LENGTH // 3  # characters at the start of a key that every mask shows


def with_masked_keys(scenarios: Sequence[Scenario], hits: Iterable[Hit]) -> list[Scenario]:
    """Return the scenarios with masked write keys, as they are in a redacted recording.

    Masks the write keys of patterns, and those keys in names and cases (they mark the calls of a
    step) whose masks occur in `hits`.
    """
    masks = _masks_of(hits)
    return [_with_masks(scenario, masks) for scenario in scenarios]


def _masks_of(hits: Iterable[Hit]) -> _Masks:
    masks: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    for hit in hits:
        key = ((hit.call and hit.call.payload) or {}).get("writeKey")
        if isinstance(key, str) and len(key) >= MIN_KEY_LENGTH:  # shorter keys are not masked
            masks[key[:_SHOWN_PREFIX]][len(key)].add(key)
    return {
        prefix: {size: frozenset(same_size) for size, same_size in by_size.items()}
        for prefix, by_size in masks.items()
    }


def _with_masks(scenario: Scenario, masks: _Masks) -> Scenario:
    def masked_pattern(pattern: Pattern) -> Pattern:
        key = pattern.fields.get("writeKey")
        if not isinstance(key, str):
            return pattern
        return replace(pattern, fields={**pattern.fields, "writeKey": mask(key)})

    def masked_expectation(expected: Expectation) -> Expectation:
        return replace(expected, patterns=tuple(map(masked_pattern, expected.patterns)))

    def masked_step(step: Step) -> Step:
        expectations = tuple(map(masked_expectation, step.expectations))
        return replace(step, expectations=expectations, name=_mask_keys(step.name, masks))

    return replace(
        scenario,
        steps=tuple(map(masked_step, scenario.steps)),
        name=_mask_keys(scenario.name, masks),
        case=_mask_keys(scenario.case, masks),
    )


def _mask_keys(text: str, masks: _Masks) -> str:
    """Return the text with every key masked whose mask is in `masks`; the length is unchanged."""
    start = 0
    while start < len(text):
        for size, same_size in masks.get(text[start : start + _SHOWN_PREFIX], {}).items():
            masked = mask(text[start : start + size])
            if masked in same_size:
                text = text[:start] + masked + text[start + size :]
                start += size - 1
                break
        start += 1
    return text
