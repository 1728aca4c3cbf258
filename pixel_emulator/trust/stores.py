"""Trust stores, as PEM and for Java: what a client trusts already, and our CA."""

import hashlib
import os
import re
import shlex
import shutil
import ssl
import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12

_JKS = b"\xfe\xed\xfe\xed"
# In the order of the JSSE reference guide; the last is that of a JDK 8.
_JDK_TRUST_STORES = ("lib/security/jssecacerts", "lib/security/cacerts", "jre/lib/security/cacerts")

JAVA_OPTIONS_VARIABLES = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
"""Variables with options: the first is read by every JVM, the second by `java`, with precedence."""


@dataclass(frozen=True, slots=True)
class Keystore:
    """A keystore file and the password of its integrity check."""

    path: Path
    password: str = "changeit"  # noqa: S105 - the JDK's published default


def current_keystore(environ: Mapping[str, str]) -> Keystore | None:
    """Return the keystore that a JVM trusts in this environment, or None if there is no JDK."""
    values = (environ.get(name, "") for name in JAVA_OPTIONS_VARIABLES)
    pairs = (option.partition("=") for value in values for option in _split_options(value))
    options = {name: value for name, _, value in pairs}
    if path := options.get("-Djavax.net.ssl.trustStore"):
        return Keystore(Path(path), options.get("-Djavax.net.ssl.trustStorePassword", ""))
    candidates = (home / name for home in _jdk_homes(environ) for name in _JDK_TRUST_STORES)
    return next((Keystore(path) for path in candidates if path.is_file()), None)


def _split_options(options: str) -> list[str]:
    """Return the single options of a JAVA_TOOL_OPTIONS; none if a quote is not closed."""
    try:
        return shlex.split(options)
    except ValueError:
        return []  # the JVM refuses to start with it anyway


def read_keystore(keystore: Keystore) -> list[bytes]:
    """Return the trusted certificates of a JKS or PKCS12 file, as PEM.

    Raises OSError if the file cannot be read, ValueError if it is neither or the password is wrong.
    """
    data = keystore.path.read_bytes()
    if data.startswith(_JKS):
        return [ssl.DER_cert_to_PEM_cert(der).encode().strip() for der in _jks_entries(data)]
    with warnings.catch_warnings(action="ignore"):  # old roots have serial numbers of zero
        store = pkcs12.load_pkcs12(data, keystore.password.encode() or None)
        trusted = [entry.certificate for entry in store.additional_certs]
        return [certificate.public_bytes(Encoding.PEM).strip() for certificate in trusted]


def pkcs12_truststore(certificates: Iterable[bytes]) -> bytes:
    """Return PEM certificates as a PKCS12 trust store that every JVM reads without a password."""
    with warnings.catch_warnings(action="ignore"):
        entries = [
            pkcs12.PKCS12Certificate(certificate, f"trusted-{number}".encode())
            for number, certificate in enumerate(_loadable(certificates))
        ]
        return pkcs12.serialize_java_truststore(entries, NoEncryption())


def _loadable(certificates: Iterable[bytes]) -> Iterator[x509.Certificate]:
    for certificate in certificates:
        try:
            yield x509.load_pem_x509_certificate(certificate)
        except ValueError:
            continue  # Java could not read it either


def _jdk_homes(environ: Mapping[str, str]) -> Iterator[Path]:
    if home := environ.get("JAVA_HOME"):
        yield Path(home)
    if launcher := shutil.which("java", path=environ.get("PATH")):
        yield Path(launcher).resolve().parent.parent


def _jks_entries(data: bytes) -> Iterator[bytes]:
    """Yield the certificates of a JKS file, as DER (layout: sun.security.provider.JavaKeyStore).

    Raises ValueError if the file is cut off or holds private keys.
    """
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


STANDARD = ""
"""Stands for the trust store of the machine in place of a path."""

# Bundles of distributions, for an OpenSSL that was built with another prefix.
_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
_CERTIFICATE = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.+?-----END \1-----", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class TrustStores:
    """Writes trust stores to `directory`, readable only by the owner; `ca` is our CA, as PEM."""

    directory: Path
    ca: Path

    def pem_bundle(self, sources: Iterable[str]) -> Path:
        """Return a PEM file with all certificates of `sources` and our CA.

        A source is a file, a directory or `STANDARD`. Raises OSError if one cannot be read.
        """
        return self.write(b"\n".join([*self._certificates(sources), b""]), "bundle", ".pem")

    def pem_bundle_or_standard(self, sources: Iterable[str]) -> tuple[Path, str]:
        """Return a bundle as `pem_bundle` does, and a warning.

        If a source cannot be read, the bundle is that of `STANDARD`; else the warning is empty.
        """
        try:
            return self.pem_bundle(sources), ""
        except OSError as error:
            return self.pem_bundle((STANDARD,)), unreadable_warning(error.filename, error)

    def java_truststore(self, keystore: Keystore | None) -> Path:
        """Return a PKCS12 trust store without a password: `keystore`, or `STANDARD`, and our CA.

        Raises OSError or ValueError if `keystore` cannot be read.
        """
        if keystore:
            certificates = [*read_keystore(keystore), *self._certificates(())]
        else:
            certificates = self._certificates((STANDARD,))
        return self.write(pkcs12_truststore(certificates), "java", ".p12")

    def _certificates(self, sources: Iterable[str]) -> list[bytes]:
        trusted = [certificate for path in sources for certificate in certificates(path)]
        return list(dict.fromkeys([*trusted, *certificates(str(self.ca))]))

    def write(self, content: bytes, kind: str, suffix: str) -> Path:
        """Write a file that only the owner can read, named for its content, and return its path.

        A `suffix` with a slash puts the file into a folder of its own.
        """
        path = self.directory / f"{kind}-{hashlib.sha256(content).hexdigest()[:12]}{suffix}"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(content)
        return path


def unreadable_warning(path: object, error: Exception) -> str:
    """Return the warning about a trust store of the user that could not be read."""
    return f"{path}: {error}; the command gets the standard trust store in its place"


def certificates(path: str) -> list[bytes]:
    """Return the PEM certificates in a file, in the files of a directory, or in `STANDARD`.

    Raises OSError if a file cannot be read.
    """
    if path == STANDARD:
        # Some clients trust the system's store, others certifi's; this returns both.
        stores = (*_system_stores(), certifi.where())
        return [certificate for store in stores for certificate in certificates(store)]
    source = Path(path)
    files = sorted(filter(Path.is_file, source.iterdir())) if source.is_dir() else [source]
    return [match[0] for file in files for match in _CERTIFICATE.finditer(file.read_bytes())]


def _system_stores() -> list[str]:
    """Return the first bundle that exists, or else the directory of OpenSSL."""
    built_in = ssl.get_default_verify_paths()
    stores = (built_in.openssl_cafile, *_SYSTEM_BUNDLES, built_in.openssl_capath)
    return [path for path in stores if Path(path).exists()][:1]
