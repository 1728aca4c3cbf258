"""The verdict at the end of a test, and what its report, JUnit and the summary are told."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from pixel_emulator.core import call_text
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Hit, Outcome
from pixel_emulator.core.report.page import Page
from pixel_emulator.core.report.side_by_side import call_lines
from pixel_emulator.core.report.wording import policy_text
from pixel_emulator.core.scenarios.model import Level
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.pytest_plugin.arriving import Arriving, acted, wait
from pixel_emulator.pytest_plugin.expecting import judged, read
from pixel_emulator.pytest_plugin.hosting import host_of
from pixel_emulator.pytest_plugin.judging import message, places, report, verify_unproven
from pixel_emulator.pytest_plugin.keywords import values_of
from pixel_emulator.pytest_plugin.options import PixelWarning
from pixel_emulator.pytest_plugin.pixel_calls import Pixels
from pixel_emulator.pytest_plugin.places import MisuseError
from pixel_emulator.pytest_plugin.snapshots import Snapshot, compared, recording_path
from pixel_emulator.pytest_plugin.stash import CALLS_PROPERTY, COUNTED_OUTCOMES, PROPERTY

_MOST = 20  # calls of a test that JUnit is told one by one


def conclude(item: pytest.Item, made: Sequence[Pixels], failed: BaseException | None) -> None:
    """Judge what a test has expected, unless it `failed` by itself; tell its report in any case.

    Raises AssertionError, on a line of the test, for the first that is not met.
    """
    __tracebackhide__ = True
    marked: list[Snapshot] = []
    if any(each.connections for each in made):
        host_of(item.config).drain(0)  # a client that refuses our CA says so as it goes
    try:
        marked += _marked(item, made[0])
        if failed is not None:
            if not any(each is failed for pixels in made for each in pixels.raised):
                _explain(item, made, marked)
            return
        for each in made:
            _left_over(each)
            for verdict in _verdicts(item, each, marked, is_first=each is made[0]):
                _warn(item, verdict)
                if verdict.status is not Status.MET:
                    ours = (each.home.file,)
                    at = next(places(verdict), each.home.location)
                    each.home.fail(AssertionError(message(verdict, ours)), at)
    except (InputError, MisuseError) as error:
        if failed is None:
            said = TypeError(str(error)) if isinstance(error, MisuseError) else error
            made[0].home.fail(said, made[0].home.location)
    finally:
        hits: list[Hit] = []
        for each in made:
            found = each.requests
            hits += found
            each.judged = found[-1].seq if found else 0
        tell(item, hits, dict.fromkeys(file for each in made for file in each.pool.files))
        _list(item, hits)


def _marked(item: pytest.Item, pixels: Pixels) -> Iterator[Snapshot]:
    """The scenario files that the marks of a test name, the outermost first."""
    for mark in reversed([*item.iter_markers("pixel_scenario")]):
        if not mark.args:
            raise InputError(InputIssue("the mark `pixel_scenario` names no file"))
        for file in mark.args:
            yield pixels.pool.snapshot(file, values_of(mark.kwargs))


def _verdicts(
    item: pytest.Item, pixels: Pixels, marked: Sequence[Snapshot], *, is_first: bool
) -> Iterator[Verdict]:
    """The verdict on all that is expected together; and on the recording, where there is one.

    Marks speak of the first session.
    """
    pool = pixels.pool
    if marked and is_first:
        scenarios = read(marked, update=pool.update)
        together = [*scenarios, pixels.asked.scenario] if pixels.asked else [*scenarios]
        arriving = Arriving(
            pixels.session, acted=acted(scenarios, pixels.session), claimed=pool.claimed
        )
        if together:
            wait(together, arriving)
        evidence = arriving.evidence()
        yield judged(marked, together, evidence, update=pool.update)
    elif verdict := pixels.asked.verdict():
        yield verdict
    if pixels.choices.record:
        name = item.nodeid.partition("::")[2].replace("::", ".")
        which = "" if is_first else pixels.label
        path = recording_path(Path(pixels.home.path), pixels.choices.record, name, which)
        recorded = compared(path, pixels.session, pool.updating)
        if recorded:
            yield verify_unproven(recorded, pixels.session.evidence())


def _left_over(pixels: Pixels) -> None:
    """Fail for a scenario file that was never looked at, or whose error went nowhere."""
    __tracebackhide__ = True
    for each in pixels.pool.contexts:
        if not each.entered:
            never = f"expecting {each.snapshot.file} was never entered: write `with`"
            pixels.home.fail(AssertionError(never), each.location)
        if each.error:
            pixels.home.fail(AssertionError(str(each.error)), each.location)


def _explain(item: pytest.Item, made: Sequence[Pixels], marked: Sequence[Snapshot]) -> None:
    """What the pixels have to say of a test that failed by itself."""
    for each in made:
        for context in each.pool.contexts:
            if context.error:
                item.add_report_section("call", "pixels", str(context.error))
        scenarios = read(marked, update=False) if each.session is made[0].session else ()
        own = () if scenarios and not each.asked else (each.asked.scenario,)
        verdict = verify_unproven([*scenarios, *own], each.pool.rest())
        if verdict.status is not Status.MET:
            item.add_report_section("call", "pixels", report(verdict, (each.home.file,)))


def _warn(item: pytest.Item, verdict: Verdict) -> None:
    """What a policy only warns of, as warnings of pytest."""
    found = [each for each in verdict.policy_hits if each.level is Level.WARN]
    for policy, count in Counter(each.policy for each in found).items():
        hits = [each.hit for each in found if each.policy is policy]
        titles = dict.fromkeys(call_text.title(hit.call, hit.request) for hit in hits)
        word, said = policy_text(policy, Level.WARN, count)
        item.warn(PixelWarning(f"{word.removeprefix('warning: ')}: {said}: {', '.join(titles)}"))


def warn_of_late(item: pytest.Item, made: Sequence[Pixels]) -> None:
    """Warn of what came behind the end of a test, as a fixture sends it that goes: that is judged
    by nobody."""
    late = [
        call_text.title(hit.call, hit.request)
        for each in made
        if each.judged is not None
        for hit in each.requests
        if hit.seq > each.judged
    ]
    if late:
        count = f"{len(late)} call{'s' if len(late) > 1 else ''}"
        item.warn(
            PixelWarning(
                f"late: {count} after the end of {item.nodeid}, which nobody judges: "
                f"{', '.join(dict.fromkeys(late))}"
            )
        )


def _list(item: pytest.Item, hits: Sequence[Hit]) -> None:
    if hits:
        lines = call_lines(Page(100, colour=False), hits)
        item.add_report_section("call", "pixels seen", "\n".join(each[4:] for each in lines))


def tell(item: pytest.Item, hits: Sequence[Hit], scenarios: Iterable[str]) -> None:
    """Properties for JUnit, from which the summary counts, too."""
    counts = Counter(hit.outcome for hit in hits)
    calls = [hit for hit in hits if hit.outcome is not Outcome.UNHANDLED]
    told: list[tuple[str, object]] = [(CALLS_PROPERTY, len(calls))]
    told += [
        (f"{PROPERTY}{each}", count) for each, count in counts.items() if each in COUNTED_OUTCOMES
    ]
    told += [(f"{PROPERTY}scenario", each) for each in scenarios]
    told += [
        (f"{PROPERTY}call", call_text.line(hit.call, hit.request, hit.outcome, hit.problems))
        for hit in calls[:_MOST]
    ]
    # A test that is run again tells of its last run.
    others = [each for each in item.user_properties if not each[0].startswith(PROPERTY)]
    item.user_properties[:] = [*others, *told]
