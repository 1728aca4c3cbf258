"""A certificate authority for tests that is not the emulator's."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


def make_authority(
    path: Path, name: str = "their CA", *, leaf_for: str = "127.0.0.1", valid_days: int = 1
) -> Path:
    """Write a CA to `path` and, beside it, `.server` for a host or an address, `.key` of the CA.

    `.server` is a private key and its certificate. With negative days, both certificates have
    expired.
    """
    ca_key = ec.generate_private_key(ec.SECP256R1())
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    address = x509.SubjectAlternativeName([_general_name(leaf_for)])
    basic = x509.BasicConstraints(ca=True, path_length=0)
    ca = _certificate(name, ca_key, name, ca_key, basic, valid_days)
    leaf = _certificate(leaf_for, leaf_key, name, ca_key, address, valid_days)
    path.write_bytes(ca.public_bytes(Encoding.PEM))
    path.with_name(path.name + ".key").write_bytes(_key_pem(ca_key))
    server = _key_pem(leaf_key) + leaf.public_bytes(Encoding.PEM)
    path.with_name(path.name + ".server").write_bytes(server)
    return path


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    valid_days: int,
) -> x509.Certificate:
    now = datetime.now(UTC)
    is_authority = isinstance(extension, x509.BasicConstraints)
    usage = {"digital_signature": not is_authority, "key_cert_sign": is_authority}
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=min(0, valid_days), hours=-1))
        .not_valid_after(now + timedelta(days=valid_days))
        .add_extension(extension, critical=is_authority)
        # Python 3.13 verifies strictly: it requires the key identifiers and the usage.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                **usage,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
    )
