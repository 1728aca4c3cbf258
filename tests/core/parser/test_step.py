"""Steps, actions, durations, order, several scenarios, `given`, `state`, `plan` and `deny`."""

import pytest

from pixel_emulator.core.errors import InputError, Location
from pixel_emulator.core.model import CallType, path_text
from pixel_emulator.core.parser import vocabulary
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.parser.expectations import parse_path
from pixel_emulator.core.scenarios.scenario import (
    Given,
    Level,
    Open,
    Order,
    Policy,
    Replay,
    Run,
    Send,
    Wait,
)
from pixel_emulator.files.yaml_loader import parse_document

FULL = """\
name: two steps
client: gmail
within: 10s
steps:
  - name: first
    do: {open: mail.html}
    expect: [{page: A}]
  - client: outlook
    do:
      - run: [npx, playwright, test]
      - wait: 200ms
    within: 20s
    quiet: 500ms
    order: listed
    since: start
    expect: []
"""


def scenarios(text):
    return parse(parse_document(text, "s.yaml"))


def scenario(text):
    (only,) = scenarios(text)
    return only


def issues(text):
    with pytest.raises(InputError) as caught:
        scenarios(text)
    return [str(issue).removeprefix("s.yaml:") for issue in caught.value.issues]


def test_a_step_has_all_its_keys():
    first, second = scenario(FULL).steps
    assert (first.name, first.actions, first.location) == (
        "first",
        (Open("mail.html"),),
        Location("s.yaml", 5, 5),
    )
    assert (first.client, first.within, first.quiet) == ("gmail", 10.0, None)
    assert (first.order, first.since_start) == (Order.ANY, False)
    assert second.actions == (Run(("npx", "playwright", "test")), Wait(0.2))
    assert (second.client, second.within, second.quiet) == ("outlook", 20.0, 0.5)
    assert (second.order, second.since_start) == (Order.LISTED, True)


def test_step_titles_have_name_or_number():
    parsed = scenario(FULL)
    ends = [parsed.step_title(step).rpartition(" ")[2] for step in parsed.steps]
    assert ends == ["first", "2"]


def test_a_scenario_without_steps_is_one_step():
    parsed = scenario("name: x\ndo: {wait: 1s}\norder: strict\nquiet: 0ms\nexpect: [{page: }]")
    (step,) = parsed.steps
    assert (step.name, step.actions, step.order, step.quiet) == (
        "",
        (Wait(1.0),),
        Order.STRICT,
        0.0,
    )
    assert parsed.has_actions


# What `do` says, and the actions that it means.
ACTIONS = [
    ("{run: npm test}", Run("npm test")),
    ("{run: [npm, test]}", Run(("npm", "test"))),
    ("{open: mails/a.eml}", Open("mails/a.eml")),
    ("{replay: rec.yaml}", Replay("rec.yaml")),
    ("{wait: 2min}", Wait(120.0)),
    ("{send: {page: }}", Send(CallType.PAGE, {})),
    (
        "{send: {track: A, userId: 7, properties: {a: [1, $$b]}}}",
        Send(CallType.TRACK, {"event": "A", "userId": 7, "properties": {"a": [1, "$b"]}}),
    ),
    ("{send: {alias: a, previousId: b}}", Send(CallType.ALIAS, {"userId": "a", "previousId": "b"})),
]  # fmt: skip


@pytest.mark.parametrize(("text", "action"), ACTIONS)
def test_do_is_an_action_or_a_list_of_them(text, action):
    assert scenario(f"do: {text}\nexpect: []").steps[0].actions == (action,)
    assert scenario(f"do: [{text}, {text}]\nexpect: []").steps[0].actions == (action, action)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("open", 'do: must be a map, but is "open" (string): write `do: {open: mail.html}`'),
        ("{}", f"do: which action? give one of {', '.join(vocabulary.ACTIONS)}"),
        ("[x]", 'do[0]: an action is a map like `open: mail.html`; this is "x" (string)'),
        ("{opn: a}", 'do.opn: no such key here (did you mean "open"?)'),
        ("{open: a, wait: 1s}", "do: one action cannot be both `open` and `wait`: write a list"),
        ("{open: }", "do.open: must be text, but is empty"),
        ('{open: ""}', "do.open: is empty"),
        ('{run: " "}', "do.run: is empty"),
        ("{run: []}", "do.run: is empty: which command?"),
        ("{run: [1]}", 'do.run[0]: must be text, but is 1 (number): quote it, "1"'),
        ("{wait: 5}", "do.wait: must be like 200ms, 5s or 2min; it is 5 (number): write 5s"),
        ("{send: page}", "do.send: a call is a map like `track: Email Opened`"),
        ("{send: {userId: u}}", "do.send: which call? give one of identify, track"),
        ("{send: {page: A, track: B}}", "do.send: one call cannot be both `page` and `track`"),
        ("{send: {any: }}", "do.send.any: no such key here"),
        ("{send: {page: , user: u}}", "do.send.user: no such key here"),
    ],
)
def test_an_invalid_action_is_refused(text, message):
    assert message in "\n".join(issues(f"do: {text}\nexpect: []"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("200ms", 0.2), ("5s", 5.0), ("1.5s", 1.5), ("2min", 120.0), ("1h", 3600.0), ("0ms", 0.0)],
)
def test_a_duration_has_a_unit(text, seconds):
    assert scenario(f"within: {text}\nexpect: []").steps[0].within == seconds


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("5", ": write 5s"),
        ("1.5", ": write 1.5s"),
        ("5 s", ": write 5s"),
        ("5S", ": write 5s"),
        ("2m", ": write 2min"),
        ("3 seconds", ": write 3s"),
        ("10msec", ": write 10ms"),
        ("2 hours", ": write 2h"),
        ("soon", ""),
        ("-1s", ""),
        ("1s500ms", ""),
        ("true", ""),
        ("", ""),
        ("[5s]", ""),
        ("5d", ""),
    ],
)
def test_an_invalid_duration_is_refused_with_the_intended_one(text, advice):
    (issue,) = issues(f"quiet: {text}\nexpect: []")
    assert issue.startswith("1:1: quiet: must be like 200ms, 5s or 2min; it is")
    assert issue.partition("it is")[2].partition(": ")[2] == advice.removeprefix(": ")


def test_the_length_of_a_duration_is_limited():
    assert issues("within: 25h\nexpect: []") == ["1:1: within: is longer than a day: 25h"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: []", "1:1: steps: is empty: write `expect:`, or at least one step"),
        ("steps: {expect: []}", "steps: must be a list, but is a map"),
        ("steps: [x]", 'steps[0]: a step is a map with `expect:` in it; this is "x" (string)'),
        ("steps: [{name: a}]", "1:9: steps[0]: `expect` is missing: list the calls"),
        ("steps: [{expect: }]", "1:10: steps[0].expect: is empty: list the calls"),
        ("steps: [{expect: [], since: now}]", "must be one of start; it is"),
        ("steps: [{expect: [], expct: 1}]", 'steps[0].expct: no such key here (did you mean "exp'),
        ("steps: [{expect: [], state: {}}]", "steps[0].state: no such key here"),
        ("steps: [{expect: [], order: sorted}]", "must be one of any, listed, strict; it is"),
        ("steps: [{expect: [], client: gmial}]", "steps[0].client: must be one of gmail"),
        ("steps: [{expect: []}]\nexpect: []", "2:1: expect: stands beside `steps`"),
        ("steps: [{expect: []}]\ndo: {wait: 1s}", "2:1: do: stands beside `steps`"),
        (
            "steps: [{name: a, expect: []}, {name: a, expect: []}]",
            '1:33: steps[1].name: step 1 is called "a" already',
        ),
        ("steps: [{name: '2', expect: []}, {expect: []}]", 'step 1 is called "2" already'),
        ("expect: []\nsince: start", "2:1: since: no such key here"),
    ],
)  # fmt: skip
def test_an_invalid_step_is_refused(text, message):
    (issue,) = issues(text)
    assert message in issue


SEVERAL = """\
defaults:
  tags: [all]
  dropped: warn
  within: 2s
  never: [{track: X}]
  deny: [{contains: secret}]
scenarios:
  - name: one
    expect: [{page: }]
  - name: two
    tags: [own]
    dropped: fail
    within: 3s
    never: [{track: Y}]
    deny: [{contains: hidden}]
    expect: []
"""


def test_a_file_holds_several_scenarios_with_their_defaults():
    one, two = scenarios(SEVERAL)
    assert (one.name, one.location) == ("one", Location("s.yaml", 8, 5))
    assert (one.levels[Policy.DROPPED], two.levels[Policy.DROPPED]) == (Level.WARN, Level.FAIL)
    assert (one.steps[0].within, two.steps[0].within) == (2.0, 3.0)


def test_lists_of_the_defaults_are_extended():
    """`never` and `deny` of the defaults still apply to a scenario with its own."""
    one, two = scenarios(SEVERAL)
    assert (one.tags, two.tags) == (("all",), ("all", "own"))
    assert [expectation.line for expectation in two.expectations] == ["track: X", "track: Y"]
    assert [rule.contains for rule in two.forbidden] == ["secret", "hidden"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scenarios: []", "1:1: scenarios: is empty: no scenario would be run"),
        ("scenarios: {expect: []}", "1:1: scenarios: must be a list, but is a map"),
        ("scenarios: [x]", "1:13: scenarios[0]: a scenario is a map with `expect:` in it; this is"),
        ("scenarios: [{name: a}]", "1:13: scenarios[0]: `expect` is missing"),
        ("scenarios: [{expect: []}, {expect: []}]", "needs a name, as there are several"),
        (
            "scenarios: [{name: a, expect: []}, {name: a, expect: []}]",
            'scenarios[1].name: another scenario of this file is called "a"',
        ),
        ("scenarios: [{expect: []}]\nexpect: []", "2:1: expect: stands beside `scenarios`: move"),
        ("scenarios: [{expect: [], define: {}}]", "scenarios[0].define: no such key here"),
        ("scenarios: [{expect: []}]\ndefaults: {expect: []}", "2:12: defaults.expect: no such key"),
        ("scenarios: [{expect: []}]\ndefaults: x", 'defaults: must be a map, but is "x" (string)'),
        ("expect: []\ndefaults: {}", "2:1: defaults: says nothing without `scenarios`"),
        ("scenarios: [{expect: [{pge: }]}]", "scenarios[0].expect[0].pge: no such key here (did"),
    ],
)  # fmt: skip
def test_an_invalid_file_is_refused(text, message):
    (issue,) = issues(text)
    assert message in issue


def test_given_is_the_initial_state():
    text = """\
given:
  profiles: {u: {traits: {plan: pro, cost: $$5}}}
  clock: 2030-01-31T12:00:00Z
  seed: 7
expect: []
"""
    assert scenario(text).given == Given(
        profiles={"u": {"traits": {"plan": "pro", "cost": "$5"}}},
        clock="2030-01-31T12:00:00Z",
        seed=7,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{faults: {}}", "given.faults: faults are not supported by this version"),
        ("{seeds: 1}", 'given.seeds: no such key here (did you mean "seed"?)'),
        ("{seed: 1.5}", "given.seed: must be a whole number; it is 1.5 (number)"),
        ("{seed: true}", "given.seed: must be a whole number; it is true (bool)"),
        ("{clock: noon}", 'given.clock: must be like 2030-01-31T12:00:00Z; it is "noon" (string)'),
        ("{clock: 2030-01-31T12:00:00}", "given.clock: must be like 2030-01-31T12:00:00Z"),
        ("{clock: '0001-01-01T00:00:00+14:00'}", "in UTC it is outside of the years 1 to 9999"),
        ("{clock: '9999-12-31T23:59:59-12:00'}", "in UTC it is outside of the years 1 to 9999"),
        ("{clock: '9999-01-01T00:00:00Z'}", "the last year in which a clock may begin is 9998"),
        ("{clock: 5}", 'given.clock: must be text, but is 5 (number): quote it, "5"'),
        ("{profiles: [u]}", "given.profiles: must be a map, but is a list"),
        ("x", "given: must be a map, but is"),
    ],
)
def test_an_invalid_given_is_refused(text, message):
    (issue,) = issues(f"given: {text}\nexpect: []")
    assert message in issue


def test_state_has_profiles_by_id():
    parsed = scenario("state: {user_123: {traits: {plan: pro}}}")
    assert parsed.state == {"user_123": {"traits": {"plan": "pro"}}}
    assert scenario("expect: []").state is None


@pytest.mark.parametrize("text", ["x", "[u]", "{u: 7}", "{u: }"])
def test_an_invalid_state_is_refused(text):
    (issue,) = issues(f"state: {text}")
    assert "1:" in issue
    assert "map" in issue


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("plan.json", {1: "plan.json"}),
        ("{1: a.json, 2: b.json}", {1: "a.json", 2: "b.json"}),
        ('{"3": c.json}', {3: "c.json"}),
    ],
)
def test_plan_is_a_file_or_one_for_each_version(text, files):
    assert scenario(f"plan: {text}\nexpect: []").plan_files == files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{v1: a}", "plan.v1: is no version: write a whole number, as `{1: plans/v1.json}`"),
        ("{0: a}", "plan.0: is no version"),
        ("{}", "plan: is empty: name a file, or one for each version"),
        ("5", 'plan: must be text, but is 5 (number): quote it, "5"'),
        ("{1: 5}", 'plan.1: must be text, but is 5 (number): quote it, "5"'),
    ],
)
def test_an_invalid_plan_is_refused(text, message):
    (issue,) = issues(f"plan: {text}\nexpect: []")
    assert message in issue


def test_deny_has_content_paths_and_reason():
    text = """\
deny:
  - contains: ada
  - {contains: ada, in: context.traits, except: ['context.traits.a[0]'], because: privacy}
  - {contains: ada, in: everything}
"""
    first, second, third = scenario(text).forbidden
    assert (first.contains, first.path, first.except_paths, first.because) == ("ada", None, (), "")
    assert first.location == Location("s.yaml", 2, 5)
    assert second.path == ("context", "traits")
    assert second.except_paths == (("context", "traits", "a", 0),)
    assert second.because == "privacy"
    assert third.path is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "deny: must be a list, but is"),
        ("[ada]", "deny[0]: must be a map: write `- contains: …`; this is"),
        ("[{}]", "deny[0].contains: is missing: what may no request hold?"),
        ('[{contains: ""}]', "deny[0].contains: is missing"),
        ("[{contains: a, in: a..b}]", 'deny[0].in: "a..b" is no path: write a path like'),
        ("[{contains: a, except: b}]", "deny[0].except: must be a list: write [b]"),
        ("[{contains: a, except: ['']}]", 'deny[0].except[0]: "" is no path'),
        ("[{contain: a}]", 'deny[0].contain: no such key here (did you mean "contains"?)'),
    ],
)
def test_an_invalid_item_of_deny_is_refused(text, message):
    assert message in issues(f"deny: {text}")[0] or message in issues(f"deny: {text}")[-1]


PATHS = [
    ("a", ("a",)),
    ("context.traits.email", ("context", "traits", "email")),
    ("properties.products[0].sku", ("properties", "products", 0, "sku")),
    ('properties["a.b"]', ("properties", "a.b")),
    ('["a b"][1]["c\\"d"]', ("a b", 1, 'c"d')),
    ("[0][1]", (0, 1)),
    ("a-b.$c", ("a-b", "$c")),
]


@pytest.mark.parametrize(("text", "at"), PATHS)
def test_a_path_survives_path_text(text, at):
    assert parse_path(text) == at
    assert path_text(at) == text


@pytest.mark.parametrize(
    "text", ["", ".", ".a", "a.", "a..b", "a[", "a[b]", "a[-1]", 'a["b', "a b"]
)
def test_invalid_paths_are_empty(text):
    assert parse_path(text) == ()
