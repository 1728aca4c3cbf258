"""A verdict as text for people: every failure once, the same bytes every time."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice, product
from textwrap import wrap

from pixel_emulator.core import explain
from pixel_emulator.core.calls import Hit, Outcome, Severity
from pixel_emulator.core.paint import paint
from pixel_emulator.core.quoting import printable
from pixel_emulator.core.reports.beside import cut, mismatch_lines
from pixel_emulator.core.reports.phrases import clock, counted, met, repeat, seen, story
from pixel_emulator.core.reports.suggestion import suggestion
from pixel_emulator.core.scenarios.model import Level, Policy
from pixel_emulator.core.verdicts.nearest import Nearest
from pixel_emulator.core.verdicts.verdict import (
    ExpectationResult,
    ScenarioResult,
    Status,
    Story,
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
    Policy.UNHANDLED: ("unhandled", "outside the Pixel API"),
}
_REASONS = {Outcome.DROPPED: Severity.DROP, Outcome.DAMAGED: Severity.DAMAGE}
_SHORTEST = 60  # characters of a call that are shown even if the line gets too long
_COLOURS = re.compile(r"\x1b\[\d+m")
_MOST = 20  # calls that are listed in one place; the JSON report has them all


def text(verdict: Verdict, *, width: int = 100, colour: bool = False, calls: bool = True) -> str:
    """The report in lines of about `width` characters, with ANSI colours if `colour`.

    `calls` lists the calls seen under a report without failures.
    """
    return "\n".join(_Report(verdict, width, colour=colour, told=not calls).lines()).rstrip() + "\n"


class _Report:
    """One rendering: a verdict, a width, whether there is colour, and whether the calls have been
    told already."""

    def __init__(self, verdict: Verdict, width: int, *, colour: bool, told: bool) -> None:
        self.verdict = verdict
        self.told = told
        self.width = width
        self.colour = colour
        beside = {
            id(near.hit)
            for result in verdict.scenarios
            for each in result.expectations
            for near in each.nearest
        }
        self.untold = [  # damage is another story than the one beside an expectation
            each
            for each in verdict.findings
            if each.policy is Policy.DAMAGED or id(each.hit) not in beside
        ]

    def lines(self) -> Iterator[str]:
        verdict = self.verdict
        if verdict.gaps:
            yield self.head(Status.INCOMPLETE, "calls may be missing, so nothing can pass")
            for gap in verdict.gaps:
                yield from self.sentence(gap, "  - ", "    ")
            yield ""
        for index, each in enumerate(verdict.scenarios):
            yield from self.scenario(index, each)
        if len(verdict.scenarios) > 1:
            passed = sum(each.status is Status.MET for each in verdict.scenarios)
            title = f"{passed} of {counted(len(verdict.scenarios), 'scenario')} met"
            yield self.head(verdict.status, " · ".join([title, *seen(verdict)]))
            yield ""
        yield from self.findings()
        failed = any(each.status is Status.UNMET for each in verdict.scenarios)
        if verdict.hits and not failed and not self.told:
            yield "  calls seen"
            yield from self.calls(verdict.hits)

    def scenario(self, index: int, result: ScenarioResult) -> Iterator[str]:
        alone = len(self.verdict.scenarios) == 1
        failing = Counter(
            _MEANINGS[each.policy][0]
            for each in (self.untold if alone else self.verdict.findings)
            if each.levels[index] is Level.FAIL
            and (each.policy is Policy.UNEXPECTED or not alone)  # alone, all others are "seen"
        )
        arrived = seen(self.verdict) if alone else ()
        counts = (f"{count} {word}" for word, count in failing.items())
        yield self.head(result.status, printable(result.scenario.title))
        yield from self.sentence(" · ".join([met(result), *arrived, *counts]), "  ", "  ")
        if alone and not (self.verdict.hits or self.verdict.connections or self.verdict.gaps):
            nothing = "nothing reached the emulator: does the client use its proxy?"
            yield from self.sentence(nothing, "  ", "  ")
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
        head = f"  {where}{line}   wanted {wanted.times}, got {result.got}:"
        yield from self.said(head, " ", printable(story(result)), "bad")
        if wanted.note:
            yield from self.sentence(wanted.note, "    ", "    ")
        for near in result.nearest:
            yield from self.nearest(near)
        if result.story is Story.TWICE:
            for each in result.surplus[:_MOST]:
                yield from self.sentence(repeat(each), "    ", "    ")
        elif not result.nearest:
            yield from self.too_many_or_few(result)

    def too_many_or_few(self, result: ExpectationResult) -> Iterator[str]:
        hits = [*result.claims, *(each.hit for each in result.surplus)]
        yield from self.calls(sorted(hits, key=lambda hit: hit.seq))
        differs = list(dict.fromkeys(path for each in result.surplus for path in each.differs))
        if differs:
            paths = ", ".join(differs[:_MOST])
            yield from self.sentence(f"they differ in {paths}", "    ", "    ")
        if result.story is Story.TOO_MANY:
            right = f"if these are right, write `times: {len(hits)}`"
            yield from self.sentence(right, "    ", "    ")

    def nearest(self, near: Nearest) -> Iterator[str]:
        hit = near.hit
        title = explain.title(hit.call, hit.request)
        agree = f"{near.matched} of {counted(near.fields, 'field')} match"
        if near.matched == near.fields:
            agree = "every field matches"
        found = self.paint("nearest call", "note")
        yield f"    {found}  #{hit.seq}  {clock(hit)}  {title}   {agree}"
        for line in mismatch_lines(near.mismatches, width=self.width - 6, colour=self.colour):
            yield f"      {line}"
        if hit.outcome is not Outcome.DAMAGED:
            yield from self.reasons(hit)

    def findings(self) -> Iterator[str]:
        for level, policy in product((Level.FAIL, Level.WARN), Policy):
            hits = [
                each.hit for each in self.untold if (each.level, each.policy) == (level, policy)
            ]
            if hits:
                yield from self.finding(policy, level, hits)
                yield ""

    def finding(self, policy: Policy, level: Level, hits: Sequence[Hit]) -> Iterator[str]:
        word, meaning = _MEANINGS[policy]
        noun = "request" if policy is Policy.UNHANDLED else "call"
        failed = level is Level.FAIL
        head = self.paint(word if failed else f"warning: {word}", "bad" if failed else "warn")
        yield from self.said(f"  {head}", "   ", f"{counted(len(hits), noun)} {meaning}")
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
        """A call in a line; where it is too long, its names are cut and not its codes."""
        problems = dict.fromkeys(each.code for each in hit.problems) if details else ()
        codes = f"  {', '.join(problems)}" if problems else ""
        plain = explain.line(hit.call, hit.request, hit.outcome, ())
        word = explain.outcome_word(hit.outcome, colour=False)
        head = f"#{hit.seq}  {clock(hit)}  "
        room = self.width - len(f"    {head}{word} {codes}")
        said = cut(plain.removeprefix(f"{word} "), max(_SHORTEST, room))
        coloured = explain.outcome_word(hit.outcome, colour=self.colour)
        return f"{head}{coloured} {said}{self.paint(codes, 'dim')}"

    def head(self, status: Status, title: str) -> str:
        word, style = _HEADS[status]
        return f"{self.paint(word, style)}  {self.paint(title, 'bold')}"

    def sentence(self, words: str, first: str, rest: str) -> list[str]:
        return wrap(printable(words), self.width, initial_indent=first, subsequent_indent=rest)

    def said(self, head: str, gap: str, words: str, style: str = "") -> Iterator[str]:
        """Words behind their head, or below it where its line has no room for them."""
        if len(_COLOURS.sub("", head) + gap + words) <= self.width:
            yield f"{head}{gap}{self.paint(words, style)}"
            return
        yield head
        for line in wrap(words, max(1, self.width - 4)):
            yield f"    {self.paint(line, style)}"

    def paint(self, words: str, style: str) -> str:
        return paint(words, style, colour=self.colour and bool(style))


def _more(listed: Sequence[object]) -> Iterator[str]:
    if len(listed) > _MOST:
        yield f"    … and {len(listed) - _MOST} more"
