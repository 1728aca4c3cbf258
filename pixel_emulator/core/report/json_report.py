"""A verdict as plain data, for programs; nothing is cut."""

from collections.abc import Iterable

from pixel_emulator.core import call_text
from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.model import JSON, Hit, Payload
from pixel_emulator.core.report.side_by_side import url
from pixel_emulator.core.report.snippets import acceptable, suggestion
from pixel_emulator.core.report.wording import (
    UNDECIDED,
    forbidden_text,
    hinted,
    line,
    obstacle,
    origins,
    remarks,
    step_name,
)
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import Level, Policy
from pixel_emulator.core.verification.closest_call import ClosestCall
from pixel_emulator.core.verification.verdict import (
    ExpectationResult,
    ExtraCall,
    ForbiddenValue,
    PolicyHit,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)


def as_json(verdict: Verdict) -> Payload:
    """The whole verdict: all that the text says, under keys that stay.

    Calls are named by their number `seq`; `calls` has what is known of each. Statuses are `met`,
    `unmet`, `undecided`, `incomplete`. Each scenario has at least one step, each step its
    expectations; a `story` is one of few (`core.verdicts.verdict.Story`), and `says` are the
    sentences of the text report about it. Every place is a `file`, `line` and `column`, 0 where it
    is unknown. Write keys are masked.

    - command: exit_code and says of the command that failed, or null
    - scenarios: title, name, case, tags, place, status, says, bound (name: value, call, path),
      steps, denied, state, violations
    - steps: name, status, reached, seconds, failure, output, expectations
    - expectations: call, id, note, place, wanted, got, met, story, says, claims, surplus, nearest,
      taken_by (places)
    - nearest: call, url, matched, fields, obstacle, mismatches; surplus: call, repeats, differs
    - mismatches, also those of `state`: path, expected, actual (JSON texts), types, hint
    - denied: call, path, value, place, says; violations: call, type, field, description
    - findings: policy, level, call, fails (titles of scenarios), expect_it (YAML)
    - accept: file and lines of what `scenario update` can rewrite
    - calls: seq, time, title, step, outcome, problems, and how many calls `alike` are not listed: a
      run that is watched lists the first few hundred of those that are alike for its scenarios
    """
    return {
        "status": verdict.status.value,
        "exit_code": verdict.exit_code,
        "command": _command(verdict),
        "gaps": [*verdict.gaps],
        "connections": verdict.connections,
        "scenarios": [_scenario(each) for each in verdict.scenarios],
        "findings": [_finding(verdict, each) for each in verdict.findings],
        "accept": [
            {"file": file, "lines": [*lines]} for file, lines in acceptable(verdict).items()
        ],
        "calls": [_call(each) for each in verdict.hits],
    }


def _command(verdict: Verdict) -> JSON:
    failed = verdict.command
    return {"exit_code": failed.code, "says": failed.sentence} if failed else None


def _place(location: Location) -> Payload:
    return {"file": location.file, "line": location.line, "column": location.column}


def _scenario(result: ScenarioResult) -> JSON:
    scenario = result.scenario
    return {
        "title": scenario.title,
        "name": scenario.name,
        "case": scenario.case,
        "tags": [*scenario.tags],
        **_place(scenario.location),
        "status": result.status.value,
        "says": [UNDECIDED] if result.status is Status.UNDECIDED else [],
        "bound": {
            each.name: {"value": each.value, "call": each.seq or None, "path": each.path}
            for each in origins(result).values()
        },
        "steps": [_step(result, each) for each in result.steps],
        "denied": [_denied(each) for each in result.forbidden],
        "state": _mismatches(result.state),
        "violations": [
            {
                "call": hit.seq,
                "type": each.type,
                "field": each.field,
                "description": each.description,
            }
            for hit, each in result.violations
        ],
    }


def _step(result: ScenarioResult, step: StepResult) -> JSON:
    return {
        "name": step_name(result, step),
        "status": step.status.value,
        "reached": step.reached,
        "seconds": step.seconds,
        "failure": step.failure,
        "output": step.output,
        "expectations": [_expectation(result, each) for each in step.expectations],
    }


def _expectation(scenario: ScenarioResult, result: ExpectationResult) -> JSON:
    wanted = result.expectation
    return {
        "call": line(wanted),
        "id": wanted.id,
        "note": wanted.note,
        **_place(wanted.location),
        "wanted": str(wanted.times),
        "got": result.got,
        "met": result.met,
        "story": result.story.value,
        "says": [] if result.met else [*remarks(result)],
        "claims": [hit.seq for hit in result.claims],
        "surplus": [_surplus(each) for each in result.surplus],
        "nearest": [_nearest(scenario, wanted, each) for each in result.nearest],
        "taken_by": [_place(each.location) for each in result.taken_by],
    }


def _surplus(surplus: ExtraCall) -> JSON:
    twin = surplus.twin.seq if surplus.twin else None
    return {"call": surplus.hit.seq, "repeats": twin, "differs": [*surplus.differs]}


def _nearest(scenario: ScenarioResult, wanted: Expectation, near: ClosestCall) -> JSON:
    return {
        "call": near.hit.seq,
        "url": url(near.hit),
        "matched": near.matched,
        "fields": near.fields,
        "obstacle": obstacle(near),
        "mismatches": _mismatches(hinted(scenario, wanted, near.mismatches)),
    }


def _mismatches(mismatches: Iterable[Mismatch]) -> JSON:
    return [
        {
            "path": each.path,
            "expected": each.expected.text,
            "expected_type": each.expected.type,
            "actual": each.actual.text,
            "actual_type": each.actual.type,
            "hint": each.hint,
        }
        for each in mismatches
    ]


def _denied(denied: ForbiddenValue) -> JSON:
    return {
        "call": denied.hit.seq,
        "path": denied.path,
        "value": denied.value,
        **_place(denied.rule.location),
        "says": forbidden_text(denied.rule),
    }


def _finding(verdict: Verdict, finding: PolicyHit) -> JSON:
    return {
        "policy": finding.policy.value,
        "level": finding.level.value,
        "call": finding.hit.seq,
        "fails": [
            result.scenario.title
            for result, level in zip(verdict.scenarios, finding.levels, strict=True)
            if level is Level.FAIL
        ],
        "expect_it": suggestion(finding.hit) if finding.policy is Policy.UNEXPECTED else "",
    }


def _call(hit: Hit) -> JSON:
    return {
        "seq": hit.seq,
        "time": hit.time.isoformat(timespec="milliseconds"),
        "title": call_text.title(hit.call, hit.request),
        "step": hit.step,
        "outcome": hit.outcome.value,
        "problems": [each.as_data() for each in hit.problems],
        "alike": hit.alike,
    }
