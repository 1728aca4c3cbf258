"""Block-style YAML that every loader reads the same way."""

import json
import math
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pixel_emulator.core.model import JSON
from pixel_emulator.core.text import json_codec, yaml_writer
from pixel_emulator.core.text.json_codec import Number, decode_surrogates, encode_surrogates
from pixel_emulator.files.yaml_loader import load

RISKY: list[Any] = [
    *("no", "No", "NO", "yes", "on", "Off", "y", "N", "true", "TRUE", "null", "Null", "~", ""),
    *("12:30:00", "190:20:30", "1e3", "1E3", "1.", ".5", "0o7", "07", "0x1F", "0b1", "1_000"),
    *("2024-01-01", "2024-01-01T00:00:00Z", "2001-12-14 21:59:43.10 -5", "+1", "-1", "-0"),
    *(".inf", "-.INF", ".nan", "nan", "inf", "<<", "=", "-", "- a", "? a", ": a", "a: b", "a:"),
    *("a #b", "#a", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'a", '"a', "[a", "{a", "a]"),
    *("---", "...", "--- a", " a", "a ", "\ta", "a\t", "a\nb", "a\n", "\r\n", "a\\b", "C:\\n"),
    *("\0", "\x07", "\x1b[31m", "\x7f", "\x85", "\xa0", "\xad", "\u2028", "\u2029", "\u202e"),
    *("\ufeff", "\ufffe", "\uffff", "\ufffd", "\ufdd0", "é", "日本", "😀", "\U0001fffe"),
    *("None", "https://example.com/?a=b#c", "{{ token }}", "a, b", "a,b"),
    *("e400", "E5", "e-4", "e+4", "e0"),
]
LONE_SURROGATES = ["\ud800", "a\udfffb", "\udc00\ud800", "\ud83d 😀"]
# What stands for a lone surrogate in a file, and the mark before one that stands for itself.
PRIVATE = ["\U0010d83d", "\U0010fffd", "\U0010fffd\U0010d83d", "\ud83d\U0010fffd", "\U0010fffda"]
PLAIN = [
    *("Email Opened", "user_123", "a@example.com", "track", "sha256:0a", "GET", "HTTP/1.1"),
    *("https://api.segment.io/v1/pixel/track?data=eyJ3%3D", "Mozilla/5.0 (X11; Linux x86_64)"),
    *("don't", "undefined"),
]
NUMBERS = [
    *("0", "-1", "12345678901234567890", "1.10", "-0.0", "1e21", "1E5", "1.5e-7", "-2e+3", "0e0"),
    *("0.1000000000000000055511151231257827", "1e400", "-1.5e999", "-0", "9" * 4_001),
]
TEXTS = st.text(st.characters(exclude_categories=())).map(
    # JSON never gives a pair as two characters.
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda n: Number(repr(n)))
    | TEXTS
    | st.sampled_from(RISKY + PLAIN),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXTS | st.sampled_from(RISKY), inner, max_size=4)
    ),
    max_leaves=15,
)


def pyyaml(text):
    return yaml.safe_load(text)


def libyaml(text):
    return yaml.load(text, yaml.CSafeLoader)


def ruamel_yaml(text):
    return ruamel.yaml.YAML(typ="safe", pure=True).load(text)


def ours(text):
    return load(text, "x.yaml")


def stored(value):
    """Return the value as other loaders read it: its lone surrogates are encoded."""
    if isinstance(value, dict):
        return {encode_surrogates(key): stored(member) for key, member in value.items()}
    if isinstance(value, list):
        return [stored(item) for item in value]
    return encode_surrogates(value) if isinstance(value, str) else value


def typed(value):
    """Return the value with its types, so that 1, 1.0 and true differ."""
    if isinstance(value, dict):
        return {key: typed(member) for key, member in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return (type(value).__name__.replace("Number", "float"), value)


OTHER_LOADERS = [pyyaml, libyaml, ruamel_yaml]
ALL_LOADERS = [ours, *OTHER_LOADERS]


@pytest.mark.parametrize("loader", ALL_LOADERS)
def test_risky_texts_stay_texts_as_values_items_and_keys(loader):
    value: JSON = {"values": RISKY, "keys": {text: text for text in RISKY}}
    assert loader(yaml_writer.write(value)) == value


@pytest.mark.parametrize("text", [*LONE_SURROGATES, *PRIVATE])
def test_lone_surrogates_survive_in_every_loader(text):
    value: JSON = {text: text}
    written = yaml_writer.write(value)
    assert written.isascii() or "😀" in written
    assert ours(written) == value
    for loader in OTHER_LOADERS:
        assert loader(written) == stored(value)
    assert decode_surrogates(encode_surrogates(text)) == text


@pytest.mark.parametrize("text", ["", "a", "é 😀", "\ufffd", "\ue000", "\U0010d7ff", "\U0010e000"])
def test_texts_without_lone_surrogates_are_stored_as_they_are(text):
    assert encode_surrogates(text) == decode_surrogates(text) == text


@given(TEXTS | st.text(st.sampled_from("a\ud83d\udc00\U0010d83d\U0010dc00\U0010fffd")))
def test_encoded_surrogates_decode_to_the_same_text(text):
    encoded = encode_surrogates(text)
    encoded.encode()
    assert decode_surrogates(encoded) == text


def test_what_older_versions_wrote_is_still_read():
    assert ours('a: "Hi \\uD83D"\n') == {"a": "Hi \ud83d"}


@pytest.mark.parametrize("loader", ALL_LOADERS)
@pytest.mark.parametrize("digits", NUMBERS)
def test_numbers_have_the_same_value_everywhere(loader, digits):
    number = json_codec.parse(digits)
    loaded = loader(yaml_writer.write([number]))[0]
    assert isinstance(loaded, int | float)
    assert loaded == number


@pytest.mark.parametrize(
    ("digits", "spelling"),
    [
        ("1.10", "1.10"),
        ("12345678901234567890", "12345678901234567890"),
        ("1e21", "1.0e+21"),
        ("1E-7", "1.0e-7"),
        ("1e400", "1.0e+400"),
        ("-0", "-0"),
    ],
)
def test_digits_are_kept_and_spelled_for_every_loader(digits, spelling):
    assert yaml_writer.write(json_codec.parse(digits)) == f"{spelling}\n"


@pytest.mark.parametrize("text", PLAIN)
def test_plain_words_stay_plain(text):
    assert yaml_writer.write(text) == f"{text}\n"


@pytest.mark.parametrize("text", [*RISKY, *LONE_SURROGATES])
def test_any_other_value_is_quoted_in_one_printable_line(text):
    written = yaml_writer.write(text).removesuffix("\n")
    assert written.startswith('"')
    assert all(character.isprintable() or character in "\ufdd0\U0001fffe" for character in written)


def test_the_style_is_block_with_empty_containers_inline():
    value: JSON = {"a": {"b": [1, {"c": None, "d": []}, [True, [{}]]]}, "e": {}}
    assert yaml_writer.write(value, 2) == (
        "  a:\n"
        "    b:\n"
        "      - 1\n"
        "      - c: null\n"
        "        d: []\n"
        "      - - true\n"
        "        - - {}\n"
        "  e: {}\n"
    )


@pytest.mark.parametrize("loader", ALL_LOADERS)
def test_keys_longer_than_yaml_allows_are_read_back(loader):
    value: JSON = [{"k" * 5_000: {"\n" * 600: [1]}, "x": 2}]
    assert loader(yaml_writer.write(value)) == value


@pytest.mark.parametrize(("levels", "fits"), [(100, True), (101, False)])
def test_a_value_has_at_most_100_levels(levels, fits):
    value: JSON = None
    for _ in range(levels):
        value = [value]
    assert yaml_writer.is_too_deep(value) is not fits
    value = {"in an entry": [value]}
    assert all(loader(yaml_writer.write(value)) == value for loader in ALL_LOADERS)


def test_no_document_nests_deeper_than_loaders_can_bear():
    value: JSON = None
    for _ in range(111):
        value = [value]
    with pytest.raises(ValueError, match="deeper than 110"):
        yaml_writer.write(value)


@given(VALUES)
def test_what_is_written_is_read_by_every_loader(value):
    text = yaml_writer.write(value)
    assert typed(ours(text)) == typed(value)
    for loader in OTHER_LOADERS:
        assert typed(loader(text)) == typed(stored(value))


@given(VALUES)
def test_an_indented_value_is_the_same_value(value):
    assert typed(ours(yaml_writer.write(value, 4))) == typed(value)


WHOLE: dict[str, Any] = {
    "texts": [*RISKY, *LONE_SURROGATES, *PRIVATE, *PLAIN],
    "keys": {text: text for text in [*RISKY, *LONE_SURROGATES, *PRIVATE]},
    "numbers": [number for number in map(float, NUMBERS) if math.isfinite(number)],
    "deep": {"a": [[], {}, [[{"b": None}]]]},
}
"""A value that programs of other languages read."""


@pytest.fixture
def whole_file(tmp_path):
    numbers = [json_codec.parse(number) for number in NUMBERS if math.isfinite(float(number))]
    file = tmp_path / "value.yaml"
    file.write_text(yaml_writer.write(WHOLE | {"numbers": numbers}), encoding="utf-8")
    return file


JAVASCRIPT = {
    "yaml": "['1.2', '1.1'].map(version => require('yaml').parse(text, {version}))",
    "js-yaml": "[require('js-yaml').load(text)]",
}


@pytest.mark.parametrize("package", JAVASCRIPT)
def test_loaders_of_javascript_read_the_same(package, whole_file):
    """npm's `yaml`, as YAML 1.2 and as 1.1, and `js-yaml`."""
    modules = os.environ.get("PIXEL_TEST_NODE_MODULES")
    node = shutil.which("node")
    if node is None or not modules or not Path(modules, "node_modules", package).is_dir():
        pytest.skip(f"needs node, and {package} in $PIXEL_TEST_NODE_MODULES/node_modules")
    script = (
        "const text = require('fs').readFileSync(process.argv[1], 'utf8');"
        f"console.log(JSON.stringify({JAVASCRIPT[package]}))"
    )
    printed = subprocess.run(
        [node, "-e", script, whole_file], cwd=modules, capture_output=True, text=True, check=True
    ).stdout
    documents = json.loads(printed, parse_int=float)
    assert documents
    assert all(document == stored(WHOLE) for document in documents)


@pytest.mark.skipif(shutil.which("ruby") is None, reason="needs ruby")
def test_psych_of_ruby_reads_the_same(whole_file):
    """Ruby has one integer type, and its JSON has no exponents beyond those of a float."""
    script = (
        'require "yaml"; require "json"; puts JSON.generate(YAML.safe_load(File.read(ARGV[0])))'
    )
    printed = subprocess.run(
        ["ruby", "-Eutf-8", "-e", script, whole_file], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(printed, parse_int=float) == stored(WHOLE)
