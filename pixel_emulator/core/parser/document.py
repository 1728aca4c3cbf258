"""A document to scenarios: each mistake with its path and its place, all of them at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pixel_emulator.core.errors import Document, InputError, InputIssue
from pixel_emulator.core.matching.expected import Expected
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.parser.context import ParseContext, value_text
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
from pixel_emulator.core.scenarios.model import (
    EXCLUDE_PREFIX,
    Given,
    Policy,
    Scenario,
    Step,
    Values,
)

_NOTHING: Mapping[str, JSON] = {}
_NO_DEFINITIONS: Mapping[str, Definition] = {}
_NO_HOOKS: Mapping[str, Expected] = {}
_CUMULATIVE_KEYS = ("tags", "never", "deny")
"""Lists to which `defaults` add; elsewhere what the scenario says itself counts."""


def parse(
    document: Document,
    *,
    given: Values = _NOTHING,
    definitions: Mapping[str, Definition] = _NO_DEFINITIONS,
    plugin_matchers: Mapping[str, Expected] = _NO_HOOKS,
) -> tuple[Scenario, ...]:
    """The scenarios of a document, one for each row of `cases`; none if it only defines names.

    `given` are values of variables, `definitions` those of the files in `use`, `plugin_matchers`
    named matchers. Raises InputError with all mistakes of the document.
    """
    reading = read_document(
        document, given=given, definitions=definitions, plugin_matchers=plugin_matchers
    )
    if reading.issues:
        raise InputError(*reading.issues)
    return reading.scenarios


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a document says: its scenarios, the names that it defines, the variables that it
    declares, and its mistakes, together with those of the definitions that it uses."""

    scenarios: tuple[Scenario, ...] = ()
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    issues: tuple[InputIssue, ...] = ()


def read_document(
    document: Document,
    *,
    given: Values = _NOTHING,
    definitions: Mapping[str, Definition] = _NO_DEFINITIONS,
    plugin_matchers: Mapping[str, Expected] = _NO_HOOKS,
) -> ParsedDocument:
    """As `parse`, but mistakes are returned."""
    context = ParseContext(document)
    file = _FileParser(context, given, Definitions({}), plugin_matchers)
    if (problem := _not_a_scenario(document.data)) or not isinstance(document.data, dict):
        context.add_issue((), problem)
        return ParsedDocument(issues=context.sorted_issues())
    own = read_define(context, ("define",), document.data.get("define", {}), plugin_matchers)
    list(read_use(context, document.data))
    for name in own.keys() & definitions.keys():
        context.add_issue(("define", name), f"is defined already, in {definitions[name].place}")
    file.definitions = Definitions({**definitions, **own}, plugin_matchers)
    scenarios = tuple(file.scenarios(document.data))
    file.check_definitions(own)
    file.check_use()
    others = dict.fromkeys(each.context for each in definitions.values())
    mistakes = (
        *context.sorted_issues(),
        *(each for other in others for each in other.sorted_issues()),
    )
    return ParsedDocument(scenarios, own, frozenset(file.declared.values()), mistakes)


def _not_a_scenario(data: JSON) -> str:
    if data is None:
        return "the file is empty; a scenario is a map with `expect:` in it"
    if not isinstance(data, dict):
        return f"a scenario is a map with `expect:` in it; this is {value_text(data)}"
    return "this is a recording, not a scenario" if "pixel_recording" in data else ""


@dataclass(slots=True)
class _FileParser:
    """One reading of one file; `declared` are its variables by their place, `used` those places
    whose variables are asked for somewhere."""

    context: ParseContext
    given: Values
    definitions: Definitions
    plugin_matchers: Mapping[str, Expected]
    declared: dict[JsonPath, str] = field(default_factory=dict)
    used: set[JsonPath] = field(default_factory=set)

    def scenarios(self, data: Payload) -> Iterator[Scenario]:
        """The scenarios of the file."""
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
                    said = f'another scenario of this file is called "{scenario.name}"'
                    unnamed = "needs a name, as there are several scenarios in this file"
                    self.context.add_issue((*at, "name"), said if scenario.name else unnamed)
                yield scenario

    def _scenario(self, at: JsonPath, item: Payload, defaults: Payload) -> Iterator[Scenario]:
        own, general = located_fields(at, item), located_fields(("defaults",), defaults)
        fields = {**general, **own}
        added = {
            key: [each[key] for each in (general, own) if key in each] for key in _CUMULATIVE_KEYS
        }
        _check_shape(self.context, at, own)
        fresh = Scope(self.definitions, self.plugin_matchers)
        lets = [each["let"] for each in (general, own) if "let" in each]
        declared = read_let(self.context, lets, fresh)
        self.declared |= {place: name for name, (place, _) in declared.items()}
        for case in read_cases(self.context, fields.get("cases"), declared, self.given, fresh):
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
                _read_tag(context, *each, scope)
                for place in added["tags"]
                for each in context.items(*place)
            ),
            variables=dict(scope.variables),
            given=read_given(context, *fields["given"], scope) if "given" in fields else Given(),
            forbidden=tuple(
                each for place in added["deny"] for each in read_forbidden(context, *place, scope)
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
        never = tuple(each for place in nevers for each in read_never(context, *place, scope))
        if "steps" not in fields:
            whole = {key: place for key, place in fields.items() if key not in ("name", "never")}
            steps, places = (
                [read_step(context, whole, scope)],
                [fields.get("expect", ((), None))[0]],
            )
        else:
            here, value = fields["steps"]
            steps = read_steps(context, here, value, fields, scope)
            places = [(*here, index, "expect") for index in range(len(steps))]
        lists = zip(places, steps, strict=True)
        check_ids(
            context,
            [ExpectationList(at, each.expectations, each.since_start) for at, each in lists],
        )
        return tuple(replace(each, expectations=(*each.expectations, *never)) for each in steps)

    def check_definitions(self, own: Mapping[str, Definition]) -> None:
        """Look into those that nobody uses, too, as far as they ask for nothing of the users'."""
        scope = Scope(self.definitions, self.plugin_matchers)
        for name in own.keys() - self.definitions.incomplete:
            scope.lookup(name)

    def check_use(self) -> None:
        """Refuse variables that nothing asks for."""
        for place in self.declared.keys() - self.used:
            self.context.add_issue(
                place, f"`${self.declared[place]}` is declared, but used nowhere"
            )


def _stated_policies(fields: Fields) -> Iterator[Policy]:
    """The policies that a scenario speaks of; silence leaves none about the unexpected open."""
    yield from (policy for policy in Policy if policy in fields)
    steps = fields.get("steps", ((), None))[1]
    listed = [each for each in steps if isinstance(each, dict)] if isinstance(steps, list) else []
    wanted = [fields.get("expect", ((), None))[1], *(each.get("expect") for each in listed)]
    if [] in wanted:
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
    """Refuse a scenario that asserts nothing, or says in two places what it expects."""
    if not own.keys() & {"expect", "steps", "never", "deny", "state", "plan"}:
        context.add_issue(at, f"`expect` is missing: {SILENCE_ADVICE}")
    if "steps" in own:
        for key in own.keys() & {"expect", "do"}:
            context.add_issue(own[key][0], "stands beside `steps`: move it into one of them")
    place, unexpected = own.get(Policy.UNEXPECTED, ((), None))
    if own.get("expect", ((), None))[1] == [] and unexpected in LENIENT:
        lenient = "silence cannot be wished for while unexpected calls are let through"
        context.add_issue(place, f"{lenient}: write `unexpected: fail`")
