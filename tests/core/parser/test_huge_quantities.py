"""A quantity of any number of digits is refused with a short message."""

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
def test_a_huge_quantity_is_refused_with_a_short_message(text, spelling):
    number = SPELLINGS[spelling].strip("'") if "'N'" in text else SPELLINGS[spelling]
    with pytest.raises(InputError) as caught:
        parse(parse_document(text.replace("N", number), "s.yaml"))
    assert all(len(str(issue)) < 1_000 for issue in caught.value.issues)


@pytest.mark.parametrize("unit", ["ms", "s", "min", "h", "%", "kB", ""])
@pytest.mark.parametrize("text", ["N", "N..", "..N", "N..N", ">=N", "N.N"])
def test_a_huge_duration_or_range_is_refused_with_a_short_message(text, unit):
    written = text.replace("N", DIGITS) + unit
    for key in ("times", "within"):
        with pytest.raises(InputError) as caught:
            parse(parse_document(f"expect: [{{track: A, {key}: '{written}'}}]", "s.yaml"))
        assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("digits", [4_000, 5_000, 100_000])
def test_a_number_that_python_cannot_convert_is_described(digits, sign):
    assert describe_value(sign * 10**digits).text == "a huge number"
