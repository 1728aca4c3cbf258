"""The JSON Schema of scenario files accepts what the loader does, and refuses the same."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from pixel_emulator.cli.demo import folder
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.parser import vocabulary
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.parser.values import MATCHERS, OPERATORS
from pixel_emulator.core.schemas.recording_schema import DRAFT
from pixel_emulator.core.schemas.scenario_schema import scenario_schema
from pixel_emulator.files.read_write import read_document
from pixel_emulator.files.yaml_loader import parse_document
from tests.schema_objections import objections

SCENARIO = jsonschema_rs.Draft7Validator(scenario_schema())
CASES = Path(__file__).parents[2] / "cases"

FILES = [
    *folder().glob("*.yaml"),
    *(path for path in CASES.glob("verify/*/*.yaml") if path.name != "calls.yaml"),
]


def test_the_schema_is_valid():
    jsonschema_rs.meta.validate(scenario_schema())
    assert scenario_schema()["$schema"] == DRAFT


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_each_scenario_file_of_the_tests_is_accepted(path):
    assert objections(SCENARIO, read_document(path).data) == []


# Whole files; the loader accepts them, too.
ACCEPTED = [
    "expect: []",
    "define: {a: 1}",
    "use: [terms.yaml]\ndefine: {}",
    "unexpected: same-event\nexpect: [{page: }]",
    "damaged: {accept: [raw_json]}\nexpect: []",
    "expect: [{page: , times: 2..4}, {page: , times: 1..}, {page: , times: 0}]",
    "expect: [{page: , times: '3'}]",
    "expect: [{track: $/^Email/}, {track: {$starts: Email}}, {track: }, {identify: $string}]",
    "expect: [{dropped: , userId: 123, properties: none}, {dropped: no_user_anon_id}]",
    "expect: [{any: page}, {any: }, {any: , type: group}]",
    "expect: [{page: , properties: $map, context: {a: [1, {b: {$not: $int}}, null]}}]",
    "expect: [{page: , context: {$$key: $$5, a$b: 1, '': 2}}]",
    "expect: [{one-of: [{page: A}, {track: B}], userId: u, times: 2, id: x, note: why}]",
    "expect: [{page: , one-of: [{userId: a}, {}]}]",
    "expect: [{page: , id: a}, {page: , after: a, within: 1.5s}]",
    "expect: [{page: , request: {form: flat, padded: false, client: {$in: [gmail, hey]}}}]",
    "expect: [{page: , request: {host: $url, referer: $absent, form: $string}}]",
    "never: [{page: A}, {one-of: [{track: B}, {track: C}]}]",
    "deny: [{contains: $email, in: everything, except: [context.traits.email], because: x}]",
    "state: {u: {traits: {a: $int}}, v: $map}",
    "plan: {1: a.json, 2: b.json}\nexpect: []",
    "let: [a]\nexpect: [{page: $a}]",
    "let: {a: , b: $uuid, c: {$gt: 3}}\nexpect: [{page: $a, userId: $b, context: {c: $c}}]",
    "let: [a]\ncases: [{a: x}, {a: y}]\nclient: gmail\ndo: {open: $a}\nexpect: []",
    "do: [{run: x}, {run: [x, y]}, {replay: r}, {wait: 1s}]\nexpect: []",
    "do: {send: {page: , userId: 7}}\nexpect: []",
    "given: {profiles: {u: {}}, clock: '2030-01-31T12:00:00Z', seed: 1}\nexpect: []",
    "steps: [{name: a, since: start, order: strict, within: 5s, quiet: 0ms, expect: []}]",
    "defaults: {deny: [{contains: a}]}\nscenarios: [{name: a, expect: []}, {name: b, state: {}}]",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_valid_scenarios_are_accepted(text):
    document = parse_document(text, "s.yaml")
    parse(document)
    assert objections(SCENARIO, document.data) == []


# Whole files that the loader refuses, too.
REFUSED = [
    "hello",
    "[]",
    "{}",
    "name: x",
    "expct: []\nexpect: []",
    "expect: {page: }",
    "expect: [page]",
    "expect: [{}]",
    "expect: [{userId: u}]",
    "expect: [{trak: A}]",
    "expect: [{page: , user_id: u}]",
    "expect: [{page: A, track: B}]",
    "expect: [{track: 404}]",
    "expect: [{track: {userId: u}}]",
    "expect: [{page: , userId: 123}]",
    "expect: [{page: , properties: 3}]",
    "expect: [{page: , traits: }]",
    "expect: [{page: , properties: {a: {$gtt: 1}}}]",
    "expect: [{page: , properties: {a: {$gt: 1, b: 2}}}]",
    "expect: [{any: pge}]",
    "expect: [{dropped: raw_json}]",
    "expect: [{page: , times: twice}]",
    "expect: [{page: , times: '>=2'}]",
    "expect: [{page: , times: -1}]",
    "expect: [{page: , within: 5}]",
    "expect: [{page: , within: 2m}]",
    "expect: [{page: , request: {form: base46}}]",
    "expect: [{page: , request: {forms: flat}}]",
    "expect: [{page: , request: {padded: 1}}]",
    "expect: [{one-of: []}]",
    "expect: [{one-of: [{page: , times: 2}]}]",
    "expect: [{one-of: [{pge: A}]}]",
    "never: [{page: , times: 0}]",
    "never: [{page: , id: a}]",
    "unexpected: same event\nexpect: [{page: }]",
    "dropped: same-event\nexpect: []",
    "damaged: [raw_json]\nexpect: []",
    "damaged: {accept: [no_such_code]}\nexpect: []",
    "deny: [{}]",
    "deny: [{contains: }]",
    "deny: [{contain: a}]",
    "deny: [{contains: a, except: b}]",
    "state: [u]",
    "state: {u: 7}",
    "plan: {v1: a}\nexpect: []",
    "plan: 5\nexpect: []",
    "let: x\nexpect: []",
    "let: [a-b]\nexpect: []",
    "cases: []\nexpect: []",
    "cases: [x]\nexpect: []",
    "tags: mail\nexpect: []",
    "name: 7\nexpect: []",
    "client: gmial\nexpect: []",
    "do: open\nexpect: []",
    "do: {}\nexpect: []",
    "do: {opn: a}\nexpect: []",
    "do: {open: a, wait: 1s}\nexpect: []",
    "do: {wait: 5}\nexpect: []",
    "do: {send: {userId: u}}\nexpect: []",
    "do: {send: {any: }}\nexpect: []",
    "given: {faults: {}}\nexpect: []",
    "given: {seed: x}\nexpect: []",
    "steps: []",
    "steps: [{name: a}]",
    "steps: [{expect: [], since: now}]",
    "steps: [{expect: []}]\nexpect: []",
    "steps: [{expect: []}]\ndo: {wait: 1s}",
    "scenarios: []",
    "scenarios: [{name: a}]",
    "scenarios: [{name: a, expect: []}]\nexpect: []",
    "scenarios: [{name: a, expect: [], define: {}}]",
    "defaults: {expect: []}\nscenarios: [{name: a, expect: []}]",
    "defaults: {}\nexpect: []",
    "use: terms.yaml\nexpect: []",
    "define: [a]\nexpect: []",
    "define: {a b: 1}\nexpect: []",
]


@pytest.mark.parametrize("text", REFUSED)
def test_invalid_values_are_refused_by_schema_and_parser(text):
    document = parse_document(text, "s.yaml")
    assert objections(SCENARIO, document.data)
    with pytest.raises(InputError):
        parse(document)


@pytest.mark.parametrize("name", MATCHERS)
def test_each_matcher_is_accepted(name):
    assert objections(SCENARIO, {"expect": [{"track": name, "context": {"a": name}}]}) == []


@pytest.mark.parametrize("name", OPERATORS)
def test_each_operator_is_accepted(name):
    expected = parse_document(OPERATORS[name].example.replace("$NAME", name), "want").data
    assert objections(SCENARIO, {"expect": [{"page": None, "context": {"a": expected}}]}) == []


def test_each_key_of_the_language_is_described():
    """An editor shows the sentence; a key without one would be a key that the loader refuses."""
    schema: Any = scenario_schema()
    named = schema["definitions"]
    for keys, shown in (
        ({**vocabulary.FILE, **vocabulary.SCENARIO}, schema),
        (vocabulary.SCENARIO, schema["properties"]["scenarios"]["items"]),
        (vocabulary.DEFAULTS, schema["properties"]["defaults"]),
        (vocabulary.STEP, named["step"]),
        (vocabulary.EXPECTATION, named["expectation"]),
        (vocabulary.REQUEST, named["request"]),
        (vocabulary.ACTIONS, named["action"]),
        (vocabulary.GIVEN, schema["properties"]["given"]),
        (vocabulary.FORBIDDEN, schema["properties"]["deny"]["items"]),
    ):
        described = {key: member["description"] for key, member in shown["properties"].items()}
        assert described == dict(keys)
