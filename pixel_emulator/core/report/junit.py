"""A verdict as JUnit XML, in the shape that Jenkins, GitLab and Maven Surefire read."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from pixel_emulator.core.matching.expected import describe_value
from pixel_emulator.core.report.page import Page
from pixel_emulator.core.report.text_report import policy_lines, run_failure_lines, step_lines
from pixel_emulator.core.report.wording import (
    COMMAND,
    GAPS,
    NOT_MET,
    UNDECIDED,
    command_failure,
    has_named_steps,
    run_failures,
    step_failures,
    step_name,
    unexplained,
    variable_sources,
    without_ansi_codes,
)
from pixel_emulator.core.scenarios.scenario import Level, Scenario
from pixel_emulator.core.verification.verdict import (
    Explanation,
    ScenarioResult,
    Status,
    StepResult,
    Verdict,
)

_ARROW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
_WHOLE_RUN = "the whole run"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A testcase with its failures (types and messages), or the reason why it has no result, or
    neither.

    `incomplete` says why calls may be missing.
    """

    name: str
    line: int
    steps: Sequence[StepResult] = ()
    skipped: bool = False
    undecided: bool = False
    incomplete: str = ""
    failures: Sequence[tuple[str, str]] = ()
    lines: Sequence[str] = ()

    @property
    def outcome(self) -> str:
        """Name of the element below the testcase: skipped, error or failure; "" if it passes."""
        if self.skipped:
            return "skipped"
        if self.undecided or (self.incomplete and not self.failures):
            return "error"
        return "failure" if self.failures else ""

    @property
    def failure(self) -> tuple[str, str]:
        """Type and message of the first failure; the message counts the others."""
        if self.skipped:
            return "skipped", Explanation.NOT_REACHED
        if self.undecided:
            return Status.UNDECIDED, UNDECIDED
        if not self.failures:
            return Status.INCOMPLETE, self.incomplete
        (type, message), *others = self.failures
        return type, f"{message} (and {len(others)} more)" if others else message


def junit(verdict: Verdict) -> str:
    """Return the verdict as an XML document, with a testsuite for each scenario.

    A scenario is one testcase. If its steps have names, each step is one, and `the whole run` is
    one for the failures that belong to no step. Unmet is a failure, undecided or incomplete is an
    error, and a step that was not tried is skipped. A failed command is a testsuite of its own.
    Characters that XML forbids become U+FFFD.
    """
    root = ET.Element("testsuites", name="pixel-emulator")
    suites = [(result, [*_cases(verdict, index)]) for index, result in enumerate(verdict.scenarios)]
    command = [*_command_cases(verdict)]
    _count(root, [*command, *(case for _, cases in suites for case in cases)])
    for result, cases in suites:
        suite = _add(root, "testsuite", name=result.scenario.title)
        _count(suite, cases)
        suite.set("skipped", str(sum(case.outcome == "skipped" for case in cases)))
        _add_properties(suite, result)
        for case in cases:
            _add_case(suite, result.scenario.location.file, case)
    if command:
        suite = _add(root, "testsuite", name=COMMAND)
        _count(suite, command)
        suite.set("skipped", "0")
        for case in command:
            _add_case(suite, COMMAND, case)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _command_cases(verdict: Verdict) -> Iterator[_Case]:
    """Yield a testcase for the command, if it failed."""
    if failure := command_failure(verdict):
        yield _Case(name=COMMAND, line=0, failures=[("command failed", failure)], lines=[failure])


def _cases(verdict: Verdict, index: int) -> Iterator[_Case]:
    result = verdict.scenarios[index]
    name, line = _name(result.scenario), result.scenario.location.line
    if not has_named_steps(result):
        yield _case(verdict, index, name, line, steps=result.steps, whole=True)
        return
    for step in result.steps:
        title = f"{name}{_ARROW}{step_name(result, step)}"
        yield _case(verdict, index, title, step.step.location.line, steps=[step])
    yield _case(verdict, index, f"{name}{_ARROW}{_WHOLE_RUN}", line, whole=True)


def _name(scenario: Scenario) -> str:
    name = scenario.name or scenario.location.file or "scenario"
    return f"{name} [{scenario.case}]" if scenario.case else name


def _case(
    verdict: Verdict,
    index: int,
    name: str,
    line: int,
    *,
    steps: Sequence[StepResult] = (),
    whole: bool = False,
) -> _Case:
    """Return a testcase for some steps, and for the failures of the whole run if `whole`."""
    result, page = verdict.scenarios[index], Page()
    failures = [*step_failures(steps)]
    lines = [f"  - {gap}" for gap in verdict.gaps]
    lines += [line for step in steps for line in step_lines(page, result, step)]
    if whole:
        failing = [item for item in verdict.policy_hits if item.levels[index] is Level.FAIL]
        policy_hits = unexplained(failing, [result])
        failures += run_failures(result, policy_hits)
        lines += [*run_failure_lines(page, result), *policy_lines(page, policy_hits)]
        if result.status is Status.UNMET and not (failures or [*step_failures(result.steps)]):
            failures.append((Status.UNMET, NOT_MET))
    return _Case(
        name=name,
        line=line,
        steps=steps,
        skipped=not all(step.reached for step in steps),
        undecided=result.status is Status.UNDECIDED,
        incomplete=_incomplete_reason(verdict, result),
        failures=failures,
        lines=lines,
    )


def _incomplete_reason(verdict: Verdict, result: ScenarioResult) -> str:
    if not verdict.gaps:
        return GAPS if result.status is Status.INCOMPLETE else ""
    first, *others = verdict.gaps
    return f"{GAPS}: {first}" + (f" (and {len(others)} more)" if others else "")


def _add_case(suite: ET.Element, file: str, case: _Case) -> None:
    place = {"file": file, "line": str(case.line)} if case.line else {}
    element = _add(
        suite, "testcase", name=case.name, classname=_class_name(file), time=_time([case]), **place
    )
    if case.outcome:
        type, message = case.failure
        reason = _add(element, case.outcome, message=message)
        if not case.skipped:
            reason.set("type", type)
            reason.text = _xml_text("\n".join(["", *case.lines]))
    if output := "".join(without_ansi_codes(step.output) for step in case.steps):
        _add(element, "system-out").text = _xml_text(output)


def _class_name(file: str) -> str:
    """Return a file as a Java class name: `scenarios.checkout`."""
    stem = re.sub(r"\.\w+$", "", file.strip("./\\"))
    return re.sub(r"[/\\]+", ".", stem) or "scenarios"


def _add_properties(suite: ET.Element, result: ScenarioResult) -> None:
    values = [
        (source.name, describe_value(source.value).text)
        for source in variable_sources(result).values()
    ]
    properties = [*(("tag", tag) for tag in result.scenario.tags), *values]
    if properties:
        parent = _add(suite, "properties")
        for name, value in properties:
            _add(parent, "property", name=name, value=value)


def _count(element: ET.Element, cases: Sequence[_Case]) -> None:
    outcomes = Counter(case.outcome for case in cases)
    element.set("tests", str(len(cases)))
    element.set("failures", str(outcomes["failure"]))
    element.set("errors", str(outcomes["error"]))
    element.set("time", _time(cases))


def _time(cases: Sequence[_Case]) -> str:
    return f"{sum(step.seconds or 0 for case in cases for step in case.steps):.3f}"


def _add(parent: ET.Element, tag: str, /, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, {key: _xml_text(value) for key, value in attributes.items()})


def _xml_text(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
