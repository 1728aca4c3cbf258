"""Typed access to a document: values, defaults, and errors with their place."""

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import Severity
from pixel_emulator.core.recordings.typed_reader import Node
from pixel_emulator.files.yaml_loader import parse_document

TEXT = """
text: a
number: 3
truth: true
list: [1, two]
map: {severity: drop, other: drp}
time: 2026-01-31T12:00:00.500+01:00
"""
DOCUMENT = parse_document(TEXT, "r.yaml")
ROOT = Node(DOCUMENT, (), DOCUMENT.data)


def test_values_of_the_right_type_are_returned():
    assert ROOT["text"].text() == "a"
    assert ROOT["number"].number() == 3
    assert [node.value for node in ROOT["list"].items()] == [1, "two"]
    assert ROOT["map"]["severity"].choice(Severity) is Severity.DROP
    assert ROOT["time"].time().isoformat() == "2026-01-31T11:00:00.500000+00:00"


def test_a_missing_key_has_its_default():
    missing = ROOT["missing"]
    assert missing.text("x") == "x"
    assert missing.number(0) == 0
    assert list(missing.items()) == []


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (ROOT["number"].text, "r.yaml:3:1: number: must be text, but is of type"),
        (ROOT["truth"].number, "r.yaml:4:1: truth: must be a whole number, but is"),
        (ROOT["text"].map, 'r.yaml:2:1: text: must be a map, but is "a"'),
        (lambda: list(ROOT["text"].items()), "text: must be a list"),
        (ROOT["missing"].text, "missing: must be text, but is missing"),
        (ROOT["text"].time, "text: must be a time like 2026-01-31T12:00:00.000Z"),
        (
            lambda: ROOT["map"]["other"].choice(Severity),
            'map.other: "drp" is none of drop, damage, note (did you mean "drop"?)',
        ),
        ([*ROOT["list"].items()][1].number, "list[1]: must be a whole number"),
    ],
)
def test_an_error_names_file_line_and_path(read, message):
    with pytest.raises(InputError) as error:
        read()
    assert message in str(error.value)
