"""Drafted plans: what calls have in common, and nothing that is only theirs."""

from typing import Any

import pytest

from pixel_emulator.core.text.json_codec import Number
from pixel_emulator.core.tracking_plan.infer import infer
from tests.hits import KEY, hit


def paid(*properties, **more):
    """The inferred schema of the properties of some calls."""
    hits = [
        hit(seq, "track", {"userId": "u", "event": "Paid", "properties": property_, **more})
        for seq, property_ in enumerate(properties, 1)
    ]
    plan: Any = infer(hits)
    [event] = plan["rules"]["events"]
    return event["rules"]["properties"]["properties"]


def field(*values):
    """The inferred schema of one property with these values."""
    return paid(*({"x": value} for value in values))["properties"]["x"]


@pytest.mark.parametrize(
    ("values", "schema"),
    [
        ([1, 2], {"type": "integer"}),
        ([1, Number("1.5")], {"type": "number"}),
        ([Number("1.0")], {"type": "number"}),
        (["a", 1], {"type": ["string", "integer"]}),
        (["a", None], {"type": ["string", "null"]}),
        ([None], {}),
        ([True], {"type": "boolean"}),
        ([[]], {"type": "array"}),
        ([["a", 1], [2]], {"type": "array", "items": {"type": ["string", "integer"]}}),
        ([{}], {"type": "object"}),
        (
            [{"a": 1}, {"a": 1, "b": 2}],
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "required": ["a"],
            },
        ),
        (["2030-01-31T09:00:00Z"], {"type": "string", "format": "date-time"}),
        (["2030-01-31"], {"type": "string", "format": "date"}),
        (["2030-99-99"], {"type": "string"}),
        (["anna@example.com"], {"type": "string", "format": "email"}),
        (["https://example.com/?a=b#c"], {"type": "string", "format": "uri"}),
        (["https://example.com/", "x"], {"type": "string"}),
        (["pro", "free"] * 6, {"type": "string", "enum": ["free", "pro"]}),
        (["pro"] * 9, {"type": "string"}),
        (["pro"] * 11 + ["free"], {"type": "string"}),
        (["FC-1", "FC-2"] * 6, {"type": "string"}),
    ],
)
def test_values(values, schema):
    assert field(*values) == schema


@pytest.mark.parametrize("key", ["id", "user_id", "orderId", "email", "full name", "token", "url"])
def test_no_list_of_values_for_what_names_somebody(key):
    assert paid(*({key: "abc"} for _ in range(12)))["properties"] == {key: {"type": "string"}}


@pytest.mark.parametrize("key", ["plan", "idea", "paid", "monkey", "video"])
def test_a_list_of_values_for_what_only_sounds_so(key):
    assert paid(*({key: "abc"} for _ in range(12)))["properties"][key]["enum"] == ["abc"]


@pytest.mark.parametrize(
    "keys",
    [
        ["anna@example.com"],
        ["user_12345"],
        ["9f8e7d6c-1234-4000-8000-000000000000"],
        [KEY],
        ["k" * 101],
        [f"k{n}" for n in range(101)],
    ],
)
def test_keys_that_are_data_are_not_written(keys):
    assert field(dict.fromkeys(keys, 1)) == {"type": "object"}


def test_no_write_key_and_no_id_is_in_a_plan():
    calls = [
        hit(
            seq, "identify", {"userId": "user_secret", "traits": {"plan": KEY, "id": "user_secret"}}
        )
        for seq in range(12)
    ]
    text = str(infer(calls))
    assert KEY not in text
    assert "user_secret" not in text


def test_traits_are_never_required():
    plan: Any = infer([hit(1, "identify", {"userId": "u", "traits": {"n": 1}})], name="shop")
    assert plan["name"] == "shop"
    assert plan["rules"]["identify"] == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"traits": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }


def test_versions_are_inferred_separately_and_properties_required_if_all_calls_have_them():
    calls = [
        hit(1, "track", {"userId": "u", "event": "Paid", "properties": {"a": 1}}),
        hit(2, "track", {"userId": "u", "event": "Paid",
                         "context": {"protocols": {"event_version": 2}}}),
    ]  # fmt: skip
    plan: Any = infer(calls)
    first, second = plan["rules"]["events"]
    assert (first["version"], first["rules"]["required"]) == (1, ["properties"])
    assert (second["version"], "required" in second["rules"]) == (2, False)


def test_dropped_calls_are_not_in_an_inferred_plan():
    assert infer([hit(1, "track", {"event": "Paid"})]) == {"rules": {"events": []}}


def test_deep_values_are_left_open():
    value: object = {}
    for _ in range(50):
        value = {"a": value}
    assert str(paid({"x": value})).count("'a'") < 20
