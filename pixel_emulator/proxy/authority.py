"""Our own certificate authority: short-lived, private to one run, good for our hosts only."""

import base64
import hashlib
import ipaddress
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pixel_emulator.clock import real_datetime, utc_now
from pixel_emulator.core.mistakes import InputError, Mistake
from pixel_emulator.proxy.hosts import folded
from pixel_emulator.trust.stores import STANDARD, TrustStores

VALID_FOR = timedelta(days=30)
_CLOCK_SKEW = timedelta(days=2)  # for clients whose clock is slow, as mitmproxy does for leaves
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA on disk: `ca` is its certificate as PEM, beside it stands what mitmproxy reads.

    `spki` is the base64 SHA-256 of its public key. Every leaf that mitmproxy signs has the same
    key, so this one hash lets a browser accept them all.
    """

    ca: Path
    spki: str

    @property
    def bundle(self) -> Path:
        """A PEM file with this CA and all that the machine trusts, made when first asked for."""
        return TrustStores(self.ca.parent, self.ca).pem((STANDARD,))

    @classmethod
    def create(cls, directory: Path, hosts: Iterable[str]) -> "Authority":
        """Make a CA for `hosts` and the loopback, in files that only their owner can read.

        Raises OSError where `directory` cannot be written, InputError for what is no host.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        with real_datetime():
            made = _certificate(key, hosts)
            _ = made.not_valid_after_utc  # this looks the class up, too
        certificate = made.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(directory / "mitmproxy-ca.pem", private + certificate)
        _write(directory / "mitmproxy-ca-cert.pem", certificate)
        _write(directory / "ca.pem", certificate)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        spki = base64.b64encode(hashlib.sha256(public).digest()).decode()
        return cls(directory / "ca.pem", spki)


def _certificate(key: ec.EllipticCurvePrivateKey, hosts: Iterable[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pixel_emulator test CA")])
    start = utc_now() - _CLOCK_SKEW
    permitted = [tree for host in dict.fromkeys((*hosts, *_LOOPBACK)) for tree in _subtrees(host)]
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


def _subtrees(host: str) -> list[x509.GeneralName]:
    try:
        subtree = x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        name = folded(host)
        if not _NAME.fullmatch(name):  # an empty one would even permit every name
            raise InputError(
                Mistake(f'hosts: "{host}" is no host name; write it like api.segment.io')
            ) from None
        return [x509.DNSName(name)]
    # OpenSSL takes the common name of a leaf for an IPv4 address for a DNS name.
    return [subtree, x509.DNSName(host)] if _NAME.fullmatch(host) else [subtree]


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # an older file may be readable by others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
