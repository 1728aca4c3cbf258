"""Parse steps and their actions, `given`, `state` and `plan`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.matching.predicates import contains_now
from pixel_emulator.core.model import JSON, NAME_FIELDS, CallType, JsonPath
from pixel_emulator.core.parser.call_pattern import UNKNOWN_FIELD_ADVICE, read_choice
from pixel_emulator.core.parser.definitions import (
    Scope,
    read_constant,
    read_constant_map,
    read_constant_text,
)
from pixel_emulator.core.parser.expectations import SILENCE_ADVICE, read_expect, read_never
from pixel_emulator.core.parser.parse_context import ParseContext, is_special, value_text
from pixel_emulator.core.parser.values import read_duration, read_value
from pixel_emulator.core.parser.variables import ValueAt
from pixel_emulator.core.parser.vocabulary import ACTIONS, CALL_TYPES, FIELDS, GIVEN, STEP
from pixel_emulator.core.profiles.profile import profile_issues
from pixel_emulator.core.scenarios.mail_clients import MAIL_CLIENTS
from pixel_emulator.core.scenarios.scenario import (
    Action,
    Given,
    Open,
    Order,
    Replay,
    Run,
    Send,
    Step,
    Wait,
)
from pixel_emulator.core.times import parse_clock

SENDABLE_KEYS = (*CALL_TYPES, *(field for field in FIELDS if field != "source"))
"""The keys of a call under `send`."""


def read_actions(
    context: ParseContext, at: JsonPath, value: JSON, scope: Scope
) -> tuple[Action, ...]:
    """Parse the actions of a step."""
    items: list[ValueAt]
    if isinstance(value, dict):
        items = [(at, value)]
    elif isinstance(value, list):
        items = list(context.items(at, value))
    else:
        context.add_issue(
            at, f"must be a map, but is {value_text(value)}: write `do: {{open: mail.html}}`"
        )
        return ()
    return tuple(action for item in items if (action := _read_action(context, *item, scope)))


def _read_action(context: ParseContext, at: JsonPath, item: JSON, scope: Scope) -> Action | None:
    if not isinstance(item, dict):
        context.add_issue(
            at, f"an action is a map like `open: mail.html`; this is {value_text(item)}"
        )
        return None
    context.check_keys(at, item, ACTIONS)
    keys = [key for key in item if key in ACTIONS]
    if len(keys) > 1:
        both = f"one action cannot be both `{keys[0]}` and `{keys[1]}`"
        context.add_issue(at, f"{both}: write a list, `- {keys[0]}: …`")
    if not item:
        context.add_issue(at, f"which action? give one of {', '.join(ACTIONS)}")
    if not keys:
        return None
    return _READERS[keys[0]](context, (*at, keys[0]), item[keys[0]], scope)


def _read_run(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> Action | None:
    if isinstance(value, list):
        words = tuple(
            read_constant_text(context, *item, scope) for item in context.items(at, value)
        )
        if not words:
            context.add_issue(at, "is empty: which command?")
        return Run(words)
    return Run(_nonempty_text(context, at, value, scope))


def _nonempty_text(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> str:
    text = read_constant_text(context, at, value, scope)
    if isinstance(value, str) and not value.strip():
        context.add_issue(at, "is empty")
    return text


def _read_send(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> Action | None:
    if not isinstance(value, dict):
        context.add_issue(
            at, f"a call is a map like `track: Email Opened`; this is {value_text(value)}"
        )
        return None
    context.check_keys(at, value, SENDABLE_KEYS, UNKNOWN_FIELD_ADVICE)
    lines = [key for key in value if key in CALL_TYPES]
    if len(lines) != 1:
        which = f"which call? give one of {', '.join(CALL_TYPES)}"
        both = f"one call cannot be both {' and '.join(f'`{line}`' for line in lines[:2])}"
        context.add_issue(at, both if lines else which)
        return None
    type = CallType(lines[0])
    payload = {
        key: read_constant(context, (*at, key), inner, scope)
        for key, inner in value.items()
        if key in FIELDS
    }
    if value[type] is not None:
        payload[NAME_FIELDS[type]] = read_constant_text(
            context, (*at, type.value), value[type], scope
        )
    return Send(type, payload)


def _read_wait(context: ParseContext, at: JsonPath, value: JSON, _scope: Scope) -> Action | None:
    seconds = read_duration(context, at, value)
    return None if seconds is None else Wait(seconds)


_READERS: dict[str, Callable[[ParseContext, JsonPath, JSON, Scope], Action | None]] = {
    "run": _read_run,
    "open": lambda *args: Open(_nonempty_text(*args)),
    "send": _read_send,
    "replay": lambda *args: Replay(_nonempty_text(*args)),
    "wait": _read_wait,
}


type Fields = Mapping[str, ValueAt]
"""The keys of a map, with the path and the value of each."""

ORDERS = tuple(map(str, Order))


def located_fields(at: JsonPath, item: Mapping[str, JSON]) -> dict[str, ValueAt]:
    """Return the keys of a map at path `at`, with the path and the value of each."""
    return {key: ((*at, key), value) for key, value in item.items()}


def read_steps(
    context: ParseContext, at: JsonPath, value: JSON, around: Fields, scope: Scope
) -> list[Step]:
    """Parse the steps of `steps`; `around` are the fields of the scenario."""
    steps = []
    titles: dict[str, int] = {}
    if value == []:
        context.add_issue(at, "is empty: write `expect:`, or at least one step")
    shared = {key: around[key] for key in ("client", "order", "within", "quiet") if key in around}
    for number, (here, item) in enumerate(context.items(at, value), 1):
        if not isinstance(item, dict):
            context.add_issue(
                here, f"a step is a map with `expect:` in it; this is {value_text(item)}"
            )
            continue
        context.check_keys(here, item, STEP)
        if "expect" not in item:
            context.add_issue(here, f"`expect` is missing: {SILENCE_ADVICE}")
        step = read_step(context, {**shared, **located_fields(here, item)}, scope)
        title = step.name or str(number)
        if titles.setdefault(title, number) != number:
            context.add_issue((*here, "name"), f'step {titles[title]} is called "{title}" already')
        steps.append(replace(step, location=context.location(here)))
    return steps


def read_step(context: ParseContext, fields: Fields, scope: Scope) -> Step:
    """Parse a step, without its location; a scenario without `steps` is one step."""

    def text(key: str) -> str:
        return read_constant_text(context, *fields[key], scope) if key in fields else ""

    def seconds(key: str) -> float | None:
        return read_duration(context, *fields[key]) if key in fields else None

    expected = read_expect(context, *fields["expect"], scope) if "expect" in fields else ()
    never = read_never(context, *fields["never"], scope) if "never" in fields else ()
    order = read_choice(context, *fields["order"], ORDERS) if "order" in fields else ""
    if "since" in fields:
        read_choice(context, *fields["since"], ("start",))
    return Step(
        expectations=(*expected, *never),
        name=text("name"),
        actions=read_actions(context, *fields["do"], scope) if "do" in fields else (),
        client=_read_client(context, *fields["client"], scope) if "client" in fields else "",
        order=Order(order) if order else Order.ANY,
        within=seconds("within"),
        quiet=seconds("quiet"),
        since_start="since" in fields,
    )


def _read_client(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> str:
    name = read_constant_text(context, at, value, scope)
    return read_choice(context, at, name, MAIL_CLIENTS) if name else ""


_VERSION = re.compile(r"[1-9]\d{0,8}")


def read_given(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> Given:
    """Parse the initial state of a scenario."""
    if not isinstance(value, dict):
        context.add_issue(at, f"must be a map, but is {value_text(value)}")
        return Given()
    if "faults" in value:
        context.add_issue((*at, "faults"), "faults are not supported by this version")
    context.check_keys(at, value, (*GIVEN, "faults"))
    seed = value.get("seed")
    if "seed" in value and (not isinstance(seed, int) or isinstance(seed, bool)):
        context.add_issue((*at, "seed"), f"must be a whole number; it is {value_text(seed)}")
    profiles = read_constant_map(context, (*at, "profiles"), value.get("profiles", {}), scope)
    for at_profile, message in profile_issues(profiles):
        context.add_issue((*at, "profiles", *at_profile), message)
    return Given(
        profiles=profiles,
        clock=_read_time(context, (*at, "clock"), value["clock"], scope)
        if "clock" in value
        else "",
        seed=seed if isinstance(seed, int) else None,
    )


def _read_time(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> str:
    text = read_constant_text(context, at, value, scope)
    try:
        parse_clock(text)
    except ValueError as error:
        if isinstance(value, str):
            message = f"must be like 2030-01-31T12:00:00Z; it is {value_text(value)}: {error}"
            context.add_issue(at, message)
    return text


def read_state(
    context: ParseContext, at: JsonPath, value: JSON, scope: Scope
) -> Mapping[str, Expected]:
    """Parse the profiles expected at the end, by one of their ids."""
    if not isinstance(value, dict):
        context.add_issue(at, f"must be a map of ids to profiles, but is {value_text(value)}")
        return {}
    state: dict[str, Expected] = {}
    for key, profile in value.items():
        here = (*at, key)
        if not (isinstance(profile, dict) or (isinstance(profile, str) and is_special(profile))):
            example = "write `user_123: {traits: {plan: pro}}`"
            context.add_issue(
                here, f"a profile is a map, but this is {value_text(profile)}: {example}"
            )
        expected = state[read_constant_text(context, here, key, scope)] = read_value(
            context, here, profile, scope
        )
        if contains_now(expected):
            context.add_issue(
                here, "`$now` is the time of a call, and a profile is none: write $iso"
            )
    return state


def read_plan(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> Mapping[int, str]:
    """Parse the file names of tracking plans by version; without a version, it is version 1."""
    if not isinstance(value, dict):
        return {1: read_constant_text(context, at, value, scope)}
    files: dict[int, str] = {}
    if not value:
        context.add_issue(at, "is empty: name a file, or one for each version")
    for version, file in value.items():
        here = (*at, version)
        if _VERSION.fullmatch(version):
            files[int(version)] = read_constant_text(context, here, file, scope)
        else:
            context.add_issue(here, "is no version: write a whole number, as `{1: plans/v1.json}`")
    return files
