"""Whatever was recorded: its draft is met by it, and an update makes any other draft met by it."""

import json
import re

from hypothesis import example, given
from hypothesis import strategies as st

from pixel_emulator.core.model import JSON, CallType, Form, HttpRequest, Outcome
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.scenario_edit.generate import draft
from pixel_emulator.core.text.json_codec import Number
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.yaml_loader import parse_document
from tests.core.scenario_edit.test_update import updated
from tests.hits import changed, classified_hit, evidence, hit
from tests.law_examples import examples

HOSTILE = [
    *(
        "$",
        "$$",
        "$x",
        "${x}",
        "a${x}b",
        "$$x",
        "$/x/",
        "$absent",
        "$$$",
        "a$",
        "$ {",
        "/x/",
        "1..",
    ),
    *("no", "y", "null", "~", "1", "1.0", "-0", "1e3", "12:30:00", "2024-01-01", "<<", "=", ""),
    *("- a", "a: b", "a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a", '"a', "[a"),
    *(
        "{a",
        "a]",
        "a}",
        "a,b",
        "?",
        "? a",
        "a\nb",
        "\n",
        " a",
        "a ",
        "\t",
        "\r\n",
        "\\b",
        "\0",
        "\x1b",
    ),
    *(
        "\x85",
        "\xa0",
        "\u2028",
        "\ufeff",
        "\ufffe",
        "\ud800",
        "😀",
        "{{ x }}",
        "*|X|*",
        "undefined",
    ),
    *("wk_test_00000000000000000000", "x wk_test_00000000000000000000 y", "x" * 600, "a b" * 100),
]
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=()), max_size=12).map(
    # JSON never gives a pair as two characters.
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
NUMBERS = st.sampled_from(["1.10", "1e21", "-0", "1e400", "0.1000000000000000055", "9" * 800])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS.map(Number) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
IDS = st.sampled_from(["user_1", "$1", "no"]) | TEXTS
MAPS = st.dictionaries(TEXTS, VALUES, max_size=3)
FIELDS = {
    **dict.fromkeys(
        ("userId", "anonymousId", "event", "name", "groupId", "previousId"), IDS | VALUES
    ),
    **dict.fromkeys(("properties", "traits", "context"), MAPS | VALUES),
    **dict.fromkeys(
        ("messageId", "timestamp", "category", "type", "source", "times", "note"), VALUES
    ),
}
LIKELY = st.fixed_dictionaries({"userId": IDS, "event": st.sampled_from(["Opened", "Closed"])})
PAYLOADS = st.builds(
    lambda some, more: {**some, **more},
    st.fixed_dictionaries({}, optional=FIELDS),
    LIKELY | st.just({}),
)
REQUESTS = st.sampled_from([b"/v1/pixel/track?data=!", b"/favicon.ico", b"/v1/pixel/page?data="])


@st.composite
def recorded(draw):
    """The hits of a run: the same calls again and again, duplicates, and what is no call."""
    calls = draw(st.lists(st.tuples(st.sampled_from(CallType), PAYLOADS), min_size=1, max_size=4))
    hits = []
    for seq in range(1, draw(st.integers(0, 6)) + 1):
        if not draw(st.integers(0, 5)):
            hits.append(classified_hit(seq, HttpRequest(target=draw(REQUESTS))))
            continue
        type, payload = draw(st.sampled_from(calls))
        form = draw(st.sampled_from(Form))
        repeats = not draw(st.integers(0, 5))
        try:
            sent = hit(seq, type, payload, at=seq, form=form, repeats=repeats)
        except ValueError:  # this form cannot say it
            sent = hit(seq, type, payload, at=seq, repeats=repeats)
        hits.append(sent)
    return hits


ARROW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
TITLES = ["one", "two", "$3", "4", "", "a: b", f"x{ARROW}y"]


@st.composite
def in_steps(draw, titles):
    """The hits of a run whose calls carry the marks of steps, one step after the other."""
    hits = draw(recorded())
    order = draw(st.permutations(titles))
    marks = sorted(draw(st.lists(st.integers(0, 3), min_size=len(hits), max_size=len(hits))))
    return [changed(sent, step=order[mark]) for sent, mark in zip(hits, marks, strict=True)]


def nested(levels):
    value: JSON = "end"
    for _ in range(levels):
        value = [value]
    return value


def verdict(text, hits):
    return verify(parse(parse_document(text, "draft.yaml")), evidence(*hits))


def check(result):
    """An update is met, or says what is kept; what it writes can be read."""
    assert (result.verified.verdict.status is Status.MET) is not bool(result.kept)
    assert all(re.search("is kept|is not added", issue.message) for issue in result.kept)


@examples(100)
@example([])
@given(recorded())
def test_a_draft_is_met_by_what_it_was_drafted_from(hits):
    result = verdict(draft(hits, name="$x: ${y}"), hits)
    assert result.exit_code == 0


def test_what_nests_as_deep_as_segment_reads_is_left_out_with_a_comment():
    deep = {"deep": nested(9_000), "shallow": 1}
    text = draft([hit(1, "track", {"event": "A", "userId": "u", "properties": deep})])
    assert "properties: {shallow: 1}" in text
    assert "left out, because it is too long to read: properties.deep\n" in text


@examples(60)
@given(recorded())
def test_a_draft_expects_every_call_that_is_kept_or_dropped(hits):
    """Nothing is left to chance: one call less, and it is not met."""
    counted = [sent for sent in hits if sent.outcome in set(Outcome) - {"duplicate", "unhandled"}]
    if counted:
        less = [sent for sent in hits if sent is not counted[-1]]
        assert verdict(draft(hits), less).status is Status.UNMET


@examples(60)
@given(in_steps(["", *(f"other.yaml{ARROW}a run{ARROW}{title}" for title in TITLES)]))
def test_a_draft_with_steps_is_met_too(hits):
    assert verdict(draft(hits, name="a run"), hits).exit_code == 0


@examples(60)
@given(in_steps([f"draft.yaml{ARROW}a run{ARROW}{title}" for title in ("one", "$2", "a: b", "z")]))
def test_a_draft_with_steps_is_met_by_calls_that_carry_its_own_marks(hits):
    assert verdict(draft(hits, name="a run"), hits).exit_code == 0


@examples(60)
@given(recorded())
def test_an_update_of_a_draft_that_is_met_changes_nothing(hits):
    text = draft(hits)
    result = updated(text, evidence(*hits))
    assert (result.text, result.kept) == (text, ())


@examples(80)
@given(recorded(), recorded())
def test_an_updated_draft_is_met_or_says_why_not_and_comments_survive(before, after):
    lines = draft(before).splitlines()
    number = iter(range(10_000))
    marked = [
        f"{' ' * (len(line) - len(line.lstrip()))}# {next(number)}.\n{line}"
        if re.match("  - |expect", line)
        else line
        for line in lines
    ]
    text = "\n".join(marked) + "\n"
    result = updated(text, evidence(*after))
    check(result)
    assert re.findall(r"# \d+\.\n", result.text) == re.findall(r"# \d+\.\n", text)
    again = updated(result.text, evidence(*after))
    assert (again.text, again.kept) == (result.text, result.kept)


# -- files as people write them --------------------------------------------------------------

SIMPLE = st.sampled_from([1, 2.5, True, None, "a", "b c", "no", "$5", "it's", 'a "b"', "x\ny\n"])
TREES = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "l", "m m"]), inner, min_size=1, max_size=3)
    ),
    max_leaves=5,
)
CALLS = st.fixed_dictionaries(
    {"track": st.sampled_from(["Opened", "Closed", "Paid"])},
    optional={
        "userId": st.sampled_from(["u1", "u2"]),
        "properties": st.dictionaries(st.sampled_from(["a", "b", "c"]), TREES, min_size=1),
    },
)


@st.composite
def styled(draw, value, margin="", *, flow=False):
    """The value as somebody might write it: behind a key, or below it."""
    comment = draw(st.sampled_from(["", "", "   # a comment"])) if not flow else ""
    inner = f"{margin}  "
    if isinstance(value, dict | list):
        if flow or draw(st.booleans()):
            return f" {draw(in_braces(value))}{comment}"
        items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        lines = [
            f"\n{inner}{'-' if key is None else f'{key}:'}{draw(styled(item, inner))}"
            for key, item in items
        ]
        return comment + "".join(lines)
    if isinstance(value, str):
        text = value.replace("$", "$$")
        if "\n" in text and not flow:
            return f" |\n{inner}x\n{inner}y"
        plain = [text] if text not in ("no", "$$5") and text.isalnum() else []
        single = ["'{}'".format(text.replace("'", "''"))] if text.isprintable() else []
        return f" {draw(st.sampled_from([json.dumps(text), *plain, *single]))}{comment}"
    return f" {json.dumps(value)}{comment}"


@st.composite
def in_braces(draw, value):
    members = (
        [f"{key}:{draw(styled(member, flow=True))}" for key, member in value.items()]
        if isinstance(value, dict)
        else [draw(styled(item, flow=True)) for item in value]
    )
    text = ", ".join(members)
    return f"{{{text}}}" if isinstance(value, dict) else f"[{text}]"


@st.composite
def files(draw):
    """A scenario file, and some calls that may or may not meet it."""
    wanted = draw(st.lists(CALLS, min_size=1, max_size=4))
    more = st.lists(st.sampled_from(wanted) | CALLS, max_size=5)
    text = f"# head\nname: a file\nexpect:{draw(styled(wanted))}\n# tail\n"
    calls = [
        {"userId": "u1", "event": call["track"], **{k: v for k, v in call.items() if k != "track"}}
        for call in draw(more)
    ]
    return text, [hit(seq, "track", payload, at=seq) for seq, payload in enumerate(calls, 1)]


@examples(100)
@given(files())
def test_a_file_in_any_style_is_updated_by_what_happened(file):
    text, hits = file
    result = updated(text, evidence(*hits))
    check(result)
    assert result.text.startswith("# head\nname: a file\n")
    assert result.text.endswith("\n# tail\n")
    again = updated(result.text, evidence(*hits))
    assert (again.text, again.kept) == (result.text, result.kept)
    if verdict(text, hits).status is Status.MET:
        assert result.text == text
