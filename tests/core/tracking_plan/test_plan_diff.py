"""What a new plan changes, in words, and whom it breaks."""

import pytest

from pixel_emulator.core.tracking_plan.plan import parse
from pixel_emulator.core.tracking_plan.plan_diff import broken_calls, changes
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import hit


def plan(text):
    return parse(parse_document(text, "plan.yaml"))


def paid(schema, version=1):
    """A plan with one event, and a schema for its properties."""
    rules = f"{{properties: {{properties: {{{schema}}}}}}}"
    return plan(f"rules: {{events: [{{name: Paid, version: {version}, rules: {rules}}}]}}")


def change_lines(old, new):
    return [
        f"{change.rule} · {change.field} · {change.description}" for change in changes(old, new)
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("properties: {a: {}}", "properties: {a: {}}", []),
        ("properties: {a: {}}", "properties: {a: {description: A}}", []),
        ("properties: {a: {type: string}}", "", ['a · is gone; it was type "string"']),
        ("", "properties: {a: {}}", ["a · is new: anything"]),
        ("", "properties: {a: {type: number, minimum: 0}}, required: [a]",
         ['a · is new: type "number", minimum 0, required']),
        ("properties: {a: {}}", "properties: {a: {}}, required: [a]", ["a · is required now"]),
        ("properties: {a: {}}, required: [a]", "properties: {a: {}}", ["a · is optional now"]),
        ("properties: {a: {type: string}}", "properties: {a: {type: number, maximum: 3}}",
         ['a · type is "number", was "string"; maximum 3 is new']),
        ("properties: {a: {enum: [x]}}", "properties: {a: {}}", ['a · enum ["x"] is gone']),
        ("properties: {a: {items: {type: string}}}", "properties: {a: {items: {type: number}}}",
         ['a[] · type is "number", was "string"']),
    ],
)  # fmt: skip
def test_fields(old, new, words):
    prefix = 'track "Paid" · properties.'
    assert change_lines(paid(old), paid(new)) == [f"{prefix}{word}" for word in words]


def test_rules_and_versions():
    old = plan("rules: {events: [{name: A, rules: {}}, {name: B, rules: {}}], global: {}}")
    new = plan("rules: {events: [{name: B, version: 2, rules: {type: object}}], identify: {}}")
    assert change_lines(old, new) == [
        'track "A" ·  · is gone',
        "all calls ·  · is gone",
        'track "B", version 2 ·  · is new; compared with version 1:',
        'track "B", version 2 · (root) · type "object" is new',
        'track "B", version 1 ·  · is gone',
        "identify ·  · is new",
    ]


def test_a_plan_without_events_no_longer_closes():
    closed, open_ = plan("rules: {events: []}"), plan("rules: {identify: {}}")
    assert "track ·  · events that no rule names are no longer unplanned" in change_lines(
        closed, open_
    )
    assert "track ·  · events that no rule names are unplanned now" in change_lines(open_, closed)


def test_broken_calls_are_those_that_the_old_plan_took():
    old, new = paid("properties: {a: {type: number}}"), paid("required: [b]")
    calls = [
        hit(1, "track", {"userId": "u", "event": "Paid", "properties": {"a": 1}}),
        hit(2, "track", {"userId": "u", "event": "Paid", "properties": {"b": 1}}),
        hit(3, "track", {"userId": "u", "event": "Other"}),
        hit(4, "track", {"event": "Paid"}),
    ]
    assert [
        (call.hit.seq, [about.type for about in call.violations])
        for call in broken_calls(old, new, calls)
    ] == [(1, ["Required"])]
    assert not list(broken_calls(old, old, calls))
