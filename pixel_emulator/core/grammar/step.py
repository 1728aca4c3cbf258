"""One step of a scenario, or the whole of one that has no steps."""

from collections.abc import Mapping
from dataclasses import replace

from pixel_emulator.core.grammar.actions import read_do
from pixel_emulator.core.grammar.amounts import read_duration
from pixel_emulator.core.grammar.call_map import choice
from pixel_emulator.core.grammar.expectations import SILENCE, read_expect, read_never
from pixel_emulator.core.grammar.keys import STEP
from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.grammar.scope import Scope, plain_text
from pixel_emulator.core.grammar.variables import Place
from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.scenarios.mail_clients import CLIENTS
from pixel_emulator.core.scenarios.model import Order, Step

type Fields = Mapping[str, Place]
"""The keys of a map, each with its value and where it stands."""

ORDERS = tuple(map(str, Order))


def fields_of(steps: JsonPath, item: Mapping[str, JSON]) -> dict[str, Place]:
    """The keys of a map with their places."""
    return {key: ((*steps, key), value) for key, value in item.items()}


def read_steps(
    reader: Reader, steps: JsonPath, value: JSON, around: Fields, scope: Scope
) -> list[Step]:
    """The steps of a list; `around` is what the scenario says for all of them."""
    found = []
    titles: dict[str, int] = {}
    if value == []:
        reader.wrong(steps, "is empty: write `expect:`, or at least one step")
    shared = {key: around[key] for key in ("client", "order", "within", "quiet") if key in around}
    for number, (here, item) in enumerate(reader.items(steps, value), 1):
        if not isinstance(item, dict):
            reader.wrong(here, f"a step is a map with `expect:` in it; this is {shown(item)}")
            continue
        reader.check_keys(here, item, STEP)
        if "expect" not in item:
            reader.wrong(here, f"`expect` is missing: {SILENCE}")
        step = read_step(reader, {**shared, **fields_of(here, item)}, scope)
        title = step.name or str(number)
        if titles.setdefault(title, number) != number:
            reader.wrong((*here, "name"), f'step {titles[title]} is called "{title}" already')
        found.append(replace(step, location=reader.location(here)))
    return found


def read_step(reader: Reader, fields: Fields, scope: Scope) -> Step:
    """A step, without its place; a scenario without `steps` is one."""

    def text(key: str) -> str:
        return plain_text(reader, *fields[key], scope) if key in fields else ""

    def seconds(key: str) -> float | None:
        return read_duration(reader, *fields[key]) if key in fields else None

    expected = read_expect(reader, *fields["expect"], scope) if "expect" in fields else ()
    never = read_never(reader, *fields["never"], scope) if "never" in fields else ()
    order = choice(reader, *fields["order"], ORDERS) if "order" in fields else ""
    if "since" in fields:
        choice(reader, *fields["since"], ("start",))
    return Step(
        expectations=(*expected, *never),
        name=text("name"),
        actions=read_do(reader, *fields["do"], scope) if "do" in fields else (),
        client=_client(reader, *fields["client"], scope) if "client" in fields else "",
        order=Order(order) if order else Order.ANY,
        within=seconds("within"),
        quiet=seconds("quiet"),
        since_start="since" in fields,
    )


def _client(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> str:
    name = plain_text(reader, steps, value, scope)
    return choice(reader, steps, name, CLIENTS) if name else ""
