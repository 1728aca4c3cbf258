"""A verdict as plain data, for programs; nothing is cut."""

from pixel_emulator.core import explain
from pixel_emulator.core.calls import JSON, Hit, Payload
from pixel_emulator.core.scenarios.model import Level
from pixel_emulator.core.verdicts.nearest import Nearest
from pixel_emulator.core.verdicts.verdict import ExpectationResult, ScenarioResult, Surplus, Verdict


def as_json(verdict: Verdict) -> Payload:
    """The whole verdict. Calls are named by their `seq`; `calls` has what is known of each."""
    return {
        "status": verdict.status.value,
        "exit_code": verdict.exit_code,
        "gaps": [*verdict.gaps],
        "connections": verdict.connections,
        "scenarios": [_scenario(each) for each in verdict.scenarios],
        "findings": [
            {
                "policy": each.policy.value,
                "level": each.level.value,
                "call": each.hit.seq,
                "fails": [
                    result.scenario.title
                    for result, level in zip(verdict.scenarios, each.levels, strict=True)
                    if level is Level.FAIL
                ],
            }
            for each in verdict.findings
        ],
        "calls": [_call(each) for each in verdict.hits],
    }


def _scenario(result: ScenarioResult) -> JSON:
    return {
        "name": result.scenario.name,
        "file": result.scenario.location.file,
        "tags": [*result.scenario.tags],
        "status": result.status.value,
        "expectations": [_expectation(each) for each in result.expectations],
    }


def _expectation(result: ExpectationResult) -> JSON:
    wanted = result.expectation
    return {
        "call": wanted.line,
        "id": wanted.id,
        "note": wanted.note,
        "line": wanted.location.line,
        "column": wanted.location.column,
        "wanted": str(wanted.times),
        "got": result.got,
        "met": result.met,
        "story": result.story.value,
        "claims": [hit.seq for hit in result.claims],
        "surplus": [_surplus(each) for each in result.surplus],
        "nearest": [_nearest(each) for each in result.nearest],
        "taken_by": [str(each.location) for each in result.taken_by],
    }


def _surplus(surplus: Surplus) -> JSON:
    twin = surplus.twin.seq if surplus.twin else None
    return {"call": surplus.hit.seq, "repeats": twin, "differs": [*surplus.differs]}


def _nearest(near: Nearest) -> JSON:
    return {
        "call": near.hit.seq,
        "matched": near.matched,
        "fields": near.fields,
        "mismatches": [
            {
                "path": each.path,
                "expected": each.expected.text,
                "expected_type": each.expected.type,
                "actual": each.actual.text,
                "actual_type": each.actual.type,
                "hint": each.hint,
            }
            for each in near.mismatches
        ],
    }


def _call(hit: Hit) -> JSON:
    return {
        "seq": hit.seq,
        "time": hit.time.isoformat(timespec="milliseconds"),
        "title": explain.title(hit.call, hit.request),
        "outcome": hit.outcome.value,
        "problems": [each.as_data() for each in hit.problems],
    }
