"""A verdict as JUnit XML, in the shape that Jenkins, GitLab and Maven Surefire read."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from pixel_emulator.core.matching.expected import describe_value
from pixel_emulator.core.report.page import Page
from pixel_emulator.core.report.text_report import finding_lines, objection_lines, step_lines
from pixel_emulator.core.report.wording import (
    COMMAND,
    GAPS,
    NOT_MET,
    UNDECIDED,
    failed_command,
    has_named_steps,
    objections_of_run,
    objections_of_steps,
    origins,
    step_name,
    untold,
    without_colours,
)
from pixel_emulator.core.scenarios.model import Level, Scenario
from pixel_emulator.core.verification.verdict import (
    ScenarioResult,
    Status,
    StepResult,
    Story,
    Verdict,
)

_ARROW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
_WHOLE = "the whole run"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A testcase: objections (their types and messages), or why nothing can be said, or neither.

    `incomplete` says why calls may be missing.
    """

    name: str
    line: int
    steps: Sequence[StepResult] = ()
    skipped: bool = False
    undecided: bool = False
    incomplete: str = ""
    objections: Sequence[tuple[str, str]] = ()
    lines: Sequence[str] = ()

    @property
    def outcome(self) -> str:
        """The name of its element, empty where it passes."""
        if self.skipped:
            return "skipped"
        if self.undecided or (self.incomplete and not self.objections):
            return "error"
        return "failure" if self.objections else ""

    @property
    def objection(self) -> tuple[str, str]:
        """What is wrong with it first, and how much else there is."""
        if self.skipped:
            return "skipped", Story.NOT_REACHED
        if self.undecided:
            return Status.UNDECIDED, UNDECIDED
        if not self.objections:
            return Status.INCOMPLETE, self.incomplete
        (type, message), *others = self.objections
        return type, f"{message} (and {len(others)} more)" if others else message


def junit(verdict: Verdict) -> str:
    """The verdict as an XML document, a testsuite for each scenario.

    A scenario is one testcase; with named steps, each of them is one, and `the whole run` is one
    for what belongs to none. Unmet is a failure, undecided or incomplete an error, a step that was
    not tried is skipped. A command that failed is a testsuite of its own. A character that XML
    forbids becomes U+FFFD.
    """
    root = ET.Element("testsuites", name="pixel-emulator")
    suites = [(each, [*_cases(verdict, index)]) for index, each in enumerate(verdict.scenarios)]
    command = [*_command(verdict)]
    _count(root, [*command, *(case for _, cases in suites for case in cases)])
    for result, cases in suites:
        suite = _add(root, "testsuite", name=result.scenario.title)
        _count(suite, cases)
        suite.set("skipped", str(sum(each.outcome == "skipped" for each in cases)))
        _add_properties(suite, result)
        for each in cases:
            _add_case(suite, result.scenario.location.file, each)
    if command:
        suite = _add(root, "testsuite", name=COMMAND)
        _count(suite, command)
        suite.set("skipped", "0")
        for each in command:
            _add_case(suite, COMMAND, each)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _command(verdict: Verdict) -> Iterator[_Case]:
    """A testcase for the command, if it failed."""
    if failed := failed_command(verdict):
        yield _Case(name=COMMAND, line=0, objections=[("command failed", failed)], lines=[failed])


def _cases(verdict: Verdict, index: int) -> Iterator[_Case]:
    result = verdict.scenarios[index]
    name, line = _name(result.scenario), result.scenario.location.line
    if not has_named_steps(result):
        yield _case(verdict, index, name, line, steps=result.steps, whole=True)
        return
    for step in result.steps:
        title = f"{name}{_ARROW}{step_name(result, step)}"
        yield _case(verdict, index, title, step.step.location.line, steps=[step])
    yield _case(verdict, index, f"{name}{_ARROW}{_WHOLE}", line, whole=True)


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
    """A testcase for some steps, and for what the scenario says of the whole run if `whole`."""
    result, page = verdict.scenarios[index], Page()
    objections = [*objections_of_steps(steps)]
    lines = [f"  - {gap}" for gap in verdict.gaps]
    lines += [line for step in steps for line in step_lines(page, result, step)]
    if whole:
        failing = [each for each in verdict.findings if each.levels[index] is Level.FAIL]
        findings = untold(failing, [result])
        objections += objections_of_run(result, findings)
        lines += [*objection_lines(page, result), *finding_lines(page, findings)]
        if result.status is Status.UNMET and not (
            objections or [*objections_of_steps(result.steps)]
        ):
            objections.append((Status.UNMET, NOT_MET))
    return _Case(
        name=name,
        line=line,
        steps=steps,
        skipped=not all(each.reached for each in steps),
        undecided=result.status is Status.UNDECIDED,
        incomplete=_incomplete(verdict, result),
        objections=objections,
        lines=lines,
    )


def _incomplete(verdict: Verdict, result: ScenarioResult) -> str:
    if not verdict.gaps:
        return GAPS if result.status is Status.INCOMPLETE else ""
    first, *others = verdict.gaps
    return f"{GAPS}: {first}" + (f" (and {len(others)} more)" if others else "")


def _add_case(suite: ET.Element, file: str, case: _Case) -> None:
    where = {"file": file, "line": str(case.line)} if case.line else {}
    element = _add(
        suite, "testcase", name=case.name, classname=_class(file), time=_time([case]), **where
    )
    if case.outcome:
        type, message = case.objection
        why = _add(element, case.outcome, message=message)
        if not case.skipped:
            why.set("type", type)
            why.text = _clean("\n".join(["", *case.lines]))
    if output := "".join(without_colours(each.output) for each in case.steps):
        _add(element, "system-out").text = _clean(output)


def _class(file: str) -> str:
    """A file as Java would name it: `scenarios.checkout`."""
    stem = re.sub(r"\.\w+$", "", file.strip("./\\"))
    return re.sub(r"[/\\]+", ".", stem) or "scenarios"


def _add_properties(suite: ET.Element, result: ScenarioResult) -> None:
    values = [(each.name, describe_value(each.value).text) for each in origins(result).values()]
    properties = [*(("tag", each) for each in result.scenario.tags), *values]
    if properties:
        around = _add(suite, "properties")
        for name, value in properties:
            _add(around, "property", name=name, value=value)


def _count(element: ET.Element, cases: Sequence[_Case]) -> None:
    outcomes = Counter(each.outcome for each in cases)
    element.set("tests", str(len(cases)))
    element.set("failures", str(outcomes["failure"]))
    element.set("errors", str(outcomes["error"]))
    element.set("time", _time(cases))


def _time(cases: Sequence[_Case]) -> str:
    return f"{sum(step.seconds or 0 for case in cases for step in case.steps):.3f}"


def _add(parent: ET.Element, tag: str, /, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, {key: _clean(each) for key, each in attributes.items()})


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
