"""Trust stores as PEM files, theirs plus ours: what a client trusted before, and our CA."""

import hashlib
import os
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import certifi

from pixel_emulator.trust import java as java_trust

STANDARD = ""
"""Stands for the trust store of the machine where a path to another one might stand."""

# Where distributions keep their bundle, for an OpenSSL that was built with another prefix.
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
    """Makes trust stores in `directory`, readable by their owner only; `ca` is ours, as PEM."""

    directory: Path
    ca: Path

    def pem(self, theirs: Iterable[str]) -> Path:
        """A bundle of all certificates of `theirs` (files, directories or `STANDARD`) and ours.

        Raises OSError where one of them cannot be read.
        """
        return self.write(b"\n".join([*self._certificates(theirs), b""]), "bundle", ".pem")

    def pem_or_standard(self, theirs: Iterable[str]) -> tuple[Path, str]:
        """Return such a bundle, and a warning; of `STANDARD` if one of theirs cannot be read."""
        try:
            return self.pem(theirs), ""
        except OSError as error:
            return self.pem((STANDARD,)), unreadable(error.filename, error)

    def java(self, theirs: java_trust.Keystore | None) -> Path:
        """A PKCS12 trust store without a password: `theirs`, or else `STANDARD`, and ours.

        Raises OSError or ValueError where `theirs` cannot be read.
        """
        if theirs:
            certificates = [*java_trust.read(theirs), *self._certificates(())]
        else:
            certificates = self._certificates((STANDARD,))
        return self.write(java_trust.write(certificates), "java", ".p12")

    def _certificates(self, theirs: Iterable[str]) -> list[bytes]:
        found = [certificate for path in theirs for certificate in certificates(path)]
        return list(dict.fromkeys([*found, *certificates(str(self.ca))]))

    def write(self, content: bytes, kind: str, suffix: str) -> Path:
        """Return a file with this content and a name of its own, which its owner alone can read.

        A `suffix` with a slash puts it into a folder of its own.
        """
        path = self.directory / f"{kind}-{hashlib.sha256(content).hexdigest()[:12]}{suffix}"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(content)
        return path


def unreadable(path: object, error: Exception) -> str:
    """Return the warning about a trust store of the user's that could not be read."""
    return f"{path}: {error}; the command gets the standard trust store in its place"


def certificates(path: str) -> list[bytes]:
    """The PEM certificates in a file, in the files of a directory, or in the `STANDARD` store."""
    if path == STANDARD:
        # Clients differ on whether they trust the system or certifi; here it is both.
        found = (certificates(each) for each in (*_system_stores(), certifi.where()))
        return [certificate for each in found for certificate in each]
    place = Path(path)
    files = sorted(filter(Path.is_file, place.iterdir())) if place.is_dir() else [place]
    return [match[0] for file in files for match in _CERTIFICATE.finditer(file.read_bytes())]


def _system_stores() -> list[str]:
    """The first bundle that exists, or else the directory of OpenSSL."""
    built_in = ssl.get_default_verify_paths()
    stores = (built_in.openssl_cafile, *_SYSTEM_BUNDLES, built_in.openssl_capath)
    return [path for path in stores if Path(path).exists()][:1]
