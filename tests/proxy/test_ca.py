"""The CA is private, short-lived, and valid only for the emulated hosts and the loopback."""

import base64
import hashlib
import ssl
import stat
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pixel_emulator.core.errors import InputError
from pixel_emulator.proxy.ca import CertificateAuthority, leaf_certificate
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

HOSTS = Settings().hosts
LOOPBACK = {"localhost", *map(ip_network, ("127.0.0.0/8", "::1/128"))}


def certificate(authority: CertificateAuthority) -> x509.Certificate:
    return x509.load_pem_x509_certificate(authority.ca.read_bytes())


def permitted(hosts: tuple[str, ...], directory: Path) -> set[object]:
    constraints = certificate(
        CertificateAuthority.create(directory, hosts)
    ).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert constraints.value.excluded_subtrees is None
    return {subtree.value for subtree in constraints.value.permitted_subtrees or ()}


def test_it_permits_only_the_hosts_and_the_loopback(tmp_path: Path):
    assert permitted(HOSTS, tmp_path) == {*HOSTS, *LOOPBACK}


@pytest.mark.parametrize(
    ("host", "subtrees"),
    [
        ("api.sub.example.com", {"api.sub.example.com"}),
        ("API.Example.COM.", {"api.example.com"}),
        ("api.bücher.example", {"api.xn--bcher-kva.example"}),
        ("192.0.2.7", {ip_network("192.0.2.7/32")}),
        ("127.0.0.1", {ip_network("127.0.0.1/32")}),
        ("pixels_1.example", {"pixels_1.example"}),
        ("fd00::7", {ip_network("fd00::7/128")}),
        ("localhost", {"localhost"}),
    ],
)
def test_a_host_of_the_user_is_permitted(tmp_path: Path, host: str, subtrees: set[object]):
    assert permitted((host,), tmp_path) == subtrees | LOOPBACK


@pytest.mark.parametrize(
    "host",
    [
        "",
        "*.example.com",
        "https://api.segment.io",
        "a b",
        "x:443",
        "10.0.0.0/8",
        # The CA of each of these would be malformed for Firefox and rustls.
        "127.1",
        "10.0.0.256",
        "example.0x7f",
        "-pixels.example",
        "pixels-.example",
        "a..b",
        ".".join(["a" * 63] * 4),
    ],
)
def test_what_is_no_host_name_is_refused(tmp_path: Path, host: str):
    with pytest.raises(InputError, match=r"is no host name; write it like api\.segment\.io"):
        CertificateAuthority.create(tmp_path, (host,))


def leaf(authority: CertificateAuthority, *names: str) -> x509.Certificate:
    data = (authority.ca.parent / "mitmproxy-ca.pem").read_bytes()
    key = serialization.load_pem_private_key(data, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return leaf_certificate(certificate(authority), key, names)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("api.segment.io",), [x509.DNSName("api.segment.io")]),
        (("API.Segment.IO.", "api.segment.io"), [x509.DNSName("api.segment.io")]),
        (("127.0.0.1",), [x509.IPAddress(ip_address("127.0.0.1"))]),
        (("::ffff:127.0.0.1",), [x509.IPAddress(ip_address("127.0.0.1"))]),
        (("localhost", "::1"), [x509.DNSName("localhost"), x509.IPAddress(ip_address("::1"))]),
        (("127.0.0.1", "127.1"), [x509.IPAddress(ip_address("127.0.0.1"))]),
    ],
)
def test_a_leaf_names_its_hosts_and_has_no_common_name(
    tmp_path: Path, names: tuple[str, ...], expected: list[x509.GeneralName]
):
    """OpenSSL compares a common name like 127.0.0.1 with the DNS names that a CA permits."""
    made = leaf(CertificateAuthority.create(tmp_path, HOSTS), *names)
    alternatives = made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(alternatives.value) == expected
    assert made.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME) == []


def test_a_leaf_is_valid_exactly_as_long_as_its_ca(tmp_path: Path):
    authority = CertificateAuthority.create(tmp_path, HOSTS)
    ca, made = certificate(authority), leaf(authority, "api.segment.io")
    assert made.not_valid_before_utc == ca.not_valid_before_utc
    assert made.not_valid_after_utc == ca.not_valid_after_utc


def test_the_leaf_that_a_client_receives_is_one_of_ours():
    settings = Settings(port=0)
    with Emulator(settings, Journal(settings)) as e:
        seen = ssl.get_server_certificate(("127.0.0.1", e.port), ca_certs=str(e.authority.ca))
        ca = certificate(e.authority)
    made = x509.load_pem_x509_certificate(seen.encode())
    assert made.not_valid_after_utc == ca.not_valid_after_utc
    assert made.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME) == []


def test_it_is_a_ca_for_leaves_only_and_for_servers_only(tmp_path: Path):
    extensions = certificate(CertificateAuthority.create(tmp_path, HOSTS)).extensions
    basic = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.digital_signature) == (
        True,
        True,
        False,
    )
    assert list(purposes.value) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]


def test_it_is_valid_for_30_days_and_signs_with_p_256(tmp_path: Path):
    ca = certificate(CertificateAuthority.create(tmp_path, HOSTS))
    assert ca.not_valid_after_utc - ca.not_valid_before_utc == timedelta(days=30)
    key = ca.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_only_the_owner_can_read_the_files_and_older_ones_are_replaced(tmp_path: Path):
    older = tmp_path / "mitmproxy-ca.pem"
    older.write_text("older")
    older.chmod(0o644)
    CertificateAuthority.create(tmp_path, HOSTS)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("ca.pem", "mitmproxy-ca.pem", "mitmproxy-ca-cert.pem"), 0o600)


def test_the_key_is_only_in_mitmproxy_s_file(tmp_path: Path):
    authority = CertificateAuthority.create(tmp_path, HOSTS)
    assert b"PRIVATE" not in authority.ca.read_bytes()
    assert b"PRIVATE" not in (tmp_path / "mitmproxy-ca-cert.pem").read_bytes()
    assert b"PRIVATE" in (tmp_path / "mitmproxy-ca.pem").read_bytes()


def test_two_runs_share_nothing(tmp_path: Path):
    first, second = (CertificateAuthority.create(tmp_path, HOSTS).spki for _ in range(2))
    assert first != second


def test_spki_is_the_hash_that_browsers_accept(tmp_path: Path):
    authority = CertificateAuthority.create(tmp_path, HOSTS)
    der = (
        certificate(authority)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert authority.spki == base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_the_bundle_holds_our_ca_and_those_of_the_machine(tmp_path: Path):
    authority = CertificateAuthority.create(tmp_path, HOSTS)
    bundle = authority.bundle.read_bytes()
    assert authority.ca.read_bytes().strip() in bundle
    assert bundle.count(b"BEGIN CERTIFICATE") > 1
