"""Any scenario file is either parsed or refused with InputError."""

import json
from contextlib import suppress
from decimal import Decimal

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.errors import Document, InputError
from pixel_emulator.core.model import path_text
from pixel_emulator.core.parser import vocabulary
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.parser.expectations import parse_path
from pixel_emulator.core.parser.values import MATCHERS, OPERATORS
from pixel_emulator.core.schemas.scenario_schema import scenario_schema
from pixel_emulator.core.text import json_codec
from pixel_emulator.files.yaml_loader import parse_document
from tests.law_examples import examples

SCHEMA = jsonschema_rs.Draft7Validator(scenario_schema())

KEYS = {
    **vocabulary.FILE,
    **vocabulary.SCENARIO,
    **vocabulary.STEP,
    **vocabulary.EXPECTATION,
    **vocabulary.REQUEST,
    **vocabulary.ACTIONS,
    **vocabulary.GIVEN,
    **vocabulary.FORBIDDEN,
}
TEXTS = [
    *("a", "b", "$a", "$b", "${a}", "x${a}y${b}", "$$a", "$/a(/", "$/^a/i", "$", "", "user", "\b"),
    *("page", "track", "5s", "2..4", "start", "listed", "gmail", "ignore", "fail", "everything"),
    *("a.b[0]", "2030-01-31T12:00:00Z", "raw_json", "bad_request"),
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**20),
    st.sampled_from([0.5, json_codec.Number("1e400"), json_codec.Number("1.50")]),
    st.sampled_from([*TEXTS, *MATCHERS]),
    st.text(max_size=5),
)
keys = st.one_of(
    st.sampled_from([*KEYS, *OPERATORS, "a", "b", "$$a", "1"]),
    st.text(max_size=4),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=8,
)  # fmt: skip


def maps(keys, **shaped):
    """Maps with some keys of the language, and values that may be valid."""
    choices = {key: st.one_of(shaped.get(key.replace("-", "_"), values), values) for key in keys}
    return st.fixed_dictionaries({}, optional=choices)


names = st.one_of(
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
    st.dictionaries(st.sampled_from(["a", "b"]), values, max_size=2),
)
definitions = st.dictionaries(st.sampled_from(["a", "b", "c"]), values, max_size=3)
calls = st.lists(
    maps(vocabulary.EXPECTATION, one_of=st.lists(maps(vocabulary.PATTERN), max_size=2)), max_size=3
)
actions = maps(vocabulary.ACTIONS, send=maps(vocabulary.PATTERN))
steps = st.lists(maps(vocabulary.STEP, expect=calls, never=calls, do=actions), max_size=2)
scenarios = maps(
    vocabulary.SCENARIO,
    let=names,
    cases=st.lists(definitions, max_size=2),
    expect=calls,
    never=calls,
    steps=steps,
    do=actions,
    given=maps(vocabulary.GIVEN),
    deny=st.lists(maps(vocabulary.FORBIDDEN), max_size=2),
)
documents = st.one_of(
    values,
    scenarios,
    maps({**vocabulary.FILE, **vocabulary.SCENARIO}, define=definitions, let=names, expect=calls),
    st.fixed_dictionaries(
        {"scenarios": st.lists(scenarios, max_size=2)},
        optional={"define": definitions, "defaults": maps(vocabulary.DEFAULTS, let=names)},
    ),
)


def read(data):
    try:
        return parse(Document("s.yaml", data, {}), given={"b": "x"})
    except InputError:
        return None


@examples(100)
@given(documents)
def test_a_document_is_parsed_or_refused_and_unchanged(data):
    before = repr(data)
    read(data)
    assert repr(data) == before


# Small documents that the loader likes: most of the others are refused, and say nothing here.
texts = st.sampled_from(["A", "u", "$string", "$/^x/", "$$y"])
simple_calls = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"track": texts},
            optional={
                "userId": texts,
                "context": values,
                "properties": st.dictionaries(st.sampled_from(["p", "q"]), values, max_size=2),
                "times": st.sampled_from([0, 2, "1..", "2..4"]),
                "within": st.sampled_from(["5s", "1.5min", "x"]),
                "request": st.dictionaries(
                    st.sampled_from([*vocabulary.REQUEST]), scalars, max_size=2
                ),
                "note": texts,
            },
        ),
        st.fixed_dictionaries(
            {"one-of": st.lists(st.fixed_dictionaries({"page": texts}), min_size=1, max_size=2)}
        ),
    ),
    max_size=2,
)
simple = st.fixed_dictionaries(
    {"expect": simple_calls},
    optional={
        "never": simple_calls,
        "state": st.dictionaries(texts, values, max_size=1),
        "given": maps(vocabulary.GIVEN),
        "do": st.one_of(*(st.fixed_dictionaries({key: values}) for key in vocabulary.ACTIONS)),
        "deny": st.lists(st.fixed_dictionaries({"contains": scalars}), max_size=1),
        "order": st.sampled_from(["any", "listed", "strict", "x"]),
        "define": definitions,
    },
)


@examples(100)
@given(simple)
def test_the_schema_accepts_whatever_the_parser_accepts(data):
    if read(data) is not None:
        # As a float, 1e400 would be an infinity, which the validator takes for null.
        plain = json.loads(json_codec.write(data), parse_float=Decimal)
        assert SCHEMA.is_valid(plain), [str(error) for error in SCHEMA.iter_errors(plain)]


@examples(100)
@given(st.text(alphabet=" \n-:{}[],'\"$/*&!%@`#|>abexpct0\t\\", max_size=60))
def test_a_text_is_parsed_or_refused(text):
    with suppress(InputError):
        parse(parse_document(text, "s.yaml"))


@examples(100)
@given(st.lists(st.one_of(st.integers(0, 10**9 - 1), st.text()), min_size=1, max_size=5))
def test_every_path_survives_path_text(path):
    assert parse_path(path_text(path)) == tuple(path)
