"""The CA is private, short-lived, and valid only for the emulated hosts and the loopback."""

import base64
import hashlib
import ssl
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pixel_emulator.core.errors import InputError
from pixel_emulator.proxy.ca import CertificateAuthority, leaf_certificate, own_certificates
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings
from tests.certificates import make_authority
from tests.wire import PIXEL, ask, connect, get, secured, tunnel

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


def kept(tmp_path: Path, folder: Path, hosts: tuple[str, ...] = HOSTS) -> CertificateAuthority:
    return CertificateAuthority.create(tmp_path, hosts, str(folder))


def bring(folder: Path, **made: object) -> Path:
    """Put a CA of somebody else into a folder, as the user does."""
    folder.mkdir()
    authority = make_authority(folder / "ca.pem", **made)  # type: ignore[arg-type] # of that function
    (folder / "ca.pem.key").rename(folder / "ca-key.pem")
    return authority


def test_a_kept_ca_is_the_same_in_the_next_run(tmp_path: Path):
    folder = tmp_path / "new" / "folder"
    first, second = kept(tmp_path, folder), kept(tmp_path, folder)
    assert first.spki == second.spki
    assert (folder / "ca.pem").read_bytes() == second.ca.read_bytes()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.iterdir()}
    assert modes == {"ca.pem": 0o044, "ca-key.pem": 0}


def test_emulators_that_start_together_keep_one_ca(tmp_path: Path):
    folders = [tmp_path / str(number) for number in range(8)]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(len(folders)) as pool:
        made = list(pool.map(lambda folder: kept(folder, tmp_path / "kept").spki, folders))
    assert len(set(made)) == 1


@pytest.mark.parametrize("fast_path", [True, False])
def test_a_brought_ca_signs_for_the_emulated_hosts(tmp_path: Path, fast_path: bool):
    authority = bring(tmp_path / "brought")
    settings = Settings(port=0, ca_dir=str(authority.parent), fast_path=fast_path)
    with Emulator(settings, Journal(settings)) as e:
        with secured(tunnel(e.port, "api.segment.io:443"), authority) as client:
            assert ask(client, get(PIXEL, "api.segment.io")).is_pixel
        assert certificate(e.authority) == x509.load_pem_x509_certificate(authority.read_bytes())


def test_an_unusable_ca_is_refused_with_its_reason(tmp_path: Path):
    def refused(folder: Path, match: str, hosts: tuple[str, ...] = HOSTS) -> None:
        with pytest.raises(InputError, match=match):
            kept(tmp_path, folder, hosts)

    kept(tmp_path, tmp_path / "other_hosts", ("other.example",))
    refused(tmp_path / "other_hosts", r"may not sign for api\.segment\.io .*remove both files")
    refused(bring(tmp_path / "old", valid_days=-2).parent, r"ca\.pem expired on \d{4}")
    bring(tmp_path / "half").unlink()
    refused(tmp_path / "half", r"ca\.pem is missing: a CA is ca\.pem and ca-key\.pem")
    bring(tmp_path / "leaf")
    (tmp_path / "leaf/ca.pem.server").rename(tmp_path / "leaf/ca.pem")
    (tmp_path / "leaf/ca-key.pem").write_bytes((tmp_path / "leaf/ca.pem").read_bytes())
    refused(tmp_path / "leaf", r"is no CA")
    bring(tmp_path / "mixed")
    (tmp_path / "old/ca-key.pem").rename(tmp_path / "mixed/ca-key.pem")
    refused(tmp_path / "mixed", "and the private key do not belong together")
    bring(tmp_path / "broken").write_text("hello")
    refused(tmp_path / "broken", "has no certificate that can be read")
    refused(tmp_path / "mixed/ca.pem", "ca_dir: .*File exists")


def test_a_subdomain_and_an_address_are_within_the_constraints_of_a_kept_ca(tmp_path: Path):
    kept(tmp_path, tmp_path / "kept", ("segment.io", "192.0.2.7"))
    kept(tmp_path, tmp_path / "kept", ("api.segment.io", "192.0.2.7", "127.0.0.5"))
    with pytest.raises(InputError, match=r"may not sign for 192\.0\.2\.8"):
        kept(tmp_path, tmp_path / "kept", ("192.0.2.8",))


OWN = "pixels.example.com"


def own(tmp_path: Path, **made: object) -> tuple[Path, Path]:
    """Return another CA, and a PEM file of certificate and key that it signed."""
    authority = make_authority(tmp_path / "their.pem", **{"leaf_for": OWN, **made})  # type: ignore[arg-type]
    return authority, authority.with_name("their.pem.server")


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("name", [OWN, "*.example.com"])
def test_an_own_certificate_is_used_for_its_host_only(tmp_path: Path, name: str, fast_path: bool):
    authority, file = own(tmp_path, leaf_for=name)
    settings = Settings(port=0, cert=(f"{OWN}={file}",), fast_path=fast_path)
    with Emulator(settings, Journal(settings)) as e:
        for trusted, host in ((authority, OWN), (e.authority.ca, "api.segment.io")):
            with secured(connect(e.port), trusted, host) as client:
                assert ask(client, get(PIXEL, host)).is_pixel
            with secured(tunnel(e.port, f"{host}:443"), trusted, host) as client:
                assert ask(client, get(PIXEL, host)).is_pixel
        assert [hit.request.host for hit in e.journal.hits] == [OWN, OWN, *["api.segment.io"] * 2]
        assert OWN in e.settings.hosts
        constraints = certificate(e.authority).extensions.get_extension_for_class(
            x509.NameConstraints
        )
        assert x509.DNSName(OWN) not in (constraints.value.permitted_subtrees or ())


def test_the_chain_of_an_own_certificate_is_sent(tmp_path: Path):
    authority, file = own(tmp_path)
    with file.open("ab") as more:
        more.write(authority.read_bytes())
    [entry] = own_certificates({OWN: str(file)}).values()
    assert [one.cn for one in entry.chain_certs] == ["their CA"]
    settings = Settings(port=0, cert=(f"{OWN}={file}",))
    with Emulator(settings, Journal(settings)) as e:
        done = subprocess.run(
            [
                "openssl",
                "s_client",
                "-connect",
                f"127.0.0.1:{e.port}",
                "-servername",
                OWN,
                "-showcerts",
            ],
            input=b"",
            capture_output=True,
            check=False,
        )
    assert done.stdout.count(b"BEGIN CERTIFICATE") == 2


def test_an_unusable_own_certificate_is_refused_with_its_reason(tmp_path: Path):
    def refused(host: str, file: Path, match: str) -> None:
        with pytest.raises(InputError, match=match):
            own_certificates({host: str(file)})

    authority, file = own(tmp_path)
    refused("other.example", file, r"is no certificate for other\.example")
    refused(OWN, tmp_path / "none.pem", "No such file")
    refused(OWN, authority, "has no private key: append it, as PEM")
    refused(OWN, authority.with_name("their.pem.key"), "has no certificate")
    expired = own(tmp_path, valid_days=-2)[1]
    refused(OWN, expired, "expired on")
