"""A verdict as plain data, for programs. Lists are complete, unlike in the text report."""

from collections.abc import Iterable

from pixel_emulator.core import call_text
from pixel_emulator.core.errors import Location
from pixel_emulator.core.matching.diff import Mismatch
from pixel_emulator.core.model import JSON, Hit, Payload
from pixel_emulator.core.report.side_by_side import masked_url
from pixel_emulator.core.report.snippets import expectation_snippet, updatable_lines
from pixel_emulator.core.report.wording import (
    UNDECIDED,
    details,
    expectation_line,
    forbidden_text,
    not_counted_text,
    step_name,
    variable_sources,
    with_variable_sources,
)
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.scenario import Level, Policy
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
    """Return the whole verdict, with everything in the text report, under stable keys.

    Calls are referred to by their number `seq`; `calls` describes each of them. Statuses are
    `met`, `unmet`, `undecided`, `incomplete`. Each scenario has at least one step, each step its
    expectations; `story` is a value of `core.verification.verdict.Explanation`, and `says` are the
    sentences of the text report. Every place is a `file`, `line` and `column`, 0 if unknown.
    Write keys are masked.

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
    - calls: seq, time, title, step, outcome, problems, and the number of calls `alike` that are not
      listed: a live run lists the first few hundred of those that its scenarios cannot tell apart
    """
    return {
        "status": verdict.status.value,
        "exit_code": verdict.exit_code,
        "command": _command(verdict),
        "gaps": [*verdict.gaps],
        "connections": verdict.connections,
        "scenarios": [_scenario(result) for result in verdict.scenarios],
        "findings": [_policy_hit(verdict, policy_hit) for policy_hit in verdict.policy_hits],
        "accept": [
            {"file": file, "lines": [*lines]} for file, lines in updatable_lines(verdict).items()
        ],
        "calls": [_call(hit) for hit in verdict.hits],
    }


def _command(verdict: Verdict) -> JSON:
    failed = verdict.command
    return {"exit_code": failed.code, "says": failed.sentence} if failed else None


def _location(location: Location) -> Payload:
    return {"file": location.file, "line": location.line, "column": location.column}


def _scenario(result: ScenarioResult) -> JSON:
    scenario = result.scenario
    return {
        "title": scenario.title,
        "name": scenario.name,
        "case": scenario.case,
        "tags": [*scenario.tags],
        **_location(scenario.location),
        "status": result.status.value,
        "says": [UNDECIDED] if result.status is Status.UNDECIDED else [],
        "bound": {
            source.name: {"value": source.value, "call": source.seq or None, "path": source.path}
            for source in variable_sources(result).values()
        },
        "steps": [_step(result, step) for step in result.steps],
        "denied": [_forbidden_value(denied) for denied in result.forbidden_values],
        "state": _mismatches(result.state),
        "violations": [
            {
                "call": hit.seq,
                "type": violation.type,
                "field": violation.field,
                "description": violation.description,
            }
            for hit, violation in result.violations
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
        "expectations": [_expectation(result, expected) for expected in step.expectations],
    }


def _expectation(scenario: ScenarioResult, result: ExpectationResult) -> JSON:
    wanted = result.expectation
    return {
        "call": expectation_line(wanted),
        "id": wanted.id,
        "note": wanted.note,
        **_location(wanted.location),
        "wanted": str(wanted.times),
        "got": result.got,
        "met": result.met,
        "story": result.explanation.value,
        "says": [] if result.met else [*details(result)],
        "claims": [hit.seq for hit in result.claims],
        "surplus": [_extra_call(extra) for extra in result.extra_calls],
        "nearest": [_closest_call(scenario, wanted, near) for near in result.closest_calls],
        "taken_by": [_location(taker.location) for taker in result.taken_by],
    }


def _extra_call(extra: ExtraCall) -> JSON:
    twin = extra.original.seq if extra.original else None
    return {"call": extra.hit.seq, "repeats": twin, "differs": [*extra.differs]}


def _closest_call(scenario: ScenarioResult, wanted: Expectation, closest: ClosestCall) -> JSON:
    return {
        "call": closest.hit.seq,
        "url": masked_url(closest.hit),
        "matched": closest.matched,
        "fields": closest.fields,
        "obstacle": not_counted_text(closest),
        "mismatches": _mismatches(with_variable_sources(scenario, wanted, closest.mismatches)),
    }


def _mismatches(mismatches: Iterable[Mismatch]) -> JSON:
    return [
        {
            "path": mismatch.path,
            "expected": mismatch.expected.text,
            "expected_type": mismatch.expected.type,
            "actual": mismatch.actual.text,
            "actual_type": mismatch.actual.type,
            "hint": mismatch.hint,
        }
        for mismatch in mismatches
    ]


def _forbidden_value(forbidden: ForbiddenValue) -> JSON:
    return {
        "call": forbidden.hit.seq,
        "path": forbidden.path,
        "value": forbidden.value,
        **_location(forbidden.forbidden.location),
        "says": forbidden_text(forbidden.forbidden),
    }


def _policy_hit(verdict: Verdict, finding: PolicyHit) -> JSON:
    return {
        "policy": finding.policy.value,
        "level": finding.level.value,
        "call": finding.hit.seq,
        "fails": [
            result.scenario.title
            for result, level in zip(verdict.scenarios, finding.levels, strict=True)
            if level is Level.FAIL
        ],
        "expect_it": expectation_snippet(finding.hit)
        if finding.policy is Policy.UNEXPECTED
        else "",
    }


def _call(hit: Hit) -> JSON:
    place = call_text.place(hit)
    return {
        "seq": hit.seq,
        "time": hit.time.isoformat(timespec="milliseconds"),
        "title": call_text.title(hit.call, hit.request),
        **({"place": place} if place else {}),
        "step": hit.step,
        "outcome": hit.outcome.value,
        "problems": [problem.as_data() for problem in hit.problems],
        "alike": hit.alike,
    }
