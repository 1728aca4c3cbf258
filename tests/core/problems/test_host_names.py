"""Host names: IDNA mapping, and names that are misspelt or look alike."""

import pytest

from pixel_emulator.core.problems.host_names import idna_mapped, is_misspelt


@pytest.mark.parametrize(
    ("host", "mapped"),
    [
        ("api.segment.io", "api.segment.io"),
        ("API.segment.io", "API.segment.io"),
        ("\uff41\uff50\uff49.segment.io", "api.segment.io"),
        ("api\u3002segment\u3002io", "api.segment.io"),
        ("api.seg\u00adment.io", "api.segment.io"),
        ("b\u00fccher.example", "b\u00fccher.example"),
        ("a\u0000\u00fc.example", "a\u0000\u00fc.example"),
        ("\u00fc" * 1_001, "\u00fc" * 1_001),
    ],
)
def test_a_host_is_mapped_as_clients_do(host, mapped):
    assert idna_mapped(host) == mapped


@pytest.mark.parametrize(
    ("host", "misspelt"),
    [
        ("api.segment.io", False),
        ("api.segmnt.io", True),
        ("api.segmentt.io", True),
        ("api.segnent.io", True),
        ("api.segmnet.io", True),
        ("api.segment.i", True),
        ("pi.segment.io", True),
        ("api1.segment.io", False),
        ("api.sgmnt.io", False),
        ("example.com", False),
        ("", False),
        ("api.segm\u0435nt.io", True),
        (f"api.xn--{'segm\u0435nt'.encode('punycode').decode()}.io", True),
        ("api.xn--\u00e9.io", False),
    ],
)
def test_one_edit_or_a_lookalike_is_a_misspelling(host, misspelt):
    assert is_misspelt(host, "api.segment.io") is misspelt


def test_names_that_differ_in_a_digit_are_different_machines():
    assert not is_misspelt("eu2.api.segment.io", "eu1.api.segment.io")
