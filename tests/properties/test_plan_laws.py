"""A drafted plan takes the calls that it was drafted from, and no plan fails on a call."""

import re
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Call, CallType, Form, Outcome
from pixel_emulator.core.text import json_codec, yaml_writer
from pixel_emulator.core.tracking_plan.infer import infer
from pixel_emulator.core.tracking_plan.plan import parse
from pixel_emulator.core.tracking_plan.plan_diff import broken_calls, changes
from pixel_emulator.core.tracking_plan.violations import violations
from pixel_emulator.files.yaml_loader import parse_document
from tests.hits import changed, hit
from tests.law_examples import examples
from tests.properties.test_recording_laws import PAYLOADS, TEXTS, VALUES

PLAIN = hit(1, "page", {"userId": "u"})
KEYS = st.sampled_from(["a", "plan", "id", "b c", "$ref", "properties", "required"]) | TEXTS
WORDS = st.sampled_from(["pro", "free", "2030-01-31", "anna@example.com", "https://example.com"])
PROPERTIES = st.dictionaries(KEYS, VALUES | WORDS, max_size=4)


@st.composite
def _hits(draw):
    """Kept calls of few events, with any properties and versions."""
    type = draw(st.sampled_from([CallType.TRACK, CallType.IDENTIFY, CallType.GROUP]))
    part = "properties" if type is CallType.TRACK else "traits"
    payload = {"userId": "u", "event": draw(st.sampled_from(["A", "B"]) | TEXTS.filter(bool))}
    if draw(st.booleans()):
        payload[part] = draw(PROPERTIES)
    version = draw(st.none() | st.integers(-1, 3) | VALUES)
    if version is not None:
        payload["context"] = {"protocols": {"event_version": version}}
    call = Call(type=type, form=draw(st.sampled_from(Form)), payload=payload)
    return changed(PLAIN, call=call, outcome=Outcome.DELIVERED)


def _read(data, write):
    return parse(parse_document(write(data), "plan.yaml"))


@given(st.lists(_hits(), max_size=5))
@examples(200)
def test_an_inferred_plan_accepts_its_own_calls(hits):
    drafted = infer(hits)
    # A file that our YAML writer did not write may hold these only as halves of surrogate pairs.
    as_json = () if re.search(r"\\U0010(?:d[89a-f]|fffd)", repr(drafted)) else (json_codec,)
    for writer in (yaml_writer, *as_json):
        plan = _read(drafted, writer.write)
        assert [list(violations({1: plan}, hit)) for hit in hits] == [[]] * len(hits)


@given(st.lists(_hits(), max_size=3), st.lists(_hits(), max_size=3))
@examples(100)
def test_a_plan_does_not_differ_from_itself(hits, others):
    plan = _read(infer(hits), yaml_writer.write)
    assert list(changes(plan, plan)) == []
    assert list(broken_calls(plan, plan, others)) == []


@given(VALUES | st.dictionaries(st.sampled_from(["rules", "data"]), VALUES))
@examples(150)
def test_any_document_is_a_plan_or_a_mistake(data):
    with suppress(InputError):
        parse(parse_document(json_codec.write(data), "plan.yaml"))


SCHEMAS = st.dictionaries(
    st.sampled_from(["type", "items", "properties", "$ref", "pattern", "enum", "definitions",
                     "allOf", "additionalProperties", "minimum", "dependencies", "$schema"]),
    VALUES | st.sampled_from(["#", "#/definitions", "string", "(", {}, [{}], {"a": {}}]),
    max_size=4,
)  # fmt: skip


@given(SCHEMAS, st.lists(_hits(), max_size=2))
@examples(200)
def test_any_schema_is_one_or_a_mistake(schema, hits):
    text = json_codec.write({"rules": {"global": schema, "identify": schema}})
    with suppress(InputError):
        plan = parse(parse_document(text, "plan.yaml"))
        for hit in hits:
            list(violations({1: plan}, hit))


@given(PAYLOADS, st.sampled_from(CallType), st.sampled_from(Form))
@examples(150)
def test_checking_never_fails(payload, type, form):
    text = "rules: {events: [{name: A, rules: {}}], global: {properties: {userId: {minLength: 3}}}}"
    plan = parse(parse_document(text, "plan.yaml"))
    call = Call(type=type, form=form, payload=payload)
    violated = list(violations({1: plan}, changed(PLAIN, call=call, outcome=Outcome.DAMAGED)))
    assert len(violated) == len(set(violated))
