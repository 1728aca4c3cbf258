"""Names are compared as DNS compares them; addresses are classified by what they reach."""

import asyncio

import pytest

from pixel_emulator.proxy.hosts import (
    Hosts,
    dialable_address,
    is_address_of_this_machine,
    is_any_address,
    is_blocked_address,
    is_global_address,
    is_loopback,
    normalize_host,
    reaches_this_machine,
    resolve,
)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("api.segment.io", "api.segment.io"),
        ("API.Segment.IO", "api.segment.io"),
        ("api.segment.io.", "api.segment.io"),
        ("api.segment.io..", "api.segment.io."),
        ("api.bücher.example", "api.xn--bcher-kva.example"),
        ("ü..example", "ü..example"),  # no DNS name, and so nothing to compare with
        (None, ""),
        ("", ""),
    ],
)
def test_a_name_is_normalized(written: str | None, name: str):
    assert normalize_host(written) == name


@pytest.mark.parametrize(
    ("candidates", "match"),
    [
        (("API.segment.io.",), "api.segment.io"),
        ((None, "other.example", "api.segment.io"), "api.segment.io"),
        (("xapi.segment.io", "api.segment.io.example", "segment.io"), None),
        ((None, ""), None),
        ((), None),
    ],
)
def test_the_first_candidate_in_the_set_is_found(
    candidates: tuple[str | None, ...], match: str | None
):
    assert Hosts.of(["Api.Segment.io"]).match(*candidates) == match


@pytest.mark.parametrize(
    ("host", "loopback", "here", "off_limits"),
    [
        ("localhost", True, True, False),
        ("LOCALHOST.", True, True, False),
        ("app.localhost", True, True, False),
        ("127.0.0.1", True, True, False),
        ("127.255.0.9", True, True, False),
        ("::1", True, True, False),
        ("::ffff:127.0.0.1", True, True, False),
        ("0.0.0.0", False, True, False),
        ("::", False, True, False),
        ("", False, False, False),
        ("localhost.example.com", False, False, False),
        ("10.0.0.1", False, False, False),
        ("192.0.2.1", False, False, False),
        ("169.254.169.254", False, False, True),
        ("169.253.255.255", False, False, False),
        ("::ffff:169.254.169.254", False, False, True),
        ("fe80::1", False, False, True),
        ("fe80::1%eth0", False, False, True),
        ("febf::1", False, False, True),
        ("fec0::1", False, False, False),
        ("fd00:ec2::254", False, False, True),
        ("fd00:ec2::253", False, False, False),
        ("fd20:ce::254", False, False, True),
        ("100.100.100.200", False, False, True),
        ("100.100.100.201", False, False, False),
        ("168.63.129.16", False, False, True),
        ("192.0.0.192", False, False, True),
        ("192.0.0.193", False, False, False),
        ("64:ff9b::a9fe:a9fe", False, False, True),
        ("64:ff9b::192.0.2.1", False, False, False),
        ("64:ff9b:1::a9fe:a9fe", False, False, False),
        ("2002:a9fe:a9fe::1", False, False, True),
        ("2002:c000:201::1", False, False, False),
        ("::169.254.169.254", False, False, True),
        ("::127.0.0.1", True, True, False),
        ("::192.0.2.1", False, False, False),
    ],
)
def test_an_address_is_classified(host: str, loopback: bool, here: bool, off_limits: bool):
    assert (is_loopback(host), reaches_this_machine(host), is_blocked_address(host)) == (
        loopback,
        here,
        off_limits,
    )


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("127.1", ["127.0.0.1"]),
        ("2852039166", ["169.254.169.254"]),
        ("::1", ["::1"]),
        ("a" * 64 + ".example", []),
        ("a..example", []),
    ],
)
def test_a_host_is_resolved_before_it_is_checked(host: str, addresses: list[str]):
    assert asyncio.run(resolve(host)) == addresses


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("fe80::1%eth0", ("fe80::1",)),
        ("0.0.0.0", ()),
        ("::", ()),
        ("", ()),
        ("localhost", ()),
    ],
)
def test_an_address_that_one_can_dial_is_distinguished_from_names(
    host: str, addresses: tuple[str, ...]
):
    assert dialable_address(host) == addresses


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("other.example", False),
    ],
)
def test_an_address_of_this_machine_is_known(host: str, here: bool):
    assert is_address_of_this_machine(host) is here


@pytest.mark.parametrize(
    ("host", "is_global"),
    [
        ("1.2.3.4", True),
        ("::ffff:1.2.3.4", True),
        ("2606:4700::1", True),
        ("10.0.0.1", False),
        ("172.17.0.2", False),
        ("127.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("example.com", False),
    ],
)
def test_a_public_address_is_known(host: str, is_global: bool):
    assert is_global_address(host) is is_global


@pytest.mark.parametrize(
    ("host", "is_any"),
    [("0.0.0.0", True), ("::", True), ("", True), ("127.0.0.1", False), ("localhost", False)],
)
def test_listening_on_all_addresses_is_known(host: str, is_any: bool):
    assert is_any_address(host) is is_any
