"""Calls through the proxy: HTTPS in CONNECT, against mitmdump and against our flows."""

from collections.abc import Callable
from contextlib import ExitStack

from tests.benchmarks.client import CLIENTS, Load, Target, keep_alive
from tests.benchmarks.figures import Result, compare
from tests.benchmarks.new_connections import new_connections
from tests.benchmarks.plan import Plan, say
from tests.benchmarks.servers import Emulator, cpu_seconds, emulator, mitmdump

FAST_PATH, FLOWS, DUMP = "the fast path", "`--no-fast-path`", "`mitmdump`, three lines"
_KEPT = f"HTTPS through CONNECT, {CLIENTS} clients that stay"


def tunnel(plan: Plan) -> Result:
    """HTTPS through CONNECT over connections that stay open: calls a second, and latency."""
    runs, checked = _measure(plan, keep_alive)
    rates = {name: [load.rate for load in loads] for name, loads in runs.items()}
    slow = {name: [load.latency(0.99) * 1000 for load in loads] for name, loads in runs.items()}
    busy = max(load.cpu / load.seconds for loads in runs.values() for load in loads)
    return Result(
        figures=(
            compare(rates[FAST_PATH], rates[DUMP], work=_KEPT, against=DUMP, unit="/s", goal=10),
            compare(rates[FAST_PATH], rates[FLOWS], work="the same",
                    against=FLOWS, unit="/s", goal=6),
            compare(slow[FAST_PATH], slow[DUMP], work="the same: latency, 99th percentile",
                    against=DUMP, unit="ms", goal=1, at_least=False),
        ),
        remarks=(checked, f"The client was busy for at most {busy:.0%} of one core."),
    )  # fmt: skip


def connections(plan: Plan) -> Result:
    """A new TLS connection for each call, through CONNECT."""
    runs, checked = _measure(plan, new_connections)
    rates = {name: [load.rate for load in loads] for name, loads in runs.items()}
    work = f"a new TLS connection for each call, {CLIENTS} at a time"
    return Result(
        figures=(
            compare(rates[FAST_PATH], rates[DUMP], work=work, against=DUMP, unit="/s", goal=2.2),
            compare(rates[FAST_PATH], rates[FLOWS], work="the same", against=FLOWS, unit="/s"),
        ),
        remarks=(checked,),
    )


def _measure(plan: Plan, load: Callable[..., Load]) -> tuple[dict[str, list[Load]], str]:
    """Return the loads of each server, and a remark on them."""
    runs: dict[str, list[Load]] = {FAST_PATH: [], FLOWS: [], DUMP: []}
    answered = dict.fromkeys(runs, 0)
    with ExitStack() as stack:
        ours = {
            FAST_PATH: stack.enter_context(emulator(plan.folder)),
            FLOWS: stack.enter_context(emulator(plan.folder, "--no-fast-path")),
        }
        targets = {name: server.proxy for name, server in ours.items()}
        targets[DUMP] = stack.enter_context(mitmdump(plan.folder))

        def run(name: str, target: Target, seconds: float) -> Load:
            made = load(target, first=plan.number(), seconds=seconds)
            answered[name] += made.answered
            return made

        for name, target in targets.items():
            run(name, target, plan.warm)
        busy = {name: -cpu_seconds(target.pid) for name, target in targets.items()}
        for _ in range(plan.rounds):  # in turn, so that other load affects all
            for name, target in targets.items():
                runs[name].append(made := run(name, target, plan.seconds))
                say(f"  {name}: {made.rate:,.0f}/s")
        for name, target in targets.items():
            calls = sum(made.answered for made in runs[name])
            busy[name] = (busy[name] + cpu_seconds(target.pid)) / calls * 1e6
        for name, server in ours.items():
            check_recording(server, answered[name])
    costs = ", ".join(f"{cost:,.0f} µs ({name})" for name, cost in busy.items())
    total = answered[FAST_PATH] + answered[FLOWS]
    said = f"Each of the {total:,} calls that ours answered stands in its recording, once."
    return runs, f"CPU of a call in the server: {costs}. {said}"


def check_recording(ours: Emulator, answered: int, unread: int = 0) -> None:
    """Raise RuntimeError unless the recording has all answered calls and at most `unread` more."""
    recorded = ours.recorded()
    if not answered <= recorded <= answered + unread:
        raise RuntimeError(f"{answered} calls were answered, and {recorded} are recorded")
