"""Values of a scenario file: what they are parsed to, and every issue with its advice."""

import pytest

from pixel_emulator.core.errors import Document
from pixel_emulator.core.matching.diff import matches
from pixel_emulator.core.matching.expected import ABSENT, is_literal
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.matching.unification import TextTemplate, Variable
from pixel_emulator.core.model import JsonPath
from pixel_emulator.core.parser.operators import INVALID, OPERATORS
from pixel_emulator.core.parser.parse_context import ParseContext, escape
from pixel_emulator.core.parser.values import read_text, read_value
from pixel_emulator.files.yaml_loader import parse_document

VISITOR = Variable("visitor")
MEANINGS = {
    "visitor": VISITOR,
    "order": Variable("order"),
    "n": 4,
    "label": "spring",
    "nothing": None,
    "money": {"value": 1},
    "loyal": MATCHERS["$string"].matcher,
}


class Names:
    """A name lookup: variables, given values, and definitions."""

    def lookup(self, name):
        return MEANINGS.get(name, ABSENT)

    def names(self):
        return MEANINGS


def read(text, reading=read_value):
    """Return what a YAML text is parsed to, and its issues."""
    context = ParseContext(parse_document(text, "s.yaml"))
    parsed = reading(context, (), context.document.data, Names())
    return parsed, [str(issue) for issue in context.issues]


PLAIN = [
    ("1", 1),
    ("null", None),
    ("a", "a"),
    ("[a, {b: [1]}]", ["a", {"b": [1]}]),
    ("$$5 off", "$5 off"),
    ("costs $5", "costs $5"),
    ("a$$b", "a$b"),
    ("'$${n}'", "${n}"),
    ("{$$gt: 1}", {"$gt": 1}),
    ("$n", 4),
    ("$nothing", None),
    ("$money", {"value": 1}),
    ("no ${n} ${label}", "no 4 spring"),
    ("${n}${n}", "44"),
    ("is ${nothing}", "is null"),
]


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_a_literal_is_parsed_to_itself(text, value):
    parsed, issues = read(text)
    assert (parsed, issues) == (value, [])
    assert is_literal(parsed)


def test_variables_alone_and_in_a_text():
    assert read("$visitor") == (VISITOR, [])
    assert read("a ${n} ${visitor} b")[0] == TextTemplate("a 4 ", VISITOR, " b")
    assert read("${visitor}!")[0] == TextTemplate("", VISITOR, "!")


LITERAL = "for this very text, write"
CUT = "if ` #`, or a comma or bracket in braces, cut it off, put quotes around the whole regex"
IN_TEXT = "a variable inside a longer text is"
TWO = "have no value yet, so nobody could tell where one ends: one text holds one of them"
RE2 = "RE2 refuses this regex"
MEASURE = "takes a number or an ISO time, but gets"
DIFFER = "nothing could be told to differ from it"
NO_VALUE = "has no value before the calls come"

# A value as YAML, and the mistakes in it: the path, and what is said there.
MISTAKES = [
    ("$strng", ['`$strng` is no matcher, and no variable (did you mean "$string"?)']),
    ("$vistor", ['`$vistor` is no matcher, and no variable (did you mean "$visitor"?)']),
    ("$qq", [f"`$qq` is no matcher, and no variable: declare it in `let`; {LITERAL} `$$qq`"]),
    ("$5 off", [f"what begins with `$` is special: {LITERAL} `$$5 off`"]),
    ("$", [f"what begins with `$` is special: {LITERAL} `$$`"]),
    (
        "$n of them",
        [f"what begins with `$` is special: {IN_TEXT} `${{n}}`; {LITERAL} `$$n of them`"],
    ),
    ("$gt", ["`$gt` takes something: write it as a key, as in {$gt: 0}"]),
    ("'${n}'", ["a whole value is written without braces: $n"]),
    ("a ${vistor}", ['`${vistor}` is no variable (did you mean "visitor"?)']),
    ("a ${q}", [f"`${{q}}` is no variable: declare it in `let`; {LITERAL} `$${{q}}`"]),
    ("a ${q r}", [f"`${{q r}}` is no variable: {LITERAL} `$${{q r}}`"]),
    ("a ${", [f"`${{` is no variable: {LITERAL} `$${{`"]),
    ("a ${uuid}", ["the matcher `$uuid` cannot stand inside a text: write a regex"]),
    ("a ${money}", ["`${money}` stands for a matcher, a map or a list: none fits into a text"]),
    ("a ${loyal}", ["`${loyal}` stands for a matcher, a map or a list: none fits into a text"]),
    (
        "${visitor}-${order}",
        [f"$visitor and $order {TWO}"],
    ),
    ("$/a", [f"the regex has no end: {CUT}; {LITERAL} `$$/a`"]),
    ("$/a #b/", [f"the regex has no end: {CUT}; {LITERAL} `$$/a`"]),
    ("{k: $/a,b: 1}", [f"k: the regex has no end: {CUT}; {LITERAL} `$$/a`"]),
    (
        "$/a/x",
        [f"`x` is no flag: the only flag is `i`, for upper and lower case alike; {CUT}"],
    ),
    ("$/a/b #c/", [f"`b` is no flag: the only flag is `i`, for upper and lower case alike; {CUT}"]),
    (r'"$/\bfoo\b/"', [r"holds U+0008, which `\b` is in double quotes: use single quotes"]),
    ("$//", ["an empty regex is found in every text: write $string"]),
    ("$/(/", [r"RE2 refuses this regex, missing ): (: write \( for the character itself"]),
    (
        "$/(?=a)/",
        [f"{RE2}, invalid perl operator: (?=: RE2 has no lookahead; use {{$all: […]}}"],
    ),
    (
        r"$/(a)\1/",
        [rf"{RE2}, invalid escape sequence: \1: RE2 has no back-reference, and no such escape"],
    ),
    (r"$/a\Z/", [r"RE2 refuses this regex, invalid escape sequence: \Z: write \z"]),
    ("$/*/", ["RE2 refuses this regex, no argument for repetition operator: *"]),
    ("{$gtt: 1}", ['$gtt: no such operator (did you mean "$gt"?)']),
    ("{$or: [1]}", ["$or: no such operator: write $in"]),
    ("{$0: 1}", ["$0: no such operator; for this very key, write `$$0`"]),
    ("{$int: 1}", ["$int: `$int` takes nothing: write it as a value, not as a key"]),
    ("{$money: 1}", ["$money: `$money` takes nothing: write it as a value, not as a key"]),
    ("{$gt: 0, a: 1}", ["$gt: speaks of the whole value: no key like `a` stands beside it"]),
    ("{'a${n}': 1}", ["a${n}: a key holds no variables; for this very key, write `a$${n}`"]),
    ("{$gt: a}", ['$gt: takes a number or an ISO time, but gets "a" (string)']),
    ("{$lt: null}", ["$lt: takes a number or an ISO time, but gets empty"]),
    (
        "{$gte: $visitor}",
        [f"$gte: {MEASURE} `$visitor`: it {NO_VALUE}"],
    ),
    ("{$lte: $int}", [f"$lte: {MEASURE} a matcher: any whole number"]),
    ("{$eq: [$int]}", ["$eq: takes a plain value, but gets a matcher: [any whole number] (list)"]),
    ("{$ne: $visitor}", [f"$ne: takes a plain value, but gets `$visitor`: it {NO_VALUE}"]),
    ("{$in: a}", ['$in: takes a list, but gets "a" (string)']),
    ("{$in: []}", ["$in: takes a list, but gets an empty one"]),
    ("{$all: {a: 1}}", ["$all: takes a list, but gets a map"]),
    ("{$one: $money}", ["$one: takes a list, but gets a map"]),
    (
        "{$not: {a: $visitor}}",
        [f"$not: `$visitor` {NO_VALUE}: {DIFFER}"],
    ),
    ("{$like: 5}", ["$like: takes a text that is not empty, but gets 5 (number)"]),
    ("{$starts: ''}", ['$starts: takes a text that is not empty, but gets "" (string)']),
    ("{$ends: $/a/}", ["$ends: takes a text that is not empty, but gets a matcher: matching /a/"]),
    ("{$contains: [a]}", ["$contains: takes a text that is not empty, but gets a list"]),
    ("{$len: -1}", ["$len: takes a whole number, or a matcher for it, but gets -1 (number)"]),
    ("{$len: true}", ["$len: takes a whole number, or a matcher for it, but gets true (bool)"]),
    ("{$only: [a]}", ["$only: takes a map of keys, but gets a list"]),
    ("{$only: {$gt: 0}}", ["$only: takes a map of keys, but gets a matcher: > 0 (number)"]),
    (
        "{$near: 1}",
        ["$near: by how much may it differ? write `$by` beside it: {$near: 51, $by: 0.5}"],
    ),
    ("{$by: 1}", ["$by: stands beside `$near`, and says by how much a number may differ from it"]),
    ("{$near: a, $by: 1}", ['$near: takes a number, but gets "a" (string)']),
    ("{$near: 1, $by: -1}", ["$by: takes a number from 0 up, but gets -1 (number)"]),
    ("{$any-order: 1}", ["$any-order: takes a list, but gets 1 (number)"]),
    (
        "{$gt: $vistor}",
        ['$gt: `$vistor` is no matcher, and no variable (did you mean "$visitor"?)'],
    ),
    (
        "{$in: [$strng, {$gt: a}], a: $/b}",
        [
            "$in: speaks of the whole value: no key like `a` stands beside it",
            f"a: the regex has no end: {CUT}; {LITERAL} `$$/b`",
            '$in[0]: `$strng` is no matcher, and no variable (did you mean "$string"?)',
            '$in[1].$gt: takes a number or an ISO time, but gets "a" (string)',
        ],
    ),
]


@pytest.mark.parametrize(("text", "messages"), MISTAKES)
def test_an_issue_has_advice(text, messages):
    _, issues = read(text)
    assert [issue.split(": ", 1)[1] for issue in issues] == messages


def test_an_issue_has_a_location():
    assert read("a:\n  - $gt: x\n    b: foo")[1] == [
        "s.yaml:2:5: a[0].$gt: speaks of the whole value: no key like `b` stands beside it",
        's.yaml:2:5: a[0].$gt: takes a number or an ISO time, but gets "x" (string)',
    ]


def test_an_invalid_value_matches_nothing():
    parsed, _ = read("$strng")
    assert parsed is INVALID
    assert not any(matches(INVALID, value) for value in (None, "", 0, ABSENT))


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("a", []),
        ("$string", []),
        ("$visitor", []),
        ("$/a/", []),
        ("{$starts: user_}", []),
        ("no ${n}", []),
        ("'404'", []),
        ("404", ['must be text, but is 404 (number): quote it, "404"']),
        ("true", ['must be text, but is true (bool): quote it, "true"']),
        ("null", ["must be text, but is empty"]),
        ("[a]", ["must be text, but is a list"]),
        ("{a: 1}", ["must be text, but is a map"]),
    ],
)
def test_read_text_accepts_text_matchers_and_variables(text, messages):
    _, issues = read(text, read_text)
    assert [issue.split(": ", 1)[1] for issue in issues] == messages


def nested(levels, open, close):
    return f"{open * levels}1{close * levels}"


@pytest.mark.parametrize(("open", "close"), [("[", "]"), ("{a: ", "}")])
def test_two_hundred_levels_are_parsed(open, close):
    assert read(nested(200, open, close))[1] == []


def test_the_nesting_of_operators_is_limited():
    assert read(nested(40, "{$not: ", "}"))[1] == []
    (issue,) = read(nested(41, "{$not: ", "}"))[1]
    assert issue.endswith("more than 40 operators inside one another")


def test_a_value_nested_too_deeply_is_an_issue():
    at: JsonPath = ("a",) * 201
    context = ParseContext(Document("s.yaml", None, {}))
    read_value(context, at, "x", Names())
    assert "nested deeper than 200 levels" in str(context.issues[0])


@pytest.mark.parametrize(
    "text", ["$x", "$$", "a$${b}", "${x}", "$/a/", "cost $5", "a$$b", "$", "$$$"]
)
def test_an_escaped_text_is_parsed_to_itself(text):
    context = ParseContext(Document("s.yaml", None, {}))
    assert read_value(context, (), escape(text), Names()) == text
    assert context.issues == []


def test_every_operator_and_matcher_is_documented():
    means = {name: row.meaning for name, row in MATCHERS.items()}
    means |= {name: row.meaning for name, row in OPERATORS.items()}
    assert all(name.startswith("$") for name in means)
    assert all(means.values())
    assert all(row.operand for row in OPERATORS.values())
    assert not MATCHERS.keys() & OPERATORS.keys()
