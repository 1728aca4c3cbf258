"""What a scenario says about the world around its calls: `given`, `state` and `plan`."""

import re
from collections.abc import Mapping

from pixel_emulator.core.grammar.keys import GIVEN
from pixel_emulator.core.grammar.reader import Reader, is_special, shown
from pixel_emulator.core.grammar.scope import Scope, plain_map, plain_text
from pixel_emulator.core.grammar.values import read_value
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.matching.predicates import asks_for_now
from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.scenarios.model import Given
from pixel_emulator.core.state.profile import profile_mistakes
from pixel_emulator.core.times import clock

_VERSION = re.compile(r"[1-9]\d{0,8}")


def read_given(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> Given:
    """What holds before the scenario begins."""
    if not isinstance(value, dict):
        reader.wrong(steps, f"must be a map, but is {shown(value)}")
        return Given()
    if "faults" in value:
        reader.wrong((*steps, "faults"), "faults are not supported by this version")
    reader.check_keys(steps, value, (*GIVEN, "faults"))
    seed = value.get("seed")
    if "seed" in value and (not isinstance(seed, int) or isinstance(seed, bool)):
        reader.wrong((*steps, "seed"), f"must be a whole number; it is {shown(seed)}")
    profiles = plain_map(reader, (*steps, "profiles"), value.get("profiles", {}), scope)
    for way, words in profile_mistakes(profiles):
        reader.wrong((*steps, "profiles", *way), words)
    return Given(
        profiles=profiles,
        clock=_time(reader, (*steps, "clock"), value["clock"], scope) if "clock" in value else "",
        seed=seed if isinstance(seed, int) else None,
    )


def _time(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> str:
    text = plain_text(reader, steps, value, scope)
    try:
        clock(text)
    except ValueError as error:
        if isinstance(value, str):
            words = f"must be like 2030-01-31T12:00:00Z; it is {shown(value)}: {error}"
            reader.wrong(steps, words)
    return text


def read_state(
    reader: Reader, steps: JsonPath, value: JSON, scope: Scope
) -> Mapping[str, Expected]:
    """The profiles that are wanted at the end, by one of their ids."""
    if not isinstance(value, dict):
        reader.wrong(steps, f"must be a map of ids to profiles, but is {shown(value)}")
        return {}
    state: dict[str, Expected] = {}
    for key, profile in value.items():
        here = (*steps, key)
        if not (isinstance(profile, dict) or (isinstance(profile, str) and is_special(profile))):
            example = "write `user_123: {traits: {plan: pro}}`"
            reader.wrong(here, f"a profile is a map, but this is {shown(profile)}: {example}")
        want = state[plain_text(reader, here, key, scope)] = read_value(
            reader, here, profile, scope
        )
        if asks_for_now(want):
            reader.wrong(here, "`$now` is the time of a call, and a profile is none: write $iso")
    return state


def read_plan(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> Mapping[int, str]:
    """The files of tracking plans by version; a plan without a version is the first."""
    if not isinstance(value, dict):
        return {1: plain_text(reader, steps, value, scope)}
    files: dict[int, str] = {}
    if not value:
        reader.wrong(steps, "is empty: name a file, or one for each version")
    for version, file in value.items():
        here = (*steps, version)
        if _VERSION.fullmatch(version):
            files[int(version)] = plain_text(reader, here, file, scope)
        else:
            reader.wrong(here, "is no version: write a whole number, as `{1: plans/v1.json}`")
    return files
