"""What calls cost as they grow in number: time, and memory beyond what is kept."""

from itertools import pairwise

from tests.benchmarks.client import keep_alive
from tests.benchmarks.figures import Figure, Result
from tests.benchmarks.plan import Plan, say
from tests.benchmarks.servers import cpu_seconds, emulator
from tests.benchmarks.tunnel import check_recording

_IDS = (
    "These calls have no messageId. Those of ten times `--max-calls` calls would be kept, since "
    "duplicates are known by them."
)


def memory(plan: Plan) -> Result:
    """The emulator's memory up to three times as many calls as it keeps (`--max-calls`)."""
    bound = plan.bound
    series = _grow(plan, [bound // 2, bound, 2 * bound, 3 * bound])
    used = dict(zip(series["calls"], series["mb"], strict=True))
    figures = (
        Figure(work=f"memory that {bound:,} calls take (`--max-calls`), recording", unit="MB",
               ours=used[bound] - used[0]),
        Figure(work=f"memory that the next {2 * bound:,} take", unit="MB",
               ours=used[3 * bound] - used[bound]),
    )  # fmt: skip
    return Result(figures=figures, series=series, remarks=(_IDS,))


def growth(plan: Plan) -> Result:
    """The time and memory of 1,000 to 1,000,000 calls, recording; takes minutes."""
    marks = [1000 * 10**n for n in range(4) if 1000 * 10**n < plan.most]
    series = _grow(plan, [*marks, plan.most])
    figures = [
        Figure(work=f"CPU of a call, from {before:,} to {after:,} calls, recording", unit="µs",
               ours=cost)
        for (before, after), cost in zip(pairwise(series["calls"]), series["cpu"][1:], strict=True)
    ]  # fmt: skip
    used = series["mb"][-1] - series["mb"][0]
    figures.append(Figure(work=f"memory that {plan.most:,} calls take", unit="MB", ours=used))
    return Result(figures=tuple(figures), series=series, remarks=(_IDS,))


def _grow(plan: Plan, marks: list[int]) -> dict[str, list[float]]:
    """Return MB at each number of calls, and µs per call since the previous one, clock and CPU."""
    series: dict[str, list[float]] = {"calls": [0], "mb": [], "us": [0], "cpu": [0]}
    with emulator(plan.folder, "--max-calls", str(plan.bound)) as ours:
        # Imports for the first calls are not part of their cost.
        answered = keep_alive(ours.plain, first=999_000_000, calls=100).answered
        series["mb"].append(ours.resident())
        for before, after in pairwise([0, *marks]):
            busy = cpu_seconds(ours.pid)
            load = keep_alive(ours.plain, first=before, calls=after - before)
            answered += load.answered
            series["calls"].append(after)
            series["us"].append(load.seconds / load.answered * 1e6)
            series["cpu"].append((cpu_seconds(ours.pid) - busy) / load.answered * 1e6)
            series["mb"].append(ours.resident())
            say(f"  {after:,} calls: {series['cpu'][-1]:.0f} µs of CPU, {series['mb'][-1]:.0f} MB")
        check_recording(ours, answered)
    return series
