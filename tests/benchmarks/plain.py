"""Calls to the emulator as a server, over plain HTTP: against other test doubles, and nginx."""

from contextlib import ExitStack

from tests.benchmarks import wrk
from tests.benchmarks.client import CLIENTS, Load, Target
from tests.benchmarks.figures import Figure, Result, compare
from tests.benchmarks.peers import Peer, doubles, nginx
from tests.benchmarks.plan import Plan, say
from tests.benchmarks.servers import cpu_seconds, emulator
from tests.benchmarks.tunnel import check_recording

_WORK = f"plain HTTP, {CLIENTS} clients that stay"


def plain(plan: Plan) -> Result:
    """Plain HTTP to the emulator as a server, against whatever other servers are installed."""
    if not wrk.installed():  # few servers keep connections open as our own client requires
        return Result(remarks=("wrk is not installed, a Debian package: nothing was measured.",))
    wanted = [*doubles(), nginx()]
    rates: dict[str, list[float]] = {}
    remarks = [f"{server.name.strip()} is not installed: {server.install}." for server in wanted
               if not server.command]  # fmt: skip
    installed = [server for server in wanted if server.command]
    with ExitStack() as stack:
        ours = stack.enter_context(emulator(plan.folder))
        targets = {
            server.name: stack.enter_context(server.serving(plan.folder)) for server in installed
        }
        answered = _load(plan, ours.plain, plan.warm).answered
        for server in installed:
            say(f"  warming up {server.name}")
            _load(plan, targets[server.name], server.warm * plan.warm)
        targets, warmed, busy = {"": ours.plain, **targets}, answered, cpu_seconds(ours.pid)
        for _ in range(plan.rounds):
            for name, target in targets.items():
                made = _load(plan, target, plan.seconds)
                answered += 0 if name else made.answered
                rates.setdefault(name, []).append(made.rate)
                say(f"  {name or 'ours'}: {made.rate:,.0f}/s")
        cost = (cpu_seconds(ours.pid) - busy) / (answered - warmed) * 1e6
        check_recording(ours, answered, unread=(1 + plan.rounds) * CLIENTS)
    remarks.append("The client is wrk; every call has its own userId and anonymousId.")
    remarks.append(f"CPU of a call in ours: {cost:,.0f} µs.")
    remarks.append(f"Each of the {answered:,} calls that ours answered stands in its recording.")
    figures = [_figure(server, rates[""], rates[server.name]) for server in installed]
    figures.sort(key=lambda figure: figure.theirs or 0)
    return Result(figures=tuple(figures), remarks=tuple(remarks))


def _figure(peer: Peer, ours: list[float], theirs: list[float]) -> Figure:
    goal = 0.25 if peer.name.startswith("nginx") else 4
    return compare(ours, theirs, work=_WORK, against=peer.name, unit="/s", goal=goal)


def _load(plan: Plan, target: Target, seconds: float) -> Load:
    return wrk.wrk(target, first=plan.number(), seconds=seconds)
