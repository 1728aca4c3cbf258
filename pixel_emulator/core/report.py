"""A verdict as text for people: every failure once, the same bytes every time."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice, product
from textwrap import wrap

from pixel_emulator.core import explain
from pixel_emulator.core.beside import mismatch_lines
from pixel_emulator.core.calls import Hit, Outcome, Severity
from pixel_emulator.core.expectation import Level, Policy
from pixel_emulator.core.nearest import Nearest
from pixel_emulator.core.paint import paint
from pixel_emulator.core.quoting import printable
from pixel_emulator.core.suggestion import suggestion
from pixel_emulator.core.verdict import (
    ExpectationResult,
    ScenarioResult,
    Status,
    Surplus,
    Verdict,
)

_HEADS = {
    Status.MET: ("PASS", "good"),
    Status.UNMET: ("FAIL", "bad"),
    Status.INCOMPLETE: ("INCOMPLETE", "warn"),
}
_MEANINGS = {
    Policy.UNEXPECTED: ("unexpected", "that no expectation matches"),
    Policy.DROPPED: ("dropped", "that Segment would drop"),
    Policy.DAMAGED: ("damaged", "that Segment keeps, although something is wrong"),
    Policy.DUPLICATES: ("duplicate", "with a messageId seen before: Segment keeps only the first"),
    Policy.UNHANDLED: ("unhandled", "that the Pixel API does not answer"),
}
_REASONS = {Outcome.DROPPED: Severity.DROP, Outcome.DAMAGED: Severity.DAMAGE}
_MOST = 20  # calls that are listed in one place; the JSON report has them all


def text(verdict: Verdict, *, width: int = 100, colour: bool = False) -> str:
    """The report in lines of about `width` characters, with ANSI colours if `colour`."""
    return "\n".join(_Report(verdict, width, colour=colour).lines()).rstrip() + "\n"


class _Report:
    """One rendering: a verdict, a width, and whether there is colour."""

    def __init__(self, verdict: Verdict, width: int, *, colour: bool) -> None:
        self.verdict = verdict
        self.width = width
        self.colour = colour

    def lines(self) -> Iterator[str]:
        verdict = self.verdict
        if verdict.gaps:
            yield self.head(Status.INCOMPLETE, "calls may be missing, so nothing can pass")
            for gap in verdict.gaps:
                yield from self.sentence(gap, "  ")
            yield ""
        for each in verdict.scenarios:
            yield from self.scenario(each)
        if len(verdict.scenarios) > 1:
            met = sum(each.status is Status.MET for each in verdict.scenarios)
            title = f"{met} of {_counted(len(verdict.scenarios), 'scenario')} met"
            yield self.head(verdict.status, " · ".join([title, *_seen(verdict)]))
            yield ""
        yield from self.findings()
        if verdict.status is not Status.UNMET and verdict.hits:
            yield "  calls seen"
            yield from self.calls(verdict.hits)

    def scenario(self, result: ScenarioResult) -> Iterator[str]:
        yield self.head(result.status, printable(result.scenario.title))
        alone = len(self.verdict.scenarios) == 1
        yield "  " + " · ".join([_met(result), *(_seen(self.verdict) if alone else ())])
        yield ""
        for each in result.expectations:
            if not each.met:
                yield from self.unmet(each)
                yield ""

    def unmet(self, result: ExpectationResult) -> Iterator[str]:
        wanted = result.expectation
        place = wanted.location
        where = printable(f"{place.file}:{place.line}   ") if place.line else ""
        line = self.paint(printable(wanted.line), "bold")
        story = self.paint(result.story, "bad")
        yield f"  {where}{line}   wanted {wanted.times}, got {result.got}: {story}"
        if wanted.note:
            yield from self.sentence(wanted.note, "    ")
        for near in result.nearest:
            yield from self.nearest(near)
        repeats = [each for each in result.surplus if each.twin]
        if len(repeats) == len(result.surplus):
            yield from (f"    {_repeat(each)}" for each in repeats[:_MOST])
        else:
            hits = [*result.claims, *(each.hit for each in result.surplus)]
            yield from self.calls(sorted(hits, key=lambda hit: hit.seq))
            if wanted.times.low:
                yield f"    if these are right, write `times: {len(hits)}`"

    def nearest(self, near: Nearest) -> Iterator[str]:
        hit = near.hit
        title = explain.title(hit.call, hit.request)
        agree = (
            f"   {near.matched} of {_counted(near.fields, 'field')} match" if near.fields else ""
        )
        yield f"    {self.paint('nearest call', 'note')}  #{hit.seq}  {_clock(hit)}  {title}{agree}"
        for line in mismatch_lines(near.mismatches, width=self.width - 6, colour=self.colour):
            yield f"      {line}"
        if hit.outcome is not Outcome.DAMAGED:
            yield from self.reasons(hit)

    def findings(self) -> Iterator[str]:
        """All that policies speak of, but for calls that stood beside an expectation already."""
        told = {
            id(near.hit)
            for result in self.verdict.scenarios
            for each in result.expectations
            for near in each.nearest
        }
        for level, policy in product((Level.FAIL, Level.WARN), Policy):
            hits = [
                each.hit
                for each in self.verdict.findings
                if (each.level, each.policy) == (level, policy)
                and (policy is Policy.DAMAGED or id(each.hit) not in told)
            ]
            if hits:
                yield from self.finding(policy, level, hits)
                yield ""

    def finding(self, policy: Policy, level: Level, hits: Sequence[Hit]) -> Iterator[str]:
        word, meaning = _MEANINGS[policy]
        noun = "request" if policy is Policy.UNHANDLED else "call"
        failed = level is Level.FAIL
        head = self.paint(word if failed else f"warning: {word}", "bad" if failed else "warn")
        yield f"  {head}   {_counted(len(hits), noun)} {meaning}"
        if policy is Policy.UNEXPECTED:
            yield from self.unexpected(hits)
            return
        for hit in hits[:_MOST]:
            yield f"    {self.call(hit, details=False)}"
            yield from self.reasons(hit)
        yield from _more(hits)

    def unexpected(self, hits: Sequence[Hit]) -> Iterator[str]:
        """The calls, and below those that are alike the YAML that would expect them."""
        alike: dict[str, list[Hit]] = defaultdict(list)
        for hit in hits:
            alike[suggestion(hit)].append(hit)
        for same in islice(alike.values(), _MOST):
            yield from self.calls(same)
            wanted = suggestion(same[0], len(same))
            if wanted:
                yield self.paint(
                    "      to expect it, add" if len(same) == 1 else "      to expect them, add",
                    "dim",
                )
                yield from (f"        {printable(line)}" for line in wanted.splitlines())
        yield from _more(list(alike))

    def reasons(self, hit: Hit) -> Iterator[str]:
        """Why Segment drops the call, keeps it wrong, or takes it for another."""
        repeated = hit.outcome is Outcome.DUPLICATE
        reasons = [
            each
            for each in hit.problems
            if each.severity is _REASONS.get(hit.outcome)
            or (repeated and each.code == "duplicate_message_id")
        ]
        for line in explain.problem_lines(reasons, width=self.width - 6, colour=self.colour):
            yield f"      {line}"

    def calls(self, hits: Sequence[Hit]) -> Iterator[str]:
        yield from (f"    {self.call(hit)}" for hit in hits[:_MOST])
        yield from _more(hits)

    def call(self, hit: Hit, *, details: bool = True) -> str:
        problems = hit.problems if details else ()
        said = explain.line(hit.call, hit.request, hit.outcome, problems, colour=self.colour)
        return f"#{hit.seq}  {_clock(hit)}  {said}"

    def head(self, status: Status, title: str) -> str:
        word, style = _HEADS[status]
        return f"{self.paint(word, style)}  {self.paint(title, 'bold')}"

    def sentence(self, words: str, margin: str) -> list[str]:
        return wrap(printable(words), self.width, initial_indent=margin, subsequent_indent=margin)

    def paint(self, words: str, style: str) -> str:
        return paint(words, style, colour=self.colour)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _more(listed: Sequence[object]) -> Iterator[str]:
    if len(listed) > _MOST:
        yield f"    … and {len(listed) - _MOST} more"


def _clock(hit: Hit) -> str:
    return f"{hit.time:%H:%M:%S}.{hit.time.microsecond // 1000:03}Z"


def _met(result: ScenarioResult) -> str:
    if not result.expectations:
        return "silence expected"
    met = sum(each.met for each in result.expectations)
    return f"{met} of {_counted(len(result.expectations), 'expectation')} met"


def _seen(verdict: Verdict) -> Iterator[str]:
    calls = Counter(hit.outcome for hit in verdict.hits)
    unhandled = calls.pop(Outcome.UNHANDLED, 0)
    yield f"{_counted(calls.total(), 'call')} seen"
    if not verdict.hits:
        yield _counted(verdict.connections, "connection")
    yield f"{calls[Outcome.DROPPED]} dropped"
    yield from (
        f"{calls[each]} {each}" for each in (Outcome.DAMAGED, Outcome.DUPLICATE) if calls[each]
    )
    if unhandled:
        yield f"{unhandled} unhandled"


def _repeat(surplus: Surplus) -> str:
    """How a call repeats another: `#3 and #5 differ only in messageId, 38 ms apart`."""
    hit, twin = surplus.hit, surplus.twin or surplus.hit
    alike = f"differ only in {' and '.join(surplus.differs)}" if surplus.differs else "say the same"
    return f"#{twin.seq} and #{hit.seq} {alike}, {_span(hit.time - twin.time)} apart"


def _span(between: timedelta) -> str:
    milliseconds = abs(between) // timedelta(milliseconds=1)
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1_000:.1f} s"
    return f"{milliseconds // 60_000} min"
