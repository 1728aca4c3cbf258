"""A quantity of any number of digits is refused with a short sentence."""

import pytest

from pixel_emulator.core.errors import InputError
from pixel_emulator.core.matching.expected import describe_value
from pixel_emulator.core.parser.document import parse
from pixel_emulator.files.yaml_loader import parse_document

DIGITS = "9" * 100_000
SPELLINGS = {
    "plain": DIGITS,
    "quoted": f"'{DIGITS}'",
    "negative": f"-{DIGITS}",
    "fraction": f"0.{DIGITS}",
    "exponent": f"1e{DIGITS}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "text",
    [
        "expect: [{track: A, times: N}]",
        "expect: [{track: A, within: N}]",
        "within: N\nexpect: []",
        "quiet: N\nexpect: []",
        "do: [{wait: N}]\nexpect: []",
        "given: {seed: 'N'}\nexpect: []",
        "given: {clock: N}\nexpect: []",
        "expect: [{track: A, request: {status: {$between: [N]}}}]",
    ],
)
def test_it_is_refused_in_a_few_words(text, spelling):
    number = SPELLINGS[spelling].strip("'") if "'N'" in text else SPELLINGS[spelling]
    with pytest.raises(InputError) as caught:
        parse(parse_document(text.replace("N", number), "s.yaml"))
    assert all(len(str(each)) < 1_000 for each in caught.value.issues)


@pytest.mark.parametrize("unit", ["ms", "s", "min", "h", "%", "kB", ""])
@pytest.mark.parametrize("text", ["N", "N..", "..N", "N..N", ">=N", "N.N"])
def test_a_duration_or_a_range_of_them_too(text, unit):
    written = text.replace("N", DIGITS) + unit
    for key in ("times", "within"):
        with pytest.raises(InputError) as caught:
            parse(parse_document(f"expect: [{{track: A, {key}: '{written}'}}]", "s.yaml"))
        assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("digits", [4_000, 5_000, 100_000])
def test_a_number_that_python_does_not_write_is_described(digits, sign):
    assert describe_value(sign * 10**digits).text == "a huge number"
