"""Our own certificate authority: short-lived, private to one run, valid for our hosts only."""

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
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from mitmproxy import certs, ctx, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy import context
from mitmproxy.proxy.layers import modes
from OpenSSL import SSL

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.proxy.connections import ClientTls
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
    def create(cls, directory: Path, hosts: Iterable[str]) -> "CertificateAuthority":
        """Make a CA for `hosts` and the loopback, in files that only their owner can read.

        Raises OSError if `directory` cannot be written, InputError for an invalid host.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        with real_datetime():
            ca = _certificate(key, hosts)
            _ = ca.not_valid_after_utc  # looks the class datetime up, too
        certificate = ca.public_bytes(serialization.Encoding.PEM)
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
    identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (
        (x509.SubjectAlternativeName(general), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
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


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)  # an older file may be readable by others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


_MAX_CONTEXTS = 256
"""TLS contexts that are kept, as many as mitmproxy keeps certificates."""


class TlsContexts(tlsconfig.TlsConfig):
    """mitmproxy's TlsConfig, with one TLS context for each name.

    TlsConfig has one context for all names and gives each connection its certificate and key, which
    OpenSSL then parses again. Sessions are resumed by their context, here as there.
    """

    name = "tlsconfig"

    def __init__(self) -> None:
        super().__init__()
        self._contexts: dict[tuple[str, str | None], SSL.Context] = {}

    def tls_start_client(self, tls_start: tls.TlsData) -> None:
        client, server = tls_start.conn, tls_start.context.server
        if tls_start.ssl_conn is not None or tls_start.is_dtls or client.cipher_list:
            super().tls_start_client(tls_start)
            return
        name = client.sni or client.sockname[0] if client.sockname else ""
        address = server.address[0] if server.address else None
        tls_context = self._contexts.get((name, address))
        if tls_context is None:
            if len(self._contexts) >= _MAX_CONTEXTS:
                self._contexts.clear()
            tls_context = self._contexts[name, address] = self._context(tls_start.context)
        outer = tls_start.context.layers
        # No HTTP/2 for a CONNECT: mitmproxy does not support it.
        is_https_proxy = len(outer) == 2 and isinstance(outer[0], modes.HttpProxy)
        tls_start.ssl_conn = ClientTls(tls_context)
        tls_start.ssl_conn.set_app_data(
            tlsconfig.AppData(
                client_alpn=b"http/1.1" if is_https_proxy else client.alpn,
                server_alpn=server.alpn,
                http2=ctx.options.http2,
            )
        )
        tls_start.ssl_conn.set_accept_state()

    def get_cert(self, conn_context: context.Context) -> certs.CertStoreEntry:
        """Return a certificate of our CA for the names that a client may use.

        mitmproxy's has a common name, which keeps an IPv4 address from being permitted by a CA
        that Firefox and rustls can read, and is valid for a year, longer than our CA.
        """
        client, server, store = conn_context.client, conn_context.server, self.certstore
        names = [client.sni or client.sockname[0], *(server.address or ())[:1]]
        leaf = leaf_certificate(store.default_ca.to_cryptography(), store.default_privatekey, names)
        return certs.CertStoreEntry(
            certs.Cert(leaf),
            store.default_privatekey,
            store.default_chain_file,
            store.default_chain_certs,
        )

    def _context(self, conn_context: context.Context) -> SSL.Context:
        entry = self.get_cert(conn_context)
        lowest = net_tls.Version[ctx.options.tls_version_client_min]
        # Without its cache: a cached context is shared, and cannot be changed after use.
        tls_context: SSL.Context = net_tls.create_client_proxy_context.__wrapped__(
            method=net_tls.Method.TLS_SERVER_METHOD,
            min_version=lowest,
            max_version=net_tls.Version[ctx.options.tls_version_client_max],
            cipher_list=tlsconfig._default_ciphers(lowest),  # noqa: SLF001 - TlsConfig's own
            ecdh_curve=net_tls.get_curve(ctx.options.tls_ecdh_curve_client),
            chain_file=entry.chain_file,
            request_client_cert=ctx.options.request_client_cert,
            alpn_select_callback=tlsconfig.alpn_select_callback,
            extra_chain_certs=(),
            dhparams=self.certstore.dhparams,
        )
        tls_context.use_certificate(entry.cert.to_cryptography())
        tls_context.use_privatekey(entry.privatekey)
        return tls_context
