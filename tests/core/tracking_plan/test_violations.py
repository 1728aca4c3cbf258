"""What a plan objects to: types, fields and words, and what no call may do to the checker."""

import json

import pytest

from pixel_emulator.core.model import KEPT, Outcome
from pixel_emulator.core.text.json_codec import Number
from pixel_emulator.core.tracking_plan.plan import parse
from pixel_emulator.core.tracking_plan.violations import MAX_VIOLATIONS, violations
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import hit

PLAN = """\
rules:
  global:
    required: [context]
    properties:
      type: {enum: [track, identify, page]}
      properties: {properties: {anything: {}}}
  identify:
    properties: {traits: {properties: {plan: {enum: [free, pro]}}}}
  events:
    - name: Paid
      rules:
        type: object
        required: [properties]
        properties:
          properties:
            type: object
            required: [order_id]
            properties:
              order_id: {type: string, pattern: '^FC-\\d+$'}
              total: {type: number, minimum: 0, multipleOf: 0.01}
              count: {type: integer, maximum: 9007199254740993}
              at: {type: string, format: date-time}
              coupon: {type: [string, "null"], maxLength: 5}
              products:
                type: array
                maxItems: 200
                items: {type: object, properties: {sku: {type: string}}}
              open: {type: object}
              closed: {type: object, properties: {a: {}}, additionalProperties: false}
              free: {type: object, properties: {a: {}}, additionalProperties: {type: number}}
              either: {anyOf: [{type: object, properties: {b: {}}}, {type: "null"}]}
              mode: {const: live}
"""


def plan(text=PLAN):
    return parse(parse_document(text, "plan.yaml"))


ONE = {1: plan()}


def violation_lines(properties, plans=ONE, form="base64", **payload):
    """The violations of a `Paid` call, as they are read."""
    call = {"userId": "u", "event": "Paid", "properties": properties, **payload}
    return hit_lines(hit(1, "track", call, form=form), plans)


def hit_lines(hit, plans=ONE):
    return [
        f"{violation.type} · {violation.field} · {violation.description}"
        for violation in violations(plans, hit)
    ]


GOOD = {"order_id": "FC-1"}


@pytest.mark.parametrize(
    "properties",
    [
        GOOD,
        {**GOOD, "total": Number("49.90"), "count": 9007199254740993, "coupon": None},
        {**GOOD, "count": Number("2.0"), "at": "2030-01-31T09:00:00Z", "mode": "live"},
        {**GOOD, "products": [{"sku": "A"}, {}], "open": {"x": {"y": 1}}, "either": None},
        {**GOOD, "free": {"a": "x", "b": 1}, "either": {"b": 1}, "closed": {"a": 1}},
        {**GOOD, "anything": 1},
    ],
)
def test_a_call_that_keeps_to_the_plan_has_no_violations(properties):
    assert violation_lines(properties) == []


@pytest.mark.parametrize(
    ("extra", "type", "field", "words"),
    [
        ({"order_id": 1}, "Invalid Type", "order_id",
         "Invalid type. Expected: string, given: integer"),
        ({"count": Number("1.5")}, "Invalid Type", "count",
         "Invalid type. Expected: integer, given: number"),
        ({"coupon": []}, "Invalid Type", "coupon",
         "Invalid type. Expected: null, string, given: array"),
        ({"free": {"b": "x"}}, "Invalid Type", "free.b",
         "Invalid type. Expected: number, given: string"),
        ({"order_id": "X"}, "Invalid Value", "order_id",
         '{} must match the pattern ^FC-\\d+$, given: "X"'),
        ({"total": Number("-0.01")}, "Invalid Value", "total",
         "{} must be greater than or equal to 0, given: -0.01"),
        ({"total": Number("1.005")}, "Invalid Value", "total",
         "{} must be a multiple of 0.01, given: 1.005"),
        ({"count": 9007199254740994}, "Invalid Value", "count",
         "{} must be less than or equal to 9007199254740993, given: 9007199254740994"),
        ({"at": "yesterday"}, "Invalid Value", "at",
         '{} must have the format "date-time", given: "yesterday"'),
        ({"coupon": "WELCOME"}, "Invalid Value", "coupon",
         '{} must have at most 5 characters, given: "WELCOME"'),
        ({"mode": "test"}, "Invalid Value", "mode", '{} must be "live", given: "test"'),
        ({"either": 1}, "Invalid Value", "either",
         "{} must fit one schema or more (anyOf), given: 1"),
        ({"Total": 1}, "Unplanned Property", "Total", "{} is not in the tracking plan"),
        ({"products": [{}, {"a.b": 1}]}, "Unplanned Property", 'products[1]["a.b"]',
         "{} is not in the tracking plan"),
        ({"closed": {"b": 1}}, "Unplanned Property", "closed.b", "{} is not in the tracking plan"),
        ({"either": {"c": 1}}, "Unplanned Property", "either.c", "{} is not in the tracking plan"),
    ],
)  # fmt: skip
def test_each_objection(extra, type, field, words):
    path = f"properties.{field}"
    assert violation_lines({**GOOD, **extra}) == [f"{type} · {path} · {words.format(path)}"]


def test_what_is_required_is_named_as_segment_does():
    line = "Required · properties.order_id · properties.order_id is required"
    assert violation_lines({}) == [line]


def test_an_unplanned_event_has_its_likely_name():
    assert hit_lines(hit(1, "track", {"userId": "u", "event": "paid"})) == [
        'Unplanned Event · event · "paid" is not in the tracking plan (did you mean "Paid"?)'
    ]


def test_the_common_rules_hold_for_every_call():
    """With what Segment's pipeline fills in: the type, and a context."""
    assert hit_lines(hit(1, "page", {"userId": "u", "name": "Home"})) == []
    assert hit_lines(hit(1, "screen", {"userId": "u", "name": "Home"})) == [
        'Invalid Value · type · type must be one of "track", "identify", "page", given: "screen"'
    ]
    assert hit_lines(hit(1, "track", {"userId": "u", "event": "Paid", "context": {}})) == [
        "Required · properties · properties is required"
    ]


def test_traits_are_checked():
    call = hit(1, "identify", {"userId": "u", "traits": {"plan": "gold", "city": "Leith"}})
    assert hit_lines(call) == [
        'Invalid Value · traits.plan · traits.plan must be one of "free", "pro", given: "gold"',
        "Unplanned Trait · traits.city · traits.city is not in the tracking plan",
    ]


def test_a_page_has_the_rule_of_its_name_or_that_of_all_pages():
    rules = [
        {"type": "PAGE", "key": "Home", "version": 1, "jsonSchema": {"required": ["category"]}},
        {"type": "PAGE", "version": 1, "jsonSchema": {"required": ["name"]}},
    ]
    plans = {1: plan(f"rules: {rules}".replace("'", '"'))}
    assert hit_lines(hit(1, "page", {"userId": "u", "name": "Home"}), plans) == [
        "Required · category · category is required"
    ]
    assert hit_lines(hit(1, "page", {"userId": "u"}), plans) == [
        "Required · name · name is required"
    ]
    assert hit_lines(hit(1, "track", {"userId": "u", "event": "E"}), plans) == []


def test_a_violation_says_that_flat_values_are_strings():
    [words] = violation_lines({"order_id": "FC-1", "total": "49.9"}, form="flat")
    assert words == (
        "Invalid Type · properties.total · Invalid type. Expected: number, given: string; "
        "flat-form values are always strings"
    )


def requiring(field):
    return plan(f"rules: {{events: [{{name: Paid, rules: {{required: [{field}]}}}}]}}")


@pytest.mark.parametrize(
    ("version", "form", "asked"),
    [
        (None, "base64", "one"),
        (1, "base64", "one"),
        (2, "base64", "two"),
        (3, "base64", "one"),
        ("2", "base64", "one"),
        (Number("3.2"), "base64", "one"),
        (True, "base64", "one"),
        (-2, "base64", "one"),
        ("2", "flat", "two"),
        ("x", "flat", "one"),
        ("9" * 5_000, "flat", "one"),
    ],
)
def test_the_version_chooses_the_plan_and_else_the_oldest_counts(version, form, asked):
    protocols = {} if version is None else {"event_version": version}
    plans = {2: requiring("two"), 1: requiring("one")}
    context = {"context": {"protocols": protocols}} if protocols else {}
    assert violation_lines(GOOD, plans, form, **context) == [
        f"Required · {asked} · {asked} is required"
    ]


def test_the_version_chooses_the_rule_within_a_plan():
    rules = [f"{{name: Paid, version: {n}, rules: {{required: [v{n}]}}}}" for n in (1, 2)]
    plans = {1: plan(f"rules: {{events: [{', '.join(rules)}]}}")}
    context = {"protocols": {"event_version": 2}}
    assert violation_lines(GOOD, plans, context=context) == ["Required · v2 · v2 is required"]


@pytest.mark.parametrize(
    "call",
    [
        hit(1, "track", {"event": "Paid"}),
        hit(1, "track", {"userId": "u", "event": "Paid", "messageId": "m"}, repeats=True),
    ],
)
def test_a_call_that_segment_does_not_keep_has_no_violations(call):
    assert call.outcome in (Outcome.DROPPED, Outcome.DUPLICATE)
    assert call.outcome not in KEPT
    assert hit_lines(call) == []


def test_without_plans_there_are_no_violations():
    assert violation_lines({}, {}) == []


def traits(schema):
    """A plan with this schema for the trait `n`."""
    inner = f"properties: {{traits: {{properties: {{n: {{{schema}}}}}}}}}"
    return {1: plan(f"rules: {{identify: {{{inner}}}}}")}


NUMBERS = [
    ("0.1", "maximum: 0.1", True),
    ("0.10000000000000000000000001", "maximum: 0.1", False),
    ("1.10", "enum: [1.1]", True),
    ("1e400", "maximum: 5", False),
    ("-1e400", "maximum: 5", True),
    ("1e99999999999999999999", "maximum: 5", False),
    ("-1e99999999999999999999", "minimum: 5", False),
    ("1e-99999999999999999999", "maximum: 5", True),
    ("9" * 5_000, "maximum: 5", False),
    ("9" * 5_000 + ".5", "maximum: 5", False),
    ("1.0", "type: integer", True),
    ("1.5", "type: integer", False),
]


@pytest.mark.parametrize(("number", "schema", "fits"), NUMBERS)
def test_numbers_are_compared_to_the_last_digit(number, schema, fits):
    call = hit(1, "identify", {"userId": "u", "traits": {"n": Number(number)}})
    assert (hit_lines(call, traits(schema)) == []) is fits


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "(.*a){25}$", "(x+x+)+y"])
def test_no_regex_backtracks(pattern):
    """A backtracking engine would need longer than the universe is old."""
    call = {"userId": "u", "traits": {"n": "a" * 20_000 + "!"}}
    assert hit_lines(hit(1, "identify", call), traits(f"pattern: '{pattern}'")) != []


def test_a_call_that_nests_too_deep_never_passes():
    value: object = 1
    for _ in range(9_000):
        value = [value]
    assert violation_lines({**GOOD, "open": value}) == [
        (
            "Nested Too Deep · (root) · "
            "Nests deeper than 100 levels, so it is not checked against the tracking plan"
        )
    ]


def test_text_that_is_no_unicode_is_checked_too():
    assert violation_lines({**GOOD, "coupon": "\ud800"}) == []
    assert len(violation_lines({**GOOD, "\ud800": "\udfff"})) == 1


def test_many_objections_are_cut():
    assert len(violation_lines({**GOOD, "products": [1] * 150})) == MAX_VIOLATIONS


def test_long_values_and_control_characters_are_cut_and_escaped():
    [words] = violation_lines({**GOOD, "coupon": "\x1b[31m" * 1_000})
    assert len(words) < 250
    assert "\x1b" not in words


def test_a_huge_call_under_a_huge_schema_has_one_objection():
    """All of them would be forty million, made at once."""
    schemas = ", ".join(f"{{minLength: {n}}}" for n in range(9, 5_009))
    call = hit(1, "identify", {"userId": "u", "traits": {"n": ["a"] * 8_000}}, form="json")
    assert len(hit_lines(call, traits(f"items: {{anyOf: [{schemas}]}}"))) == 1


def test_the_common_rules_see_what_segment_hands_on():
    """It fills in what a pixel need not say, and the write key ends at its edge."""
    filled = ["messageId", "timestamp", "context", "receivedAt", "type"]
    common = {
        "required": filled,
        "properties": {key: {} for key in (*filled, "userId", "event", "properties")},
        "additionalProperties": False,
    }
    rules = {"events": [{"name": "E", "rules": {}}], "global": common}
    text = json.dumps({"name": "shop", "rules": rules})
    sent = hit(1, "track", {"event": "E", "userId": "u"})
    assert list(violations({1: plan(text)}, sent)) == []
    (wrong,) = violations({1: plan(text)}, hit(1, "track", {"event": "E", "userId": "u", "x": 1}))
    assert "x" in wrong.field
