"""Our own certificate authority: short-lived, private to one run, valid for our hosts only.

`ca_dir` keeps it, or brings another; `cert` brings certificates for hosts of the user.
"""

import base64
import fcntl
import hashlib
import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from mitmproxy import certs

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.proxy.hosts import normalize_host
from pixel_emulator.runtime.clock import real_datetime, utc_now
from pixel_emulator.trust.stores import STANDARD, TrustStores

VALID_FOR = timedelta(days=30)
_CLOCK_SKEW = timedelta(days=2)  # for clients whose clock is slow, as mitmproxy does for leaves
# Firefox and rustls call a certificate malformed if its CA permits a name with a hyphen at the end
# of a label, or with a number as its last label: that would be an IPv4 address.
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)({_LABEL}\.)*(?!(\d+|0x[0-9a-f]*)\Z){_LABEL}")
_LOOPBACK = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
    x509.IPAddress(ipaddress.ip_network("::1/128")),
)
_ORGANISATION = "pixel_emulator"


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A CA on disk: `ca` is its certificate as PEM; mitmproxy's files are in the same folder.

    `spki` is the base64 SHA-256 of its public key. Every leaf that mitmproxy signs has the same
    key, so this one hash lets a browser accept them all.
    """

    ca: Path
    spki: str

    @property
    def bundle(self) -> Path:
        """PEM file with this CA and all that the machine trusts, created on first use."""
        return TrustStores(self.ca.parent, self.ca).pem_bundle((STANDARD,))

    @classmethod
    def create(
        cls, directory: Path, hosts: Iterable[str], kept: str = ""
    ) -> "CertificateAuthority":
        """Make a CA for `hosts` and the loopback, in files that only their owner can read.

        With `kept`, a folder, its CA is used, or the new one is kept there. Raises OSError if
        `directory` cannot be written, InputError for an invalid host or an unusable CA.
        """
        hosts = tuple(hosts)
        with real_datetime():
            key, chain = _kept_ca(Path(kept), hosts) if kept else _new_ca(hosts)
            _ = chain[0].not_valid_after_utc  # looks the class datetime up, too
        certificate = b"".join(_pem(one) for one in chain)
        _write(directory / "mitmproxy-ca.pem", _key_pem(key) + certificate)
        _write(directory / "mitmproxy-ca-cert.pem", certificate)
        _write(directory / "ca.pem", certificate)
        spki = base64.b64encode(hashlib.sha256(_public_key(key)).digest()).decode()
        return cls(directory / "ca.pem", spki)


type _Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def _new_ca(hosts: Iterable[str]) -> tuple[_Key, list[x509.Certificate]]:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, [_certificate(key, hosts)]


def _kept_ca(folder: Path, hosts: Iterable[str]) -> tuple[_Key, list[x509.Certificate]]:
    """Return the key of the CA in a folder and its certificates, its own first.

    If the folder has no CA, a new one is written there. Raises InputError if that fails, or if the
    CA cannot be used for the hosts.
    """
    certificate_file, key_file = folder / "ca.pem", folder / "ca-key.pem"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if not (certificate_file.exists() or key_file.exists()):
                key, chain = _new_ca(hosts)
                _write(key_file, _key_pem(key))
                _write(certificate_file, _pem(chain[0]), mode=0o644)  # others are to trust it
                return key, chain
            key, chain = _read_key(key_file), _read_certificates(certificate_file)
    except FileNotFoundError as error:
        pair = f"a CA is {certificate_file.name} and {key_file.name}"
        raise InputError(InputIssue(f"ca_dir: {error.filename} is missing: {pair}")) from None
    except (OSError, ValueError) as error:
        raise InputError(InputIssue(f"ca_dir: {error}")) from None
    reasons = [*_pair_issues(key, chain[0]), *_ca_issues(chain[0], hosts)]
    if reasons:
        remedy = "remove both files, and the next start makes a new CA there"
        issues = (
            InputIssue(f"ca_dir: {certificate_file} {reason}; {remedy}") for reason in reasons
        )
        raise InputError(*issues)
    return key, chain


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder: two emulators that start together have to use the same CA."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _ca_issues(ca: x509.Certificate, hosts: Iterable[str]) -> Iterator[str]:
    """Yield the reasons why a certificate cannot sign for the hosts."""
    try:
        is_ca = ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if not is_ca:
        yield "is no CA (its basic constraints do not say so)"
    try:
        constraints = ca.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return
    for host in hosts:
        name = _general_name(host)
        excluded = any(_is_within(name, tree) for tree in constraints.excluded_subtrees or ())
        trees = [
            tree for tree in constraints.permitted_subtrees or () if isinstance(name, type(tree))
        ]
        if excluded or (trees and not any(_is_within(name, tree) for tree in trees)):
            yield f"may not sign for {host} (its name constraints)"


def _is_within(name: x509.GeneralName | None, tree: x509.GeneralName) -> bool:
    """Return True if a name is in a subtree of name constraints."""
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        parent = tree.value.lower().removeprefix(".")
        return not parent or f".{name.value}".endswith(f".{parent}")
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        network = ipaddress.ip_network(str(tree.value))
        return ipaddress.ip_address(str(name.value)) in network
    return False


def _pair_issues(key: _Key, certificate: x509.Certificate) -> Iterator[str]:
    """Yield what is wrong with a certificate and its key."""
    public = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if public != _public_key(key):
        yield "and the private key do not belong together"
    now = utc_now()
    if now < certificate.not_valid_before_utc:
        yield f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if now > certificate.not_valid_after_utc:
        yield f"expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"


def own_certificates(files: Mapping[str, str]) -> dict[str, certs.CertStoreEntry]:
    """Return the certificates of the user by normalized host.

    `files` are PEM files by host. Raises InputError if one cannot be used for its host.
    """
    return {normalize_host(host): _own_certificate(host, file) for host, file in files.items()}


def _own_certificate(host: str, file: str) -> certs.CertStoreEntry:
    path = Path(file)
    try:
        with real_datetime():
            key, chain = _read_key(path), _read_certificates(path)
            issues = [*_pair_issues(key, chain[0])]
    except (OSError, ValueError) as error:
        raise InputError(InputIssue(f"cert: {error}")) from None
    if not _names(chain[0], host):
        issues.append(f"is no certificate for {host} (its subject alternative names)")
    if issues:
        raise InputError(*(InputIssue(f"cert: {file} {issue}") for issue in issues))
    issuers = [certs.Cert(issuer) for issuer in chain[1:]]
    # mitmproxy's annotation says RSA; it only hands the key on to OpenSSL.
    return certs.CertStoreEntry(certs.Cert(chain[0]), key, None, issuers)  # type: ignore[arg-type]


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Return True if a certificate is for a host, by its name or by a wildcard."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    name = _general_name(host)
    parent = normalize_host(host).partition(".")[2]
    wildcard = x509.DNSName(f"*.{parent}") if parent else name
    return any(alternative in (name, wildcard) for alternative in alternatives.value)


_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


def _read_key(path: Path) -> _Key:
    """Return the private key in a PEM file. Raises OSError, and ValueError if there is none."""
    block = _KEY.search(path.read_bytes())
    if block is None:
        raise ValueError(f"{path} has no private key: append it, as PEM")
    try:
        key = serialization.load_pem_private_key(block[0], None)
    except TypeError:
        raise ValueError(f"the private key in {path} has a passphrase: store it without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"the private key in {path} cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(f"the private key in {path} is neither RSA nor of an elliptic curve")
    return key


def _read_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates in a PEM file. Raises OSError, and ValueError if there is none."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise ValueError(f"{path} has no certificate that can be read") from None


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_key(key: _Key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _certificate(key: ec.EllipticCurvePrivateKey, hosts: Iterable[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pixel_emulator test CA")])
    start = utc_now() - _CLOCK_SKEW
    permitted = list(dict.fromkeys((*map(_subtree, hosts), *_LOOPBACK)))
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), True),
        (x509.NameConstraints(permitted, None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    )
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=start,
        not_valid_after=start + VALID_FOR,
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256())


def leaf_certificate(
    ca: x509.Certificate, key: CertificateIssuerPrivateKeyTypes, names: Iterable[str]
) -> x509.Certificate:
    """Return a server certificate for host names and resolve, signed by `ca` with its `key`.

    It has the key and the validity of its CA, so that one hash lets a browser accept all, and no
    client sees it outlive the CA. It has no common name: OpenSSL checks a common name like
    `127.0.0.1` against the DNS names that the CA permits, and no CA can permit that one without
    being malformed for Firefox and rustls. Names that no certificate can hold are left out.
    """
    general = dict.fromkeys(filter(None, map(_general_name, names)))
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.SubjectAlternativeName(general), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (_authority_key_identifier(ca), False),
    )
    builder = x509.CertificateBuilder(
        issuer_name=ca.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION)]),
        public_key=ca.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=ca.not_valid_before_utc,
        not_valid_after=ca.not_valid_after_utc,
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256())


def _authority_key_identifier(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:  # in a CA that the user brought
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type] # RSA or EC
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _general_name(text: str) -> x509.DNSName | x509.IPAddress | None:
    """Return a host as a certificate names it, or None if no certificate can hold it."""
    name = normalize_host(text)
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return x509.DNSName(name) if _NAME.fullmatch(name) else None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return x509.IPAddress(mapped or address)


def _subtree(host: str) -> x509.GeneralName:
    """Return the name constraint that permits a host. Raises InputError if it is no host."""
    name = _general_name(host)
    if name is None:  # an empty one would even permit every name
        raise InputError(
            InputIssue(f'hosts: "{host}" is no host name; write it like api.segment.io')
        )
    if isinstance(name, x509.DNSName):
        return name
    return x509.IPAddress(ipaddress.ip_network(name.value))


def _write(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.unlink(missing_ok=True)  # an older file may be readable by others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
