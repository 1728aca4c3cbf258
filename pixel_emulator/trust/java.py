"""Java's trust stores: which one a JVM would use, reading it, and writing one of our own."""

import shlex
import shutil
import ssl
import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12

_JKS = b"\xfe\xed\xfe\xed"
# In the order of the JSSE reference guide; the last is that of a JDK 8.
_OF_A_JDK = ("lib/security/jssecacerts", "lib/security/cacerts", "jre/lib/security/cacerts")

OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
"""Variables with options: the first is read by every JVM, the second by `java`, and it wins."""


@dataclass(frozen=True, slots=True)
class Keystore:
    """A keystore file and the password of its integrity check."""

    path: Path
    password: str = "changeit"  # noqa: S105 - the JDK's published default


def current(environ: Mapping[str, str]) -> Keystore | None:
    """What a JVM trusts under these variables; None where no JDK can be found."""
    given = (option for name in OPTIONS for option in _split(environ.get(name, "")))
    pairs = (option.partition("=") for option in given)
    options = {name: value for name, _, value in pairs}
    if path := options.get("-Djavax.net.ssl.trustStore"):
        return Keystore(Path(path), options.get("-Djavax.net.ssl.trustStorePassword", ""))
    candidates = (home / name for home in _homes(environ) for name in _OF_A_JDK)
    return next((Keystore(path) for path in candidates if path.is_file()), None)


def _split(options: str) -> list[str]:
    """The single options of a JAVA_TOOL_OPTIONS; none where a quote is left open."""
    try:
        return shlex.split(options)
    except ValueError:
        return []  # the JVM refuses to start with it, whatever we do


def read(keystore: Keystore) -> list[bytes]:
    """The trusted certificates of a JKS or PKCS12 file, as PEM.

    Raises OSError where it cannot be read, ValueError where it is neither or the password is wrong.
    """
    data = keystore.path.read_bytes()
    if data.startswith(_JKS):
        return [ssl.DER_cert_to_PEM_cert(der).encode().strip() for der in _jks_entries(data)]
    with warnings.catch_warnings(action="ignore"):  # old roots have serial numbers of zero
        store = pkcs12.load_pkcs12(data, keystore.password.encode() or None)
        trusted = [each.certificate for each in store.additional_certs]
        return [certificate.public_bytes(Encoding.PEM).strip() for certificate in trusted]


def write(certificates: Iterable[bytes]) -> bytes:
    """PEM certificates as a PKCS12 trust store that every JVM reads without a password."""
    with warnings.catch_warnings(action="ignore"):
        entries = [
            pkcs12.PKCS12Certificate(certificate, f"trusted-{number}".encode())
            for number, certificate in enumerate(_readable(certificates))
        ]
        return pkcs12.serialize_java_truststore(entries, NoEncryption())


def _readable(certificates: Iterable[bytes]) -> Iterator[x509.Certificate]:
    for certificate in certificates:
        try:
            yield x509.load_pem_x509_certificate(certificate)
        except ValueError:
            continue  # Java could not read it either


def _homes(environ: Mapping[str, str]) -> Iterator[Path]:
    if home := environ.get("JAVA_HOME"):
        yield Path(home)
    if launcher := shutil.which("java", path=environ.get("PATH")):
        yield Path(launcher).resolve().parent.parent


def _jks_entries(data: bytes) -> Iterator[bytes]:
    """The certificates of a JKS file (layout: sun.security.provider.JavaKeyStore), as DER."""
    offset = 12
    try:
        for _ in range(struct.unpack_from(">I", data, 8)[0]):
            tag, alias = struct.unpack_from(">IH", data, offset)
            if tag != 2:  # 1 is a private key, 2 a trusted certificate
                raise ValueError("holds private keys")
            offset += 6 + alias + 8  # the alias, then a date
            kind = struct.unpack_from(">H", data, offset)[0]
            length = struct.unpack_from(">I", data, offset + 2 + kind)[0]
            offset += 2 + kind + 4
            yield data[offset : offset + length]
            offset += length
    except struct.error:
        raise ValueError("is torn") from None
