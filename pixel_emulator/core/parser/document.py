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
    hooks: Mapping[str, Expected] = _NO_HOOKS,
) -> tuple[Scenario, ...]:
    """The scenarios of a document, one for each row of `cases`; none if it only defines names.

    `given` are values of variables, `definitions` those of the files in `use`, `hooks` named
    matchers. Raises InputError with all mistakes of the document.
    """
    reading = read_document(document, given=given, definitions=definitions, hooks=hooks)
    if reading.mistakes:
        raise InputError(*reading.mistakes)
    return reading.scenarios


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a document says: its scenarios, the names that it defines, the variables that it
    declares, and its mistakes, together with those of the definitions that it uses."""

    scenarios: tuple[Scenario, ...] = ()
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    declared: frozenset[str] = frozenset()
    mistakes: tuple[InputIssue, ...] = ()


def read_document(
    document: Document,
    *,
    given: Values = _NOTHING,
    definitions: Mapping[str, Definition] = _NO_DEFINITIONS,
    hooks: Mapping[str, Expected] = _NO_HOOKS,
) -> ParsedDocument:
    """As `parse`, but mistakes are returned."""
    reader = ParseContext(document)
    file = _FileParser(reader, given, Definitions({}), hooks)
    if (problem := _not_a_scenario(document.data)) or not isinstance(document.data, dict):
        reader.wrong((), problem)
        return ParsedDocument(mistakes=reader.in_order())
    own = read_define(reader, ("define",), document.data.get("define", {}), hooks)
    list(read_use(reader, document.data))
    for name in own.keys() & definitions.keys():
        reader.wrong(("define", name), f"is defined already, in {definitions[name].place}")
    file.definitions = Definitions({**definitions, **own}, hooks)
    scenarios = tuple(file.scenarios(document.data))
    file.check_definitions(own)
    file.check_use()
    others = dict.fromkeys(each.reader for each in definitions.values())
    mistakes = (*reader.in_order(), *(each for other in others for each in other.in_order()))
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

    reader: ParseContext
    given: Values
    definitions: Definitions
    hooks: Mapping[str, Expected]
    declared: dict[JsonPath, str] = field(default_factory=dict)
    used: set[JsonPath] = field(default_factory=set)

    def scenarios(self, data: Payload) -> Iterator[Scenario]:
        """The scenarios of the file."""
        if "scenarios" not in data:
            self.reader.check_keys((), data, (*SCENARIO, *FILE))
            if "defaults" in data:
                self.reader.wrong(("defaults",), "says nothing without `scenarios`")
            if not data or data.keys() - {"define", "use"}:
                yield from self._scenario((), data, {})
            return
        for key in SCENARIO.keys() & data.keys():
            self.reader.wrong(
                (key,), "stands beside `scenarios`: move it into `defaults` or one of them"
            )
        self.reader.check_keys((), data, (*FILE, *SCENARIO))
        defaults = data.get("defaults", {})
        if not isinstance(defaults, dict):
            self.reader.wrong(("defaults",), f"must be a map, but is {value_text(defaults)}")
            defaults = {}
        self.reader.check_keys(("defaults",), defaults, DEFAULTS)
        if data["scenarios"] == []:
            self.reader.wrong(("scenarios",), "is empty: no scenario would be run")
        titles: dict[str, JsonPath] = {}
        for at, item in self.reader.items(("scenarios",), data["scenarios"]):
            if not isinstance(item, dict):
                self.reader.wrong(at, _not_a_scenario(item) or "")
                continue
            self.reader.check_keys(at, item, SCENARIO)
            for scenario in self._scenario(at, item, defaults):
                if titles.setdefault(scenario.title, at) != at:
                    said = f'another scenario of this file is called "{scenario.name}"'
                    unnamed = "needs a name, as there are several scenarios in this file"
                    self.reader.wrong((*at, "name"), said if scenario.name else unnamed)
                yield scenario

    def _scenario(self, at: JsonPath, item: Payload, defaults: Payload) -> Iterator[Scenario]:
        own, general = located_fields(at, item), located_fields(("defaults",), defaults)
        fields = {**general, **own}
        added = {
            key: [each[key] for each in (general, own) if key in each] for key in _CUMULATIVE_KEYS
        }
        _check_shape(self.reader, at, own)
        fresh = Scope(self.definitions, self.hooks)
        lets = [each["let"] for each in (general, own) if "let" in each]
        declared = read_let(self.reader, lets, fresh)
        self.declared |= {place: name for name, (place, _) in declared.items()}
        for case in read_cases(self.reader, fields.get("cases"), declared, self.given, fresh):
            scenario = self._case(fields, added, case.scope)
            self.used.update(declared[name][0] for name in case.scope.used & declared.keys())
            location, row = map(self.reader.location, (at, case.row or at))
            yield replace(scenario, case=case.label, location=location, row=row)

    def _case(self, fields: Fields, added: Mapping[str, list[ValueAt]], scope: Scope) -> Scenario:
        reader = self.reader
        steps = self._steps(fields, added["never"], scope)
        policies = read_policies(reader, fields)
        return Scenario(
            steps=steps,
            name=read_constant_text(reader, *fields["name"], scope) if "name" in fields else "",
            tags=tuple(
                _read_tag(reader, *each, scope)
                for place in added["tags"]
                for each in reader.items(*place)
            ),
            lets=dict(scope.lets),
            given=read_given(reader, *fields["given"], scope) if "given" in fields else Given(),
            denials=tuple(
                each for place in added["deny"] for each in read_forbidden(reader, *place, scope)
            ),
            state=read_state(reader, *fields["state"], scope) if "state" in fields else None,
            plan_files=read_plan(reader, *fields["plan"], scope) if "plan" in fields else {},
            levels=policies.levels,
            stated=frozenset(_stated_policies(fields)),
            same_event=policies.same_event,
            accepted=policies.accepted,
        )

    def _steps(self, fields: Fields, nevers: list[ValueAt], scope: Scope) -> tuple[Step, ...]:
        reader = self.reader
        never = tuple(each for place in nevers for each in read_never(reader, *place, scope))
        if "steps" not in fields:
            whole = {key: place for key, place in fields.items() if key not in ("name", "never")}
            steps, places = [read_step(reader, whole, scope)], [fields.get("expect", ((), None))[0]]
        else:
            here, value = fields["steps"]
            steps = read_steps(reader, here, value, fields, scope)
            places = [(*here, index, "expect") for index in range(len(steps))]
        lists = zip(places, steps, strict=True)
        check_ids(
            reader, [ExpectationList(at, each.expectations, each.since_start) for at, each in lists]
        )
        return tuple(replace(each, expectations=(*each.expectations, *never)) for each in steps)

    def check_definitions(self, own: Mapping[str, Definition]) -> None:
        """Look into those that nobody uses, too, as far as they ask for nothing of the users'."""
        scope = Scope(self.definitions, self.hooks)
        for name in own.keys() - self.definitions.open:
            scope.meaning(name)

    def check_use(self) -> None:
        """Refuse variables that nothing asks for."""
        for place in self.declared.keys() - self.used:
            self.reader.wrong(place, f"`${self.declared[place]}` is declared, but used nowhere")


def _stated_policies(fields: Fields) -> Iterator[Policy]:
    """The policies that a scenario speaks of; silence leaves none about the unexpected open."""
    yield from (policy for policy in Policy if policy in fields)
    steps = fields.get("steps", ((), None))[1]
    listed = [each for each in steps if isinstance(each, dict)] if isinstance(steps, list) else []
    wanted = [fields.get("expect", ((), None))[1], *(each.get("expect") for each in listed)]
    if [] in wanted:
        yield Policy.UNEXPECTED


def _read_tag(reader: ParseContext, at: JsonPath, value: JSON, scope: Scope) -> str:
    text = read_constant_text(reader, at, value, scope)
    if value == "":
        reader.wrong(at, "is empty")
    if text.startswith(EXCLUDE_PREFIX):
        reader.wrong(at, f"begins with `{EXCLUDE_PREFIX}`: that chooses scenarios without a tag")
    return text


def _check_shape(reader: ParseContext, at: JsonPath, own: Fields) -> None:
    """Refuse a scenario that asserts nothing, or says in two places what it expects."""
    if not own.keys() & {"expect", "steps", "never", "deny", "state", "plan"}:
        reader.wrong(at, f"`expect` is missing: {SILENCE_ADVICE}")
    if "steps" in own:
        for key in own.keys() & {"expect", "do"}:
            reader.wrong(own[key][0], "stands beside `steps`: move it into one of them")
    place, unexpected = own.get(Policy.UNEXPECTED, ((), None))
    if own.get("expect", ((), None))[1] == [] and unexpected in LENIENT:
        lenient = "silence cannot be wished for while unexpected calls are let through"
        reader.wrong(place, f"{lenient}: write `unexpected: fail`")
