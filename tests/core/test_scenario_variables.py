"""Names of a scenario: variables with and without a value, cases, and definitions."""

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.matching.diff import describe_expected
from pixel_emulator.core.matching.unification import Variable, variable_names
from pixel_emulator.core.model import CallType
from pixel_emulator.core.parser.definitions import MAX_DEPTH, MAX_VALUES
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenarios.model import Open, Run, Send
from pixel_emulator.files.yaml_loader import parse_document


def scenarios(text, **given):
    return parse(parse_document(text, "s.yaml"), given=given)


def scenario(text, **given):
    (found,) = scenarios(text, **given)
    return found


def wanted(text, **given):
    """The userId that the only call of a scenario wants."""
    (call,) = scenario(text, **given).expectations
    return call.patterns[0].fields["userId"]


def issues(text, **given):
    with pytest.raises(InputError) as caught:
        scenarios(text, **given)
    return [str(each).removeprefix("s.yaml:") for each in caught.value.issues]


USES = "expect: [{page: , userId: $a}]"


@pytest.mark.parametrize("let", ["[a]", "{a: }", "{a: null}"])
def test_a_variable_without_a_value_is_captured(let):
    found = scenario(f"let: {let}\n{USES}")
    assert found.variables == {"a": Variable("a")}
    assert found.expectations[0].patterns[0].fields == {"userId": Variable("a")}


def test_a_variable_with_a_matcher_is_typed():
    found = scenario(f"let: {{a: $uuid}}\n{USES}")
    assert str(describe_expected(found.variables["a"])) == "$a (any UUID)" or "$a" in str(
        describe_expected(found.variables["a"])
    )
    assert found.variables["a"].type is not None


def test_a_variable_with_a_value_is_that_value():
    found = scenario(f"let: {{a: ada}}\n{USES}")
    assert found.variables == {}
    assert wanted(f"let: {{a: ada}}\n{USES}") == "ada"


def test_a_value_from_outside_goes_before_that_of_the_file():
    assert wanted(f"let: {{a: ada}}\n{USES}", a="bob") == "bob"
    assert wanted(f"let: [a]\n{USES}", a="bob") == "bob"


def test_values_from_outside_that_a_file_does_not_declare_are_those_of_other_files():
    assert scenario("expect: [{page: }]", zzz=1).variables == {}


def test_a_value_may_use_one_that_stands_before_it():
    assert wanted("let: {b: ada, a: 'x-${b}'}\n" + USES) == "x-ada"


def test_a_type_may_be_a_definition_or_use_a_value():
    found = scenario("define: {id: {$starts: u}}\nlet: {a: $id}\n" + USES)
    assert "u" in str(describe_expected(found.variables["a"]))
    assert scenario("let: {low: 3, a: {$gt: $low}}\n" + USES).variables["a"].type is not None


def test_a_value_has_to_fit_its_type():
    assert wanted("let: {a: {$starts: u}}\n" + USES, a="u1") == "u1"
    (issue,) = issues("let: {a: {$starts: u}}\n" + USES, a="x1")
    assert issue.startswith("1:7: let.a: `a` must be ")
    assert issue.endswith('but is given as "x1" (string)')


def test_a_type_holds_no_variable_without_a_value():
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
def test_a_variable_with_a_value_may_stand_nearly_everywhere(text, look, value):
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
def test_a_variable_without_a_value_cannot_stand_where_no_call_is_yet(text):
    (issue,) = issues(f"let: [a]\n{text}")
    give = "give it one by `let: {a: …}`, a row of `cases`, or `--let a=…`"
    assert f"`$a` has no value before the calls come; {give}" in issue


@pytest.mark.parametrize("text", ["name: $uuid", "tags: [$/x/]", "do: {open: $string}"])
def test_a_matcher_cannot_stand_where_no_call_is_yet(text):
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


def test_rows_that_look_alike_are_told_apart():
    one, two = scenarios(
        "let: [a]\ncases: [{a: 1}, {a: '1'}]\n" + USES.replace("userId", "context")
    )
    assert (one.case, two.case) == ("a=1", "a=1 #2")


def test_a_row_may_leave_out_what_has_a_value():
    one, two = scenarios(
        "let: {a: x}\ncases: [{a: y}, {b: 1}]\n".replace("{a: x}", "{a: x, b: 0}")
        + "expect: [{page: , userId: $a, context: {b: $b}}]"
    )
    assert [each.expectations[0].patterns[0].fields for each in (one, two)] == [
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
def test_variables_that_cannot_be_are_refused(text, message):
    found = issues(text)
    assert any(message in each for each in found), found


def test_a_row_and_the_outside_do_not_both_give_a_value():
    assert any(
        "2:1: cases: `n` is given a value, but the rows give it one already" in each
        for each in issues(CASES, n=3)
    )


def test_a_variable_that_one_row_uses_is_used():
    text = "let: {a: , b: x}\ncases: [{a: '1'}]\n" + USES
    assert issues(text) == ["1:12: let.b: `$b` is declared, but used nowhere"]


def test_mistakes_of_each_row_are_told_once():
    found = issues(CASES + "zzz: 1\n")
    assert found == ["9:1: zzz: no such key here"]


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
def test_without_a_row_the_other_mistakes_are_told(rows):
    """And none that a row would mend: nobody knows what it would give."""
    assert [each.partition(":")[0] for each in issues(ANYWHERE.replace("ROWS", rows))] == ["2"]
    body = "name: ${d}\nexpct: []\nexpect: [{page: $a, x: $e}]\n"
    text = f"let: {{a: , b: $c}}\ncases: {rows}\n{body}"
    found = [each.split(": ")[1] for each in issues(text)]
    assert found[0] == "let.b"
    assert found[1].startswith("cases")
    assert found[2:] == ["name", "expct", "expect[0].x"]


def test_cases_and_values_have_their_end():
    """Half a million values, read once for each of some thousand rows, would take for ever."""
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
def test_a_definition_stands_for_its_value(define, want):
    assert wanted(f"define: {define}\n{USES}") == want


def test_a_definition_may_use_a_variable():
    assert wanted("let: [v]\ndefine: {a: $v}\n" + USES) == Variable("v")
    text = "let: [v]\ncases: [{v: x}, {v: y}]\ndefine: {a: $v}\n" + USES
    assert [each.expectations[0].patterns[0].fields["userId"] for each in scenarios(text)] == [
        "x",
        "y",
    ]


def test_a_definition_that_is_never_used_is_fine():
    assert scenario("define: {a: {x: $b}, b: 1, c: {user: $somebody_elses}}\nexpect: []")


def test_a_definition_that_is_never_used_is_looked_into_all_the_same():
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
def test_definitions_that_cannot_be_are_refused(define, message):
    found = issues(f"define: {define}\nexpect: []")
    assert len(found) == 1
    assert message in found[0]


def test_what_uses_a_circle_is_no_second_mistake():
    assert len(issues("define: {a: $a, b: [$a]}\nexpect: [{page: , context: {x: $b}}]")) == 1


def test_a_bomb_of_definitions_does_not_go_off():
    lines = "".join(f"  a{n}: [$a{n - 1}, $a{n - 1}, $a{n - 1}]\n" for n in range(1, 40))
    (issue,) = issues(f"define:\n  a0: 1\n{lines}expect: [{{page: , context: {{x: $a39}}}}]")
    assert f"stands for more than {MAX_VALUES:,} values, with what it uses" in issue


def test_a_tower_of_definitions_ends():
    lines = "".join(f"  a{n}: [$a{n - 1}]\n" for n in range(1, 20_000))
    (issue,) = issues(f"define:\n  a0: 1\n{lines}expect: []")
    assert f"nests deeper than {MAX_DEPTH} levels, with what it uses" in issue
