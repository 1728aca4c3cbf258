"""Variables: the declarations of `let`, and the scope of each row of `cases`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pixel_emulator.core.matching.diff import describe_expected, matches
from pixel_emulator.core.matching.expected import describe_value, is_literal
from pixel_emulator.core.matching.unification import Variable, variable_names
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.parser.definitions import Scope, check_name, matcher_kind, read_constant
from pixel_emulator.core.parser.operators import INVALID
from pixel_emulator.core.parser.parse_context import ParseContext, value_text
from pixel_emulator.core.parser.values import read_value
from pixel_emulator.core.scenarios.scenario import Values
from pixel_emulator.core.text.display import shortened

type ValueAt = tuple[JsonPath, JSON]
"""The path of a value, and the value."""

MAX_VALUES_READ = 5_000_000
"""Values that all rows of `cases` together may cost: rows times values of the file."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One row of `cases`: label, names and path; the label is empty without `cases`."""

    label: str
    scope: Scope
    at: JsonPath = ()


def read_let(context: ParseContext, lets: Iterable[ValueAt], scope: Scope) -> dict[str, ValueAt]:
    """Return the declared names with their values (None for a name without a value)."""
    declared: dict[str, ValueAt] = {}
    for at, value in lets:
        for at_name, name, declared_value in _entries(context, at, value):
            check_name(context, at_name, name)
            if conflict := _name_conflict(name, scope):
                context.add_issue(at_name, f"`${name}` is {conflict} already: choose another name")
            declared[name] = at_name, declared_value
    return declared


def _entries(
    context: ParseContext, at: JsonPath, value: JSON
) -> Iterator[tuple[JsonPath, str, JSON]]:
    if isinstance(value, dict):
        yield from (((*at, name), name, inner) for name, inner in value.items())
        return
    seen: set[str] = set()
    for at_item, item in context.items(at, value):
        if not isinstance(item, str):
            context.add_issue(at_item, f"must be a name, but is {value_text(item)}")
        elif item in seen:
            context.add_issue(at_item, f"`{item}` is declared twice")
        else:
            seen.add(item)
            yield at_item, item, None


def _name_conflict(name: str, scope: Scope) -> str:
    if name in scope.definitions.by_name:
        return f"defined in {scope.definitions.by_name[name].location_text}"
    return matcher_kind(name, scope.plugin_matchers)


def read_cases(
    context: ParseContext,
    cases: ValueAt | None,
    declared: Mapping[str, ValueAt],
    given_values: Values,
    base: Scope,
) -> Iterator[CaseRow]:
    """Yield the scope of each row, or a single scope if there are no `cases` or all are invalid."""
    if cases is None:
        yield CaseRow("", _row_scope(context, {}, declared, given_values, base))
        return
    rows = list(_rows(context, cases, declared))
    if len(rows) * len(context.document.positions) > MAX_VALUES_READ:
        context.add_issue(cases[0], "are too many for a file of this size: split it")
        rows = []
    if not rows:  # the issue is already added
        yield CaseRow("", _unknown_scope(context, declared, base))
    names = dict.fromkeys(name for _, row in rows for name in row)
    for name in names:
        if name in given_values:
            context.add_issue(
                cases[0], f"`{name}` is given a value, but the rows give it one already"
            )
    labels: set[str] = set()
    for number, (at, row) in enumerate(rows, 1):
        for name in names:
            if name not in row and name in declared and declared[name][1] is None:
                context.add_issue(at, f"`{name}` is missing; other rows give it")
        given = {name: ((*at, name), value) for name, value in row.items()}
        scope = _row_scope(context, given, declared, given_values, base)
        label = _label({name: scope.given.get(name) for name in row})
        label = f"{label} #{number}" if label in labels else label
        labels.add(label)
        yield CaseRow(label, scope, at)


def _rows(
    context: ParseContext, cases: ValueAt, declared: Mapping[str, ValueAt]
) -> Iterator[tuple[JsonPath, Payload]]:
    at, value = cases
    if value == []:
        context.add_issue(at, "is empty: no row would be run")
    for here, row in context.items(at, value):
        if not isinstance(row, dict) or not row:
            context.add_issue(here, f"a row is a map of names to values; this is {value_text(row)}")
            continue
        for name in row:
            if name not in declared:
                at_name = (*here, name)
                advice = context.suggestion(at_name, name, declared) or f": write `let: [{name}]`"
                context.add_issue(at_name, f"`{name}` is not declared in `let`{advice}")
        yield here, row


def _row_scope(
    context: ParseContext,
    row: Mapping[str, ValueAt],
    declared: Mapping[str, ValueAt],
    given_values: Values,
    base: Scope,
) -> Scope:
    scope = Scope(base.definitions, base.plugin_matchers)
    for name, (at, value) in row.items():
        scope.given[name] = read_constant(context, at, value, scope)
    scope.given |= {name: value for name, value in given_values.items() if name in declared}
    for name, (at, value) in declared.items():
        if value is None:
            if name not in scope.given:
                scope.variables[name] = Variable(name)
            continue
        expected = read_value(context, at, value, scope)
        if name not in scope.given:
            if is_literal(expected):
                scope.given[name] = expected
            else:
                for inner in sorted(variable_names(expected)):
                    context.add_issue(at, f"may not depend on `${inner}`, which has no value yet")
                scope.variables[name] = Variable(name, expected)
        elif not is_literal(expected) and not matches(expected, scope.given[name]):
            at_given = row[name][0] if name in row else at
            got = describe_value(scope.given[name])
            context.add_issue(
                at_given, f"`{name}` must be {describe_expected(expected)}, but is given as {got}"
            )
    return scope


def _unknown_scope(context: ParseContext, declared: Mapping[str, ValueAt], base: Scope) -> Scope:
    """Return the scope for invalid rows: every declared name is INVALID."""
    invalid = dict.fromkeys(declared, INVALID)
    scope = Scope(base.definitions, base.plugin_matchers, variables=invalid, used=set(declared))
    for at, value in declared.values():
        if value is not None:
            read_value(context, at, value, scope)
    return scope


def _label(given: Mapping[str, JSON]) -> str:
    """Return the label of a row: `n=1, mail=one.eml`."""
    return ", ".join(f"{name}={_short_text(value)}" for name, value in given.items())


def _short_text(value: JSON) -> str:
    return shortened(value if isinstance(value, str) else describe_value(value).text)
