"""Tracking plans: both of Segment's shapes, and every mistake with its place."""

import json

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.tracking_plan.plan import Plan, RuleType, parse
from pixel_emulator.core.tracking_plan.violations import member_schemas, unplanned_paths
from pixel_emulator.files.yaml_loader import parse_document

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"properties": {"type": "object", "properties": {"total": {"type": "number"}}}},
}
CONFIG_API = {
    "name": "workspaces/shop/tracking-plans/rs_1",
    "display_name": "Shop",
    "create_time": "2030-01-31T09:00:00Z",
    "rules": {
        "events": [
            {"name": "Paid", "description": "", "version": 1, "rules": SCHEMA},
            {"name": "Paid", "version": 2, "rules": {**SCHEMA, "labels": {"team": "shop"}}},
        ],
        "global": SCHEMA,
        "identify": SCHEMA,
        "group": SCHEMA,
        "identify_traits": [],
        "group_traits": None,
    },
}
PUBLIC_API = {
    "name": "Shop",
    "rules": [
        {"type": "TRACK", "key": "Paid", "version": 1, "jsonSchema": SCHEMA, "createdAt": "…"},
        {"type": "TRACK", "key": "Paid", "version": 2.0, "jsonSchema": SCHEMA},
        {"type": "COMMON", "version": 1, "jsonSchema": SCHEMA},
        {"type": "IDENTIFY", "version": 1, "jsonSchema": SCHEMA},
        {"type": "GROUP", "key": "", "version": 1, "jsonSchema": SCHEMA},
    ],
}


def plan(data) -> Plan:
    """The plan of a text, or of data."""
    text = data if isinstance(data, str) else json.dumps(data)
    return parse(parse_document(text, "plan.yaml"))


def issues(data):
    """All mistakes of a plan, as they are printed."""
    with pytest.raises(InputError) as error:
        plan(data)
    return [str(issue) for issue in error.value.issues]


@pytest.mark.parametrize("data", [CONFIG_API, PUBLIC_API, {"data": {"rules": PUBLIC_API["rules"]}}])
def test_both_apis_have_the_same_rules(data):
    read = plan(data)
    assert {(rule.type, rule.name, rule.version) for rule in read.rules} == {
        (RuleType.TRACK, "Paid", 1),
        (RuleType.TRACK, "Paid", 2),
        (RuleType.COMMON, "", 1),
        (RuleType.IDENTIFY, "", 1),
        (RuleType.GROUP, "", 1),
    }
    assert (read.file, read.events, read.closed) == ("plan.yaml", ("Paid",), True)


def test_what_typewriter_unwrapped_is_wrapped_again():
    unwrapped = {"properties": {"total": {"type": "number"}}, "eventMetadata": {"name": "Paid"}}
    rules = [{"type": "TRACK", "key": "Paid", "version": 1, "jsonSchema": unwrapped}]
    [rule] = plan({"rules": rules}).rules
    [at, *_] = unplanned_paths({"x": 1}, member_schemas([rule.schema.data], "properties"))
    assert at == ("x",)


@pytest.mark.parametrize(("asked", "got"), [(None, 2), (1, 2), (2, 2), (3, 3), (4, 2)])
def test_without_a_known_version_the_oldest_counts(asked, got):
    events: list[object] = [{"name": "Paid", "version": n, "rules": {}} for n in (3, 2)]
    rule = plan({"rules": {"events": events}}).rule(RuleType.TRACK, "Paid", asked)
    assert rule is not None
    assert rule.version == got


def test_names_are_exact():
    assert plan(CONFIG_API).rule(RuleType.TRACK, "paid") is None


@pytest.mark.parametrize(
    ("rules", "closed"),
    [
        ({"events": []}, True),
        ({"identify": {}}, False),
        ([{"type": "IDENTIFY", "version": 1, "jsonSchema": {}}], False),
        ([{"type": "TRACK", "key": "A", "version": 1, "jsonSchema": {}}], True),
    ],
)
def test_only_a_plan_with_events_is_closed(rules, closed):
    assert plan({"rules": rules}).closed is closed


def event(schema, **more):
    return {"rules": {"events": [{"name": "Paid", "rules": schema, **more}]}}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "is no tracking plan"),
        ("[]", "is no tracking plan"),
        ({"rule": {}}, 'did you mean "rules"?'),
        ({"rules": 3}, "plan.yaml:1:2: rules: is no tracking plan"),
        ({"rules": {"event": []}}, '"event" is none of events, global'),
        ({"rules": {"idenify": {}}}, 'did you mean "identify"?'),
        ({"rules": {"events": {}}}, "must be a list of events, but is of type object"),
        ({"rules": {"identify_traits": ["email"]}}, "write `identify: {…}`"),
        ({"rules": {"events": [3]}}, "rules.events[0]: must be a map, but is of type number"),
        ({"rules": {"events": [{"rules": {}}]}}, "must be the name, but is missing"),
        ({"rules": {"events": [{"name": "A"}]}}, "has no `rules`"),
        ({"rules": {"events": [{"name": "A", "rule": {}, "rules": {}}]}}, '"rule" is not known'),
        ({"rules": {"global": True}}, "must be a JSON Schema, a map, but is of type boolean"),
        (event({}, version=0), "must be a whole number from 1 on"),
        (event({}, version="1"), "must be a whole number from 1 on"),
        (event({}, version=True), "must be a whole number from 1 on"),
        ({"rules": [{"type": "TRAC", "jsonSchema": {}}]}, 'did you mean "TRACK"?'),
        ({"rules": [{"type": "TRACK", "jsonSchema": {}}]}, "rules[0].key: must be the name"),
        ({"rules": [{"type": "COMMON"}]}, "must be a JSON Schema, a map, but is missing"),
        ({"rules": [{"type": "COMMON", "jsonSchema": {}}] * 2}, "a second rule of type common"),
        (event({"type": "strin"}), 'did you mean "string"?'),
        (event({"type": 5}), "rules.type: must be one of array, boolean"),
        (event({"minimum": "1"}), 'is not draft-07: "1" is not of type "number"'),
        (event({"properties": {"a": {"required": "b"}}}), "rules.properties.a.required: is not"),
        (event({"$schema": "https://json-schema.org/draft/2020-12/schema"}), "rules.$schema: must"),
        (event({"$schema": 7}), "rules.$schema: must be http://json-schema.org/draft-07/schema#"),
        (event({"items": {"pattern": "(a"}}), "rules.items.pattern: is no regex"),
        (event({"items": [{}, {"type": "strin"}]}), "rules.items[1].type: must be one of"),
        (event({"items": {"pattern": "(?!a)b"}}), "neither lookaround nor back-references"),
        (event({"patternProperties": {"(?<=a)": {}}}), "is no regex"),
        (event({"pattern": "(a{1000}){1000}"}), "or a huge one"),
        (event({"$ref": "http://example.com/schema"}), "is never fetched"),
        (event({"$ref": "file:///etc/hostname"}), "is never fetched"),
        (event({"$id": "file:///etc/", "items": {"$ref": "hostname"}}), "is never fetched"),
        (event({"$ref": "#/definitions/a"}), "leads to no schema"),
        (event({"properties": {"a": {"$ref": "#"}}}), "leads back to itself"),
    ],
)
def test_mistakes(data, words):
    assert words in "\n".join(issues(data))


def test_all_mistakes_come_at_once_with_their_places():
    text = """\
name: shop
rules:
  events:
    - name: Paid
      rules: {properties: {properties: {required: yes}}}
    - name: Seen
      versoin: 2
      rules: {type: numbr}
"""
    assert [issue.partition("rules.events")[0] for issue in issues(text)] == [
        "plan.yaml:5:41: ",
        "plan.yaml:7:7: ",
        "plan.yaml:8:15: ",
    ]


def test_a_reference_within_the_schema_is_followed():
    schema = {
        "definitions": {"a/b": {"type": "number"}, "c": {"$ref": "#/definitions/a~1b"}},
        "properties": {"properties": {"properties": {"n": {"$ref": "#/definitions/c"}}}},
    }
    [rule] = plan(event(schema)).rules
    assert rule.schema.data == {
        "properties": {"properties": {"properties": {"n": {"type": "number"}}}}
    }


def test_references_that_multiply_are_refused():
    """A billion laughs: each definition holds the next one twice."""
    twice = {f"a{n}": {"allOf": [{"$ref": f"#/definitions/a{n + 1}"}] * 2} for n in range(40)}
    schema = {"definitions": {**twice, "a40": {}}, "$ref": "#/definitions/a0"}
    assert "comes to more than 10,000 schemas" in issues(event(schema))[0]


def test_a_long_chain_of_references_is_refused():
    chain = {f"a{n}": {"$ref": f"#/definitions/a{n + 1}"} for n in range(5_000)}
    schema = {"definitions": {**chain, "a5000": {}}, "$ref": "#/definitions/a0"}
    assert "nests deeper than 200 levels" in issues(event(schema))[0]


def test_a_schema_as_deep_as_a_file_may_be_is_read():
    deep = "{items: " * 190 + "{}" + "}" * 190
    assert plan(f"rules: {{identify: {deep}}}").rules
