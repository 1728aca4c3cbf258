"""YAML and JSON texts as plain data with positions."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.core.text.json_codec import Number
from pixel_emulator.files import yaml_loader
from pixel_emulator.files.yaml_loader import parse_document
from tests.law_examples import examples


def read(text):
    return parse_document(text, "f.yaml").data


def issue(text):
    with pytest.raises(InputError) as caught:
        read(text)
    return str(caught.value)


SCALARS = [
    ("[null, true, false, 1, -1, 0]", [None, True, False, 1, -1, 0]),
    ("[1.10, 1e3, -0, 1E+5]", [1.1, 1e3, 0, 1e5]),
    ("[~, Null, TRUE, no, on, y]", ["~", "Null", "TRUE", "no", "on", "y"]),
    (
        "[0o7, 0x1F, 01, +1, 1_000, .5, .inf]",
        ["0o7", "0x1F", "01", "+1", "1_000", ".5", ".inf"],
    ),
    ("[12:30:00, 2024-01-01, <<, =]", ["12:30:00", "2024-01-01", "<<", "="]),
    ("a:\nb: ''\nc: \"1\"\nd: '1'", {"a": None, "b": "", "c": "1", "d": "1"}),
    ("404: a\ntrue: b\nnull: c", {"404": "a", "true": "b", "null": "c"}),
    ("a: |\n  1\n  ~\n", {"a": "1\n~\n"}),
    ('{"a":1,"b":[{"c":null}],\t"d":"\\/"}', {"a": 1, "b": [{"c": None}], "d": "/"}),
    (r'"\ud83d\ude00 \ud800"', "😀 \ud800"),
    ("", None),
    ("# only a comment\n", None),
    ("--- a\n...\n", "a"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_only_the_scalars_of_json_are_resolved(text, value):
    assert read(text) == value


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_without_libyaml_the_same_is_read_at_the_same_places(text, value, monkeypatch):
    with_libyaml = parse_document(text, "f.yaml")
    monkeypatch.setattr(yaml_loader, "_C_LOADER", yaml.SafeLoader)
    without = parse_document(text, "f.yaml")
    assert with_libyaml == without
    assert without.data == value


def test_without_libyaml_a_tab_between_tokens_of_other_flow_yaml_is_refused(monkeypatch):
    """The one difference that is known: PyYAML's own parser takes it for an indentation."""
    monkeypatch.setattr(yaml_loader, "_C_LOADER", yaml.SafeLoader)
    assert "indent with blanks, not with tabs" in issue("{a: 1,\tb: 2}")


def test_json_indented_with_tabs_has_its_places_also_with_surrogate_escapes():
    """libyaml rejects the escapes, and PyYAML's own parser the tabs."""
    text = '{\n\t"name": "\\ud83d\\ude00",\n\t"b": [1]\n}'
    document = parse_document(text, "f.json")
    assert document.data == {"name": "😀", "b": [1]}
    assert document == parse_document(text.replace("\t", " "), "f.json")


# Not the private characters that stand for lone surrogates.
_CHARACTERS = st.characters(exclude_categories=["Cs", "Co"])
# A key of YAML has at most 1,024 characters in the file: YAML 1.2.2, section 7.4.2.
_KEYS = st.text(_CHARACTERS, max_size=80)


@given(st.lists(st.text(_CHARACTERS) | st.dictionaries(_KEYS, st.integers())))
@examples(100)
def test_any_json_indented_with_tabs_is_read(value):
    assert read(json.dumps(value, indent="\t")) == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
@examples(200)
def test_without_libyaml_what_we_write_is_read_too(value):
    text = yaml_writer.write(value)
    with_libyaml = parse_document(text, "f.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_loader, "_C_LOADER", yaml.SafeLoader)
        assert parse_document(text, "f.yaml") == with_libyaml


def test_digits_are_kept():
    numbers = read("[1.10, 12345678901234567890, 1e400]")
    assert [type(number) for number in numbers] == [Number, int, Number]
    assert repr(numbers) == "[1.10, 12345678901234567890, 1e400]"


def test_members_stand_where_their_keys_begin_and_items_where_they_begin():
    positions = parse_document("a: 1\nb:\n  - c:\n      2\n  -   3\n", "f.yaml").positions
    assert {at: (place.line, place.column) for at, place in positions.items()} == {
        (): (1, 1),
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", 0): (3, 5),
        ("b", 0, "c"): (3, 5),
        ("b", 1): (5, 7),
    }


def test_a_mistake_stands_at_the_nearest_known_place():
    document = parse_document("a:\n  b: 1\n", "f.yaml")
    assert str(document.issue("is missing", "a", "c")) == "f.yaml:1:1: a.c: is missing"
    assert str(document.issue("is odd", "a", "b")) == "f.yaml:2:3: a.b: is odd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", 'f.yaml:3:1: "a" stands here twice, first in line 1'),
        ("a: &x 1", "f.yaml:1:4: `&x` is an anchor"),
        ("a: *x", "f.yaml:1:4: `*x` refers to an anchor"),
        ("a: !!str x", "f.yaml:1:4: `!!str` is a tag"),
        ("!!map {}", "f.yaml:1:1: `!!map` is a tag"),
        ("a: ! x", "f.yaml:1:4: `!` is a tag"),
        ("? [a]\n: 1", "f.yaml:1:3: a key must be text"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1: a second document begins"),
        ("a: 1\n\tb: 2", "f.yaml:2:1: not YAML"),
        ("a:\n\t- b", "indent with blanks, not with tabs"),
        ("- track: Order: Completed", "put quotes around a text that holds a colon"),
        ("{id: ${order}}", "a whole value is written `$name`"),
        ("a: *@x", "put quotes around a text that begins with"),
        ("a: @x", "put quotes around a text that begins with"),
        ("a: [1\n", "f.yaml:2:1: not YAML while parsing a flow sequence"),
        ('a: "b', "f.yaml:1:6: not YAML while scanning a quoted scalar"),
        ("a: !<x> b", "f.yaml:1:4: `x` is a tag"),
        ("a: b\x00", "f.yaml:1:5: U+0000 may not stand in YAML"),
        ('a: "\\ud800" b', "f.yaml:1:"),
    ],
)
def test_mistakes_are_reported_with_their_places(text, message):
    assert message in issue(text)


# What people write, and the advice that stands behind the mistake.
TRAPS = [
    ("times: >=2", "write `2..` for 2 or more"),
    ("- page:\n  times: > 2\n", "write `2..` for 2 or more"),
    ("a: >- x", "put quotes around a text that begins with this character"),
    ("where: *\nb: 1", "put quotes around a text that begins with `*`"),
    ("where: *", "put quotes around a text that begins with `*`"),
    ("[*]", "put quotes around a text that begins with `*`"),
    ("{a: $/foo]x/}", "put quotes around a regex"),
    ("[$/fo]o/]", "put quotes around a regex"),
    ("a: {b: $/fo}o/, c: 1}\nd: 2", "put quotes around a regex"),
    ("- [$/fo]o/]\n- b", "put quotes around a regex"),
    ("{a: $/[ab]+/}", "put quotes around a regex"),
    ("{a: $/x{2,3}/}", "put quotes around a regex"),
    ("{a: $/foo #bar/}\n", "put quotes around a regex"),
    ("a: $/foo: bar/", "put quotes around a regex"),
    (r'a: "$/\d/"', "use single quotes"),
    ("expect:\n  - page: A\n   - track: B\n", "indent the items of one list alike"),
    ("expect:\n  - page:\n - track: A\n", "indent the items of one list alike"),
    ("expect:\n  - page:\n   times: 2\n", "indent the items of one list alike"),
    (" a: 1\nb: 2\n", "and the keys of one map alike"),
    ("a: 1\n  b: 2\n", "this line continues the one before"),
    ("a: 'it's'", "put quotes around the whole of it"),
    ('a: "b\nc: 1\n', "that begins in line 1: found unexpected end of stream (close the quotes)"),
    ("\na: {b: 1,\nc: 2\n", "that begins in line 2: did not find expected ',' or '}' (close the"),
    ("a: [1\nb: 2\n", "(close the brace or bracket)"),
    ("a: 1\ntext\n", "that begins in line 2: could not find expected ':' (write a colon"),
]


@pytest.mark.parametrize(("text", "advice"), TRAPS)
def test_a_trap_of_yaml_has_its_advice(text, advice):
    assert advice in issue(text)


def test_a_mistake_in_one_line_does_not_say_in_which_it_begins():
    assert "that begins in line" not in issue("{a: $/foo]x/}")


@pytest.mark.parametrize("text", ["a: }", "a: 1\rb: {"])
def test_a_mistake_may_be_without_advice(text):
    assert issue(text).startswith("f.yaml:")


@pytest.mark.parametrize("text", ["[", "{a: ", "- ", "[{a: ", '["\\ud800", '])
def test_nesting_is_refused_before_it_can_hurt(text):
    """PyYAML's composer in C crashes on 30,000 brackets, and takes a minute for 200,000 braces."""
    assert "nested deeper than 200 levels" in issue(text * 200_000)


def test_two_hundred_levels_are_read():
    value = read("[" * 200 + "]" * 200)
    for _ in range(199):
        (value,) = value
    assert value == []


def test_a_bomb_of_aliases_does_not_go_off():
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    assert "is an anchor" in issue("\n".join(lines))
