"""`uv run python -m tests.benchmarks.claims`: verify recordings, against reading them as YAML."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import yaml

from pixel_emulator.core.matching.unification import Variable
from pixel_emulator.core.model import CallType, Evidence, Hit
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.scenarios.expectation import Expectation, Pattern, Times
from pixel_emulator.core.scenarios.scenario import Order, Scenario, Step
from pixel_emulator.core.text.yaml_writer import write
from pixel_emulator.core.verification.live import LiveVerdict
from pixel_emulator.core.verification.verify import verify
from tests.hits import hit

EVENTS = 100


def main() -> None:
    """Print seconds for pools of growing size; 100 expectations, 20 values a call."""
    print("| what | 1,000 calls | 10,000 | 100,000 |")
    print("|---|---|---|---|")
    pools = [list(calls(count)) for count in (1_000, 10_000, 100_000)]
    for name, scenario in scenarios().items():
        print(
            f"| {name} |",
            *(f" {verification_seconds(scenario, pool):.2f} |" for pool in pools),
            flush=True,
        )
    print("| a look after each call |", f" {watched(pools[0]):.2f} | {watched(pools[1]):.2f} | |")
    print("| yaml.CSafeLoader |", f" {read(pools[0]):.2f} | {read(pools[1]):.2f} | |")


def calls(count: int) -> Iterator[Hit]:
    """Calls in the order of their events, by five users."""
    made = [
        hit(1, "track", {"event": f"E{n:02}", "userId": "u", "properties": properties(n)})
        for n in range(EVENTS)
    ]
    for seq in range(count):
        like = made[seq * EVENTS // count]
        payload = {**like.call.payload, "anonymousId": f"v{seq % 5}", "messageId": f"m{seq}"}
        moment = like.time + timedelta(milliseconds=seq)
        yield replace(like, seq=seq + 1, time=moment, call=replace(like.call, payload=payload))


def properties(number: int) -> dict[str, Any]:
    """Some twenty values."""
    return {f"key_{n}": f"value {n} of {number}" for n in range(20)}


def scenarios() -> dict[str, Scenario]:
    """The scenario that is verified."""
    return {
        "100 expectations": scenario({}),
        "of one event": scenario({}, alike=True),
        "and 5 captures": scenario({"anonymousId": Variable}),
        "order: listed": scenario({}, Order.LISTED),
        "order: strict": scenario({}, Order.STRICT),
    }


def scenario(fields: dict[str, Any], order: Order = Order.ANY, *, alike: bool = False) -> Scenario:
    """A scenario with an expectation for each event."""
    wanted = []
    for number in range(EVENTS):
        own = {name: make(f"x{number % 5}") for name, make in fields.items()}
        event = {} if alike else {"event": f"E{number:02}"}
        told = {"properties": {"key_1": f"value 1 of {number}", "key_2": f"value 2 of {number}"}}
        pattern = Pattern(type=CallType.TRACK, fields={**event, **told, **own})
        wanted.append(Expectation(patterns=(pattern,), times=Times(1, None)))
    return Scenario(steps=(Step(expectations=tuple(wanted), order=order),))


def verification_seconds(scenario: Scenario, hits: list[Hit]) -> float:
    """Return the seconds that a verdict takes."""
    start = time.perf_counter()
    verify([scenario], Evidence(hits=tuple(hits), connections=1))
    return time.perf_counter() - start


def watched(hits: list[Hit]) -> float:
    """Return the seconds that checks of the run after each call take."""
    watch = LiveVerdict([scenario({"anonymousId": Variable}, Order.LISTED)])
    start = time.perf_counter()
    for count in range(1, len(hits) + 1):
        watch.update(Evidence(hits=tuple(hits[:count]), connections=1))
    return time.perf_counter() - start


def read(hits: list[Hit]) -> float:
    """Return the seconds that PyYAML's C loader takes for the recording of these calls."""
    text = "".join(write([entry(hit.exchange)]) for hit in hits)
    start = time.perf_counter()
    yaml.load(text, yaml.CSafeLoader)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
