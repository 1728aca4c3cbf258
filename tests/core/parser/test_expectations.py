"""Expectations beyond one line: `one-of`, `never`, `id`, `request`, `after` and `within`."""

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import CallType
from pixel_emulator.core.parser.call_pattern import REQUEST_CHOICES
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.parser.vocabulary import REQUEST
from pixel_emulator.core.scenarios.expectation import Times
from pixel_emulator.files.yaml_loader import parse_document


def scenario(text):
    (only,) = parse(parse_document(text, "s.yaml"))
    return only


def call(text):
    (only,) = scenario(f"expect:\n  - {text}\n").expectations
    return only


def issues(text):
    with pytest.raises(InputError) as caught:
        parse(parse_document(text, "s.yaml"))
    return [str(issue).removeprefix("s.yaml:") for issue in caught.value.issues]


# A call map with `one-of`, then the type and fields of each of its shapes.
SHAPES = [
    (
        "{track: A, one-of: [{properties: {v: 1}}, {properties: {v: 2}}]}",
        [
            (CallType.TRACK, {"event": "A", "properties": {"v": 1}}),
            (CallType.TRACK, {"event": "A", "properties": {"v": 2}}),
        ],
    ),
    (
        "{one-of: [{track: A}, {page: B}], userId: u}",
        [
            (CallType.TRACK, {"event": "A", "userId": "u"}),
            (CallType.PAGE, {"name": "B", "userId": "u"}),
        ],
    ),
    (
        "{one-of: [{track: A, properties: {a: {b: 1}}}], properties: {a: {c: 2}, d: 3}}",
        [(CallType.TRACK, {"event": "A", "properties": {"a": {"b": 1, "c": 2}, "d": 3}})],
    ),
    (
        "{track: A, one-of: [{properties: {a: 1}}], properties: {a: 1}}",
        [(CallType.TRACK, {"event": "A", "properties": {"a": 1}})],
    ),
    ("{any: , one-of: [{type: page}, {}]}", [(CallType.PAGE, {}), (None, {})]),
    ("{dropped: , one-of: [{type: page}]}", [(CallType.PAGE, {})]),
]


@pytest.mark.parametrize(("text", "shapes"), SHAPES)
def test_fields_beside_one_of_apply_to_each_shape(text, shapes):
    assert [(pattern.type, pattern.fields) for pattern in call(text).patterns] == shapes


def test_request_of_a_shape_is_merged():
    text = "{page: , request: {form: flat}, one-of: [{request: {host: h}}, {}]}"
    assert [pattern.request for pattern in call(text).patterns] == [
        {"form": "flat", "host": "h"},
        {"form": "flat"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{one-of: []}", "1:11: expect[0].one-of: is empty: list the shapes"),
        ("{one-of: {page: }}", "1:11: expect[0].one-of: must be a list, but is a map"),
        ("{one-of: [page]}", '1:20: expect[0].one-of[0]: a shape is a map; this is "page"'),
        ("{one-of: [{userId: u}]}", "1:20: expect[0].one-of[0]: which call?"),
        ("{page: , one-of: [{track: A}]}", "`page:` stands beside `one-of` already"),
        ("{page: , one-of: [{any: }]}", "`page:` stands beside `one-of` already"),
        ("{page: , userId: a, one-of: [{userId: b}]}", 'it is "a" (string) already'),
        (
            "{page: , context: {a: [1]}, one-of: [{context: {a: [1]}}]}",
            "1:58: expect[0].one-of[0].context.a: beside `one-of` it is",
        ),
        ("{one-of: [{page: , times: 2}]}", "expect[0].one-of[0].times: belongs beside `one-of`"),
        ("{one-of: [{page: , id: a}]}", "expect[0].one-of[0].id: belongs beside `one-of`"),
        ("{one-of: [{dropped: }]}", "expect[0].one-of[0].dropped: belongs beside `one-of`"),
        ("{one-of: [{page: , one-of: []}]}", "one-of[0].one-of: stands inside another"),
        (
            "{one-of: [{pge: A}]}",
            'expect[0].one-of[0].pge: no such key here (did you mean "page"?)',
        ),
    ],
)
def test_invalid_shapes_are_refused(text, message):
    (issue,) = issues(f"expect: [{text}]")
    assert message in issue


def test_never_has_times_zero():
    parsed = scenario("expect: [{page: A}]\nnever: [{track: B}, {any: , userId: u}]\n")
    (step,) = parsed.steps
    assert [
        (expectation.line, expectation.times, expectation.never)
        for expectation in step.expectations
    ] == [
        ("page: A", Times(1, 1), False),
        ("track: B", Times(0, 0), True),
        ("any:", Times(0, 0), True),
    ]


def test_never_of_a_scenario_applies_to_every_step():
    parsed = scenario(
        "never: [{track: X}]\nsteps:\n  - {expect: [], never: [{track: Y}]}\n  - {expect: []}\n"
    )
    assert [[expectation.line for expectation in step.expectations] for step in parsed.steps] == [
        ["track: Y", "track: X"],
        ["track: X"],
    ]


@pytest.mark.parametrize("key", ["times: 0", "id: a", "after: b", "within: 1s"])
def test_never_takes_neither_times_nor_timing(key):
    (issue,) = [message for message in issues(f"never: [{{page: , {key}}}]") if "never" in message][
        :1
    ]
    assert "says nothing here: what stands under `never` never comes" in issue


def test_a_scenario_may_only_forbid():
    assert scenario("unexpected: ignore\nnever: [{page: }]").expectations


def test_request_has_expected_facts():
    expectation = call(
        "{page: , request: {form: base64, alphabet: std, padded: true, path: /v1/p}}"
    )
    assert expectation.patterns[0].request == {
        "form": "base64",
        "alphabet": "std",
        "padded": True,
        "path": "/v1/p",
    }


@pytest.mark.parametrize("field", REQUEST)
def test_each_field_of_request_may_be_expected(field):
    word = REQUEST_CHOICES.get(field, ("x",))[0]
    value = "true" if field == "padded" else word
    assert list(call(f"{{page: , request: {{{field}: {value}}}}}").patterns[0].request) == [field]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{form: base46}", 'must be one of base64, flat, json; it is "base46" (string) (did you'),
        ("{fetch: opened}", "must be one of open, prefetch, proxy, head"),
        ("{client: gmial}", '(did you mean "gmail"?)'),
        ("{padded: yes}", 'must be true or false; it is "yes" (string)'),
        ("{forms: flat}", 'no such key here (did you mean "form"?)'),
        ("flat", "must be a map, but is"),
        ("", "must be a map, but is empty"),
    ],
)
def test_an_invalid_request_is_refused(text, message):
    (issue,) = issues(f"expect: [{{page: , request: {text}}}]")
    assert issue.startswith("1:")
    assert "expect[0].request" in issue
    assert message in issue


AFTER = """\
steps:
  - expect:
      - {page: A, id: a}
      - {page: B, id: b, after: a, within: 2s}
  - expect: [{page: C, after: b}]
"""


def test_after_names_a_call_of_the_same_scenario_and_within_is_in_seconds():
    first, second = scenario(AFTER).steps
    assert [
        (expectation.id, expectation.after, expectation.within)
        for expectation in first.expectations
    ] == [
        ("a", "", None),
        ("b", "a", 2.0),
    ]
    assert second.expectations[0].after == "b"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "expect: [{page: , id: opened}, {page: , after: opend}]",
            'no call of this scenario has the id "opend" (did you mean "opened"?)',
        ),
        ("expect: [{page: , id: a}, {page: , after: zzz}]", 'the id "zzz": its ids are a'),
        ("expect: [{page: , after: a}]", "write `id:` beside the call that has to come first"),
        ("expect: [{page: , id: a, after: a}]", "goes round in a circle: a after a"),
        (
            "expect: [{page: , id: a, after: b}, {page: , id: b, after: a}]",
            "1:26: expect[0].after: goes round in a circle: a after b after a",
        ),
        (
            "steps: [{expect: [{page: , after: b}]}, {expect: [{page: , id: b}]}]",
            '"b" is the id of a call of a later step',
        ),
        (
            "steps: [{expect: [{page: , id: b}]}, {expect: [{page: , id: b}]}]",
            'steps[1].expect[0].id: the id "b" is taken already, by s.yaml:1:19',
        ),
        ("expect: [{page: , after: 3}]", 'after: must be text, but is 3 (number): quote it, "3"'),
    ],
)
def test_an_invalid_after_is_refused(text, message):
    (issue,) = issues(text)
    assert message in issue


def test_after_may_name_a_later_step_that_sees_all_calls():
    text = """\
steps:
  - expect: [{page: , after: b}]
  - {since: start, expect: [{page: , id: b}]}
"""
    assert scenario(text).steps[1].since_start


def test_ids_are_those_of_one_scenario():
    text = """\
scenarios:
  - {name: one, expect: [{page: , id: a}]}
  - {name: two, expect: [{page: , id: a}]}
"""
    assert len(parse(parse_document(text, "s.yaml"))) == 2
