"""Names of a scenario: variables with and without a value, cases, and definitions."""

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.matching.diff import describe_expected
from pixel_emulator.core.matching.unification import Variable, variable_names
from pixel_emulator.core.model import CallType
from pixel_emulator.core.parser.definitions import MAX_DEPTH, MAX_VALUES
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenarios.scenario import Open, Run, Send
from pixel_emulator.files.yaml_loader import parse_document


def scenarios(text, **given):
    return parse(parse_document(text, "s.yaml"), given=given)


def scenario(text, **given):
    (only,) = scenarios(text, **given)
    return only


def expected_user_id(text, **given):
    """Return the expected userId of the only call of a scenario."""
    (call,) = scenario(text, **given).expectations
    return call.patterns[0].fields["userId"]


def issues(text, **given):
    with pytest.raises(InputError) as caught:
        scenarios(text, **given)
    return [str(issue).removeprefix("s.yaml:") for issue in caught.value.issues]


USES = "expect: [{page: , userId: $a}]"


@pytest.mark.parametrize("let", ["[a]", "{a: }", "{a: null}"])
def test_a_variable_without_a_value_is_bound_by_calls(let):
    parsed = scenario(f"let: {let}\n{USES}")
    assert parsed.variables == {"a": Variable("a")}
    assert parsed.expectations[0].patterns[0].fields == {"userId": Variable("a")}


def test_a_variable_with_a_matcher_is_typed():
    parsed = scenario(f"let: {{a: $uuid}}\n{USES}")
    assert str(describe_expected(parsed.variables["a"])) == "$a (any UUID)" or "$a" in str(
        describe_expected(parsed.variables["a"])
    )
    assert parsed.variables["a"].type is not None


def test_a_variable_with_a_value_is_that_value():
    parsed = scenario(f"let: {{a: ada}}\n{USES}")
    assert parsed.variables == {}
    assert expected_user_id(f"let: {{a: ada}}\n{USES}") == "ada"


def test_a_given_value_overrides_that_of_the_file():
    assert expected_user_id(f"let: {{a: ada}}\n{USES}", a="bob") == "bob"
    assert expected_user_id(f"let: [a]\n{USES}", a="bob") == "bob"


def test_given_values_that_a_file_does_not_declare_are_ignored():
    assert scenario("expect: [{page: }]", zzz=1).variables == {}


def test_a_value_may_use_an_earlier_one():
    assert expected_user_id("let: {b: ada, a: 'x-${b}'}\n" + USES) == "x-ada"


def test_a_type_may_be_a_definition_or_use_a_value():
    parsed = scenario("define: {id: {$starts: u}}\nlet: {a: $id}\n" + USES)
    assert "u" in str(describe_expected(parsed.variables["a"]))
    assert scenario("let: {low: 3, a: {$gt: $low}}\n" + USES).variables["a"].type is not None


def test_a_value_has_to_match_its_type():
    assert expected_user_id("let: {a: {$starts: u}}\n" + USES, a="u1") == "u1"
    (issue,) = issues("let: {a: {$starts: u}}\n" + USES, a="x1")
    assert issue.startswith("1:7: let.a: `a` must be ")
    assert issue.endswith('but is given as "x1" (string)')


def test_a_type_has_no_unbound_variable():
    (issue,) = issues("let: {b: , a: {$in: [$b, x]}}\n" + USES)
    assert "1:12: let.a: may not depend on `$b`, which has no value yet" in issue


# A use of a variable that has the value `one.eml`, and what it comes to.
PLACES = [
    ("name: drip $${x} ${a}\nexpect: []", lambda s: s.name, "drip ${x} one.eml"),
    ("tags: [$a]\nexpect: []", lambda s: s.tags, ("one.eml",)),
    ("do: {open: $a}\nexpect: []", lambda s: s.steps[0].actions, (Open("one.eml"),)),
    ("do: {open: 'in/${a}'}\nexpect: []", lambda s: s.steps[0].actions, (Open("in/one.eml"),)),
    ("do: {run: [cat, $a]}\nexpect: []", lambda s: s.steps[0].actions, (Run(("cat", "one.eml")),)),
    (
        "do: {send: {page: $a, context: {x: [$a]}}}\nexpect: []",
        lambda s: s.steps[0].actions,
        (Send(CallType.PAGE, {"context": {"x": ["one.eml"]}, "name": "one.eml"}),),
    ),
    ("plan: $a\nexpect: []", lambda s: s.plan_files, {1: "one.eml"}),
    ("state: {$a: {traits: {x: $a}}}", lambda s: s.state["one.eml"], {"traits": {"x": "one.eml"}}),
    (
        "given: {profiles: {u: {traits: {plan: $a}}}}\nexpect: []",
        lambda s: s.given.profiles,
        {"u": {"traits": {"plan": "one.eml"}}},
    ),
    ("deny: [{contains: $a}]", lambda s: s.forbidden[0].contains, "one.eml"),
    ("expect: [{page: $a}]", lambda s: s.expectations[0].line, "page: one.eml"),
    ("steps: [{name: $a, expect: []}]", lambda s: s.steps[0].name, "one.eml"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "look", "value"), PLACES)
def test_a_variable_with_a_value_is_allowed_nearly_everywhere(text, look, value):
    assert look(scenario(f"let: {{a: one.eml}}\n{text}")) == value


@pytest.mark.parametrize(
    "text",
    [
        "name: $a\nexpect: []",
        "name: drip ${a}\nexpect: []",
        "tags: [$a]\nexpect: []",
        "client: $a\nexpect: []",
        "do: {open: $a}\nexpect: []",
        "do: {send: {page: , properties: {x: $a}}}\nexpect: []",
        "plan: $a\nexpect: []",
        "given: {profiles: {u: {traits: {plan: $a}}}}\nexpect: []",
        "expect: [{page: , id: $a}]",
    ],
)
def test_constants_have_no_unbound_variables(text):
    (issue,) = issues(f"let: [a]\n{text}")
    give = "give it one by `let: {a: …}`, a row of `cases`, or `--let a=…`"
    assert f"`$a` has no value before the calls come; {give}" in issue


@pytest.mark.parametrize("text", ["name: $uuid", "tags: [$/x/]", "do: {open: $string}"])
def test_constants_have_no_matchers(text):
    (issue,) = issues(f"{text}\nexpect: []")
    assert "must be a plain value: no call is there yet that a matcher could look at" in issue


def test_a_number_in_a_name_is_written():
    assert scenario("let: {a: 1.50}\nname: v${a}\nexpect: []").name == "v1.50"


CASES = """\
let: {n: , mail: , user: }
cases:
  - {n: 1, mail: one.eml}
  - {n: 2, mail: two.eml}
name: drip ${n}
do: {open: $mail}
expect:
  - {track: A, userId: $user, properties: {step: $n}}
"""


def test_each_row_of_cases_is_a_scenario_of_its_own():
    one, two = scenarios(CASES)
    assert (one.name, one.case) == ("drip 1", "n=1, mail=one.eml")
    assert (two.name, two.case) == ("drip 2", "n=2, mail=two.eml")
    assert one.steps[0].actions == (Open("one.eml"),)
    assert two.expectations[0].patterns[0].fields["properties"] == {"step": 2}
    assert variable_names(two.expectations[0].patterns[0].fields) == {"user"}
    assert one.title != two.title


def test_rows_with_equal_labels_are_numbered():
    one, two = scenarios(
        "let: [a]\ncases: [{a: 1}, {a: '1'}]\n" + USES.replace("userId", "context")
    )
    assert (one.case, two.case) == ("a=1", "a=1 #2")


def test_a_row_may_omit_a_variable_with_a_value():
    one, two = scenarios(
        "let: {a: x}\ncases: [{a: y}, {b: 1}]\n".replace("{a: x}", "{a: x, b: 0}")
        + "expect: [{page: , userId: $a, context: {b: $b}}]"
    )
    assert [parsed.expectations[0].patterns[0].fields for parsed in (one, two)] == [
        {"userId": "y", "context": {"b": 0}},
        {"userId": "x", "context": {"b": 1}},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("let: x\nexpect: []", 'let: must be a list, but is "x" (string)'),
        ("let: [1]\nexpect: []", "let[0]: must be a name, but is 1 (number)"),
        ("let: [a, a]\n" + USES, "1:10: let[1]: `a` is declared twice"),
        ("let: [$a]\nexpect: []", "begins with no digit: write it without `$`, a"),
        ("let: [a-b]\nexpect: []", "let[0]: a name has letters, digits and `_`"),
        ("let: {1a: }\nexpect: []", "let.1a: a name has letters, digits and `_`"),
        ("let: [uuid]\nexpect: []", "let[0]: `$uuid` is a matcher already: choose another name"),
        ("let: [gt]\nexpect: []", "let[0]: `$gt` is a matcher already: choose another name"),
        (
            "define: {a: 1}\nlet: [a]\nexpect: []",
            "2:7: let[0]: `$a` is defined in s.yaml:1:10 already: choose another name",
        ),
        ("let: [a]\nexpect: []", "1:7: let[0]: `$a` is declared, but used nowhere"),
        ("let: {a: 5}\nexpect: []", "1:7: let.a: `$a` is declared, but used nowhere"),
        ("let: [user]\nexpect: [{page: , userId: $usr}]", '(did you mean "$user"?)'),
        ("cases: [{a: 1}]\nexpect: []", "`a` is not declared in `let`: write `let: [a]`"),
        (
            "let: [mail]\ncases: [{mial: 1}]\nname: $mail\nexpect: []",
            '`mial` is not declared in `let` (did you mean "mail"?)',
        ),
        (
            "let: [a, b]\ncases: [{a: 1, b: 1}, {a: 2}]\nname: ${a}${b}\nexpect: []",
            "2:23: cases[1]: `b` is missing; other rows give it",
        ),
        ("let: [a]\ncases: []\nname: $a\nexpect: []", "2:1: cases: is empty: no row would be run"),
        ("let: [a]\ncases: [x]\nname: $a\nexpect: []", "a row is a map of names to values"),
        ("let: [a]\ncases: [{}]\nname: $a\nexpect: []", "a row is a map of names to values"),
        ("let: [a]\ncases: {a: 1}\nname: $a\nexpect: []", "cases: must be a list, but is a map"),
        ("let: [a]\ncases: [{a: $uuid}]\n" + USES, "cases[0].a: must be a plain value"),
        (
            "let: {a: {$starts: u}}\ncases: [{a: x}]\n" + USES,
            "2:10: cases[0].a: `a` must be",
        ),
    ],
)  # fmt: skip
def test_invalid_variables_are_refused(text, message):
    messages = issues(text)
    assert any(message in issue for issue in messages), messages


def test_a_value_is_not_given_by_row_and_option():
    assert any(
        "2:1: cases: `n` is given a value, but the rows give it one already" in message
        for message in issues(CASES, n=3)
    )


def test_a_variable_that_one_row_uses_is_used():
    text = "let: {a: , b: x}\ncases: [{a: '1'}]\n" + USES
    assert issues(text) == ["1:12: let.b: `$b` is declared, but used nowhere"]


def test_issues_of_rows_are_reported_once():
    messages = issues(CASES + "zzz: 1\n")
    assert messages == ["9:1: zzz: no such key here"]


ANYWHERE = """\
let: {a: , b: x, c: {$starts: u}, d: $b}
cases: ROWS
name: n ${a} ${b}
tags: [$a, 't${d}']
given: {profiles: {u1: {traits: {b: $b, c: $a}}}}
plan: {1: '${a}.yaml'}
do: [{open: $a}, {run: 'echo ${a}'}, {run: [echo, $a]}, {replay: $a}, {send: {track: $a}}]
deny: [{contains: $a}]
state: {$a: {traits: {b: $b, c: $c}, previousIds: [$a, 'x${a}']}}
expect:
  - {track: $a, userId: 'u${a}x${b}', request: {host: $a}}
  - {page: $c, properties: {a: {$gt: $a, $lt: 5}, b: {$in: [$a, $b]}, c: {$near: $a, $by: $a}}}
  - {identify: , traits: {a: {$len: $a}, b: {$starts: $a}, c: {$each: $a}, d: {$not: $c}}}
  - {group: $a, traits: {a: {$like: $a}, b: {$contains: 'x${a}'}, c: {$has: $a}, d: {$eq: $a}}}
"""


@pytest.mark.parametrize("rows", ["[]", "[x]", "{a: 1}"])
def test_other_issues_are_reported_without_a_valid_row(rows):
    """Issues that a valid row would resolve are not reported."""
    assert [message.partition(":")[0] for message in issues(ANYWHERE.replace("ROWS", rows))] == [
        "2"
    ]
    body = "name: ${d}\nexpct: []\nexpect: [{page: $a, x: $e}]\n"
    text = f"let: {{a: , b: $c}}\ncases: {rows}\n{body}"
    paths = [message.split(": ")[1] for message in issues(text)]
    assert paths[0] == "let.b"
    assert paths[1].startswith("cases")
    assert paths[2:] == ["name", "expct", "expect[0].x"]


def test_the_size_of_cases_is_limited():
    """Half a million values, read for each of some thousand rows, would take hours."""
    rows = "".join(f"  - {{a: '{n}'}}\n" for n in range(2000))
    calls = "expect:\n" + "  - {page: , userId: $a}\n" * 2000
    assert issues(f"let: [a]\ncases:\n{rows}{calls}")[0].startswith(
        "2:1: cases: are too many for a file of this size: split it"
    )


def test_defaults_declare_variables_for_all_scenarios():
    text = """\
defaults: {let: {a: ada, b: bob}}
scenarios:
  - {name: one, expect: [{page: , userId: $a}]}
  - {name: two, let: {a: eve}, expect: [{page: , userId: $a, anonymousId: $b}]}
"""
    one, two = scenarios(text)
    assert one.expectations[0].patterns[0].fields == {"userId": "ada"}
    assert two.expectations[0].patterns[0].fields == {"userId": "eve", "anonymousId": "bob"}


@pytest.mark.parametrize(
    ("define", "want"),
    [
        ("{a: ada}", "ada"),
        ("{a: $b, b: ada}", "ada"),
        ("{b: ada, a: 'x-${b}'}", "x-ada"),
        ("{a: $$x}", "$x"),
    ],
)
def test_a_definition_is_replaced_by_its_value(define, want):
    assert expected_user_id(f"define: {define}\n{USES}") == want


def test_a_definition_may_use_a_variable():
    assert expected_user_id("let: [v]\ndefine: {a: $v}\n" + USES) == Variable("v")
    text = "let: [v]\ncases: [{v: x}, {v: y}]\ndefine: {a: $v}\n" + USES
    assert [parsed.expectations[0].patterns[0].fields["userId"] for parsed in scenarios(text)] == [
        "x",
        "y",
    ]


def test_an_unused_definition_is_allowed():
    assert scenario("define: {a: {x: $b}, b: 1, c: {user: $somebody_elses}}\nexpect: []")


def test_an_unused_definition_is_checked():
    assert issues("define: {a: {$gtt: 1}}\nexpect: []")[0].startswith("1:")


def test_a_file_may_only_define():
    assert scenarios("define: {a: 1}") == ()


@pytest.mark.parametrize(
    ("define", "message"),
    [
        ("{a: $a}", "1:10: define.a: contains itself: $a → $a"),
        ("{a: {x: [$b]}, b: $a}", "define.a: contains itself: $a → $b → $a"),
        ("{a: 'x${b}', b: '${a}y'}", "define.a: contains itself: $a → $b → $a"),
        ("[a]", "define: must be a map of names to values, but is a list"),
        ("{$a: 1}", "begins with no digit: write it without `$`, a"),
        ("{a b: 1}", 'define["a b"]: a name has letters'),
        ("{uuid: 1}", "define.uuid: `$uuid` is a matcher already: choose another name"),
    ],
)  # fmt: skip
def test_invalid_definitions_are_refused(define, message):
    messages = issues(f"define: {define}\nexpect: []")
    assert len(messages) == 1
    assert message in messages[0]


def test_the_use_of_a_cycle_is_no_second_issue():
    assert len(issues("define: {a: $a, b: [$a]}\nexpect: [{page: , context: {x: $b}}]")) == 1


def test_exponential_expansion_is_refused():
    lines = "".join(f"  a{n}: [$a{n - 1}, $a{n - 1}, $a{n - 1}]\n" for n in range(1, 40))
    (issue,) = issues(f"define:\n  a0: 1\n{lines}expect: [{{page: , context: {{x: $a39}}}}]")
    assert f"stands for more than {MAX_VALUES:,} values, with what it uses" in issue


def test_the_depth_of_definitions_is_limited():
    lines = "".join(f"  a{n}: [$a{n - 1}]\n" for n in range(1, 20_000))
    (issue,) = issues(f"define:\n  a0: 1\n{lines}expect: []")
    assert f"nests deeper than {MAX_DEPTH} levels, with what it uses" in issue
