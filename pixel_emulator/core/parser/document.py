"""Parse a document to scenarios; all issues are reported together, with path and location."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pixel_emulator.core.errors import Document, InputError, InputIssue
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.parser.definitions import (
    Definition,
    Definitions,
    Scope,
    read_constant_text,
    read_define,
    read_use,
)
from pixel_emulator.core.parser.expectations import (
    LENIENT,
    SILENCE_ADVICE,
    ExpectationList,
    check_ids,
    read_forbidden,
    read_never,
    read_policies,
)
from pixel_emulator.core.parser.parse_context import ParseContext, value_text
from pixel_emulator.core.parser.step import (
    Fields,
    located_fields,
    read_given,
    read_plan,
    read_state,
    read_step,
    read_steps,
)
from pixel_emulator.core.parser.variables import ValueAt, read_cases, read_let
from pixel_emulator.core.parser.vocabulary import DEFAULTS, FILE, SCENARIO
from pixel_emulator.core.scenarios.scenario import (
    EXCLUDE_PREFIX,
    Given,
    Policy,
    Scenario,
    Step,
    Values,
)

_NOTHING: Mapping[str, JSON] = {}
_NO_DEFINITIONS: Mapping[str, Definition] = {}
_NO_PLUGIN_MATCHERS: Mapping[str, Expected] = {}
_CUMULATIVE_KEYS = ("tags", "never", "deny")
"""Keys whose lists `defaults` extend; for other keys the scenario's own value replaces them."""


def parse(
    document: Document,
    *,
    given: Values = _NOTHING,
    definitions: Mapping[str, Definition] = _NO_DEFINITIONS,
    plugin_matchers: Mapping[str, Expected] = _NO_PLUGIN_MATCHERS,
) -> tuple[Scenario, ...]:
    """Return the scenarios of a document: one per row of `cases`, none if it only has `define`.

    `given` are values of variables, `definitions` those of the files in `use`, `plugin_matchers`
    the matchers registered in Python. Raises InputError with all issues of the document.
    """
    parsed = read_document(
        document, given=given, definitions=definitions, plugin_matchers=plugin_matchers
    )
    if parsed.issues:
        raise InputError(*parsed.issues)
    return parsed.scenarios


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The contents of a document.

    `definitions` are its own, `declared` its variables; `issues` includes those of the definitions
    that it uses.
    """

    scenarios: tuple[Scenario, ...] = ()
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    issues: tuple[InputIssue, ...] = ()


def read_document(
    document: Document,
    *,
    given: Values = _NOTHING,
    definitions: Mapping[str, Definition] = _NO_DEFINITIONS,
    plugin_matchers: Mapping[str, Expected] = _NO_PLUGIN_MATCHERS,
) -> ParsedDocument:
    """As `parse`, but return the issues instead of raising InputError."""
    context = ParseContext(document)
    file = _FileParser(context, given, Definitions({}), plugin_matchers)
    if (problem := _not_a_scenario(document.data)) or not isinstance(document.data, dict):
        context.add_issue((), problem)
        return ParsedDocument(issues=context.sorted_issues())
    own = read_define(context, ("define",), document.data.get("define", {}), plugin_matchers)
    list(read_use(context, document.data))
    for name in own.keys() & definitions.keys():
        context.add_issue(
            ("define", name), f"is defined already, in {definitions[name].location_text}"
        )
    file.definitions = Definitions({**definitions, **own}, plugin_matchers)
    scenarios = tuple(file.scenarios(document.data))
    file.check_definitions(own)
    file.check_use()
    others = dict.fromkeys(definition.context for definition in definitions.values())
    issues = (
        *context.sorted_issues(),
        *(issue for other in others for issue in other.sorted_issues()),
    )
    return ParsedDocument(scenarios, own, frozenset(file.declared.values()), issues)


def _not_a_scenario(data: JSON) -> str:
    if data is None:
        return "the file is empty; a scenario is a map with `expect:` in it"
    if not isinstance(data, dict):
        return f"a scenario is a map with `expect:` in it; this is {value_text(data)}"
    return "this is a recording, not a scenario" if "pixel_recording" in data else ""


@dataclass(slots=True)
class _FileParser:
    """Parsing state of one file.

    `declared` are its variables by the path of their declaration, `used` the paths of those that
    are referred to.
    """

    context: ParseContext
    given: Values
    definitions: Definitions
    plugin_matchers: Mapping[str, Expected]
    declared: dict[JsonPath, str] = field(default_factory=dict)
    used: set[JsonPath] = field(default_factory=set)

    def scenarios(self, data: Payload) -> Iterator[Scenario]:
        """Yield the scenarios of the file."""
        if "scenarios" not in data:
            self.context.check_keys((), data, (*SCENARIO, *FILE))
            if "defaults" in data:
                self.context.add_issue(("defaults",), "says nothing without `scenarios`")
            if not data or data.keys() - {"define", "use"}:
                yield from self._scenario((), data, {})
            return
        for key in SCENARIO.keys() & data.keys():
            self.context.add_issue(
                (key,), "stands beside `scenarios`: move it into `defaults` or one of them"
            )
        self.context.check_keys((), data, (*FILE, *SCENARIO))
        defaults = data.get("defaults", {})
        if not isinstance(defaults, dict):
            self.context.add_issue(("defaults",), f"must be a map, but is {value_text(defaults)}")
            defaults = {}
        self.context.check_keys(("defaults",), defaults, DEFAULTS)
        if data["scenarios"] == []:
            self.context.add_issue(("scenarios",), "is empty: no scenario would be run")
        titles: dict[str, JsonPath] = {}
        for at, item in self.context.items(("scenarios",), data["scenarios"]):
            if not isinstance(item, dict):
                self.context.add_issue(at, _not_a_scenario(item) or "")
                continue
            self.context.check_keys(at, item, SCENARIO)
            for scenario in self._scenario(at, item, defaults):
                if titles.setdefault(scenario.title, at) != at:
                    taken = f'another scenario of this file is called "{scenario.name}"'
                    unnamed = "needs a name, as there are several scenarios in this file"
                    self.context.add_issue((*at, "name"), taken if scenario.name else unnamed)
                yield scenario

    def _scenario(self, at: JsonPath, item: Payload, defaults: Payload) -> Iterator[Scenario]:
        own, general = located_fields(at, item), located_fields(("defaults",), defaults)
        fields = {**general, **own}
        added = {
            key: [fields[key] for fields in (general, own) if key in fields]
            for key in _CUMULATIVE_KEYS
        }
        _check_shape(self.context, at, own)
        base = Scope(self.definitions, self.plugin_matchers)
        lets = [fields["let"] for fields in (general, own) if "let" in fields]
        declared = read_let(self.context, lets, base)
        self.declared |= {at_name: name for name, (at_name, _) in declared.items()}
        for case in read_cases(self.context, fields.get("cases"), declared, self.given, base):
            scenario = self._case(fields, added, case.scope)
            self.used.update(declared[name][0] for name in case.scope.used & declared.keys())
            location, row = map(self.context.location, (at, case.at or at))
            yield replace(scenario, case=case.label, location=location, row=row)

    def _case(self, fields: Fields, added: Mapping[str, list[ValueAt]], scope: Scope) -> Scenario:
        context = self.context
        steps = self._steps(fields, added["never"], scope)
        policies = read_policies(context, fields)
        return Scenario(
            steps=steps,
            name=read_constant_text(context, *fields["name"], scope) if "name" in fields else "",
            tags=tuple(
                _read_tag(context, *item, scope)
                for tags in added["tags"]
                for item in context.items(*tags)
            ),
            variables=dict(scope.variables),
            given=read_given(context, *fields["given"], scope) if "given" in fields else Given(),
            forbidden=tuple(
                rule for deny in added["deny"] for rule in read_forbidden(context, *deny, scope)
            ),
            state=read_state(context, *fields["state"], scope) if "state" in fields else None,
            plan_files=read_plan(context, *fields["plan"], scope) if "plan" in fields else {},
            levels=policies.levels,
            stated_policies=frozenset(_stated_policies(fields)),
            same_event=policies.same_event,
            accepted=policies.accepted,
        )

    def _steps(self, fields: Fields, nevers: list[ValueAt], scope: Scope) -> tuple[Step, ...]:
        context = self.context
        never = tuple(
            expected for field in nevers for expected in read_never(context, *field, scope)
        )
        if "steps" not in fields:
            whole = {key: field for key, field in fields.items() if key not in ("name", "never")}
            steps = [read_step(context, whole, scope)]
            paths = [fields.get("expect", ((), None))[0]]
        else:
            here, value = fields["steps"]
            steps = read_steps(context, here, value, fields, scope)
            paths = [(*here, index, "expect") for index in range(len(steps))]
        lists = (
            ExpectationList(at, step.expectations, step.since_start)
            for at, step in zip(paths, steps, strict=True)
        )
        check_ids(context, lists)
        return tuple(replace(step, expectations=(*step.expectations, *never)) for step in steps)

    def check_definitions(self, own: Mapping[str, Definition]) -> None:
        """Parse unused definitions too, unless they need names of a scenario that uses them."""
        scope = Scope(self.definitions, self.plugin_matchers)
        for name in own.keys() - self.definitions.incomplete:
            scope.lookup(name)

    def check_use(self) -> None:
        """Add an issue for every variable that is never referred to."""
        for at in self.declared.keys() - self.used:
            self.context.add_issue(at, f"`${self.declared[at]}` is declared, but used nowhere")


def _stated_policies(fields: Fields) -> Iterator[Policy]:
    """Yield the policies that a scenario sets; `expect: []` sets `unexpected`."""
    yield from (policy for policy in Policy if policy in fields)
    steps = fields.get("steps", ((), None))[1]
    listed = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    expected = [fields.get("expect", ((), None))[1], *(step.get("expect") for step in listed)]
    if [] in expected:
        yield Policy.UNEXPECTED


def _read_tag(context: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> str:
    text = read_constant_text(context, at, value, scope)
    if value == "":
        context.add_issue(at, "is empty")
    if text.startswith(EXCLUDE_PREFIX):
        context.add_issue(
            at, f"begins with `{EXCLUDE_PREFIX}`: that chooses scenarios without a tag"
        )
    return text


def _check_shape(context: ParseContext, at: JsonPath, own: Fields) -> None:
    """Add issues for a scenario that asserts nothing or has `expect` and `steps`."""
    if not own.keys() & {"expect", "steps", "never", "deny", "state", "plan"}:
        context.add_issue(at, f"`expect` is missing: {SILENCE_ADVICE}")
    if "steps" in own:
        for key in own.keys() & {"expect", "do"}:
            context.add_issue(own[key][0], "stands beside `steps`: move it into one of them")
    at_unexpected, unexpected = own.get(Policy.UNEXPECTED, ((), None))
    if own.get("expect", ((), None))[1] == [] and unexpected in LENIENT:
        lenient = "silence cannot be wished for while unexpected calls are let through"
        context.add_issue(at_unexpected, f"{lenient}: write `unexpected: fail`")
