"""TLS towards clients, as mitmproxy sets it up, with all that is alike made once."""

from mitmproxy import certs, ctx, tls
from mitmproxy.addons import tlsconfig
from mitmproxy.net import tls as net_tls
from mitmproxy.proxy import context
from mitmproxy.proxy.layers import modes
from OpenSSL import SSL

from pixel_emulator.proxy.authority import leaf_certificate
from pixel_emulator.proxy.client_tls import ClientTls

_MOST = 256
"""Names that a context is kept for, as many as mitmproxy keeps."""


class Certificates(tlsconfig.TlsConfig):
    """mitmproxy's addon, with one TLS context for each name.

    It has one for all and hands each connection its certificate and key, which OpenSSL then parses
    anew. Sessions are resumed by their context, here as there.
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
        made = self._contexts.get((name, address))
        if made is None:
            if len(self._contexts) >= _MOST:
                self._contexts.clear()
            made = self._contexts[name, address] = self._context(tls_start.context)
        above = tls_start.context.layers
        # No HTTP/2 for a CONNECT: mitmproxy does not support it.
        is_https_proxy = len(above) == 2 and isinstance(above[0], modes.HttpProxy)
        tls_start.ssl_conn = ClientTls(made)
        tls_start.ssl_conn.set_app_data(
            tlsconfig.AppData(
                client_alpn=b"http/1.1" if is_https_proxy else client.alpn,
                server_alpn=server.alpn,
                http2=ctx.options.http2,
            )
        )
        tls_start.ssl_conn.set_accept_state()

    def get_cert(self, conn_context: context.Context) -> certs.CertStoreEntry:
        """Return a certificate of our own making for the names that a client may have meant.

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

    def _context(self, place: context.Context) -> SSL.Context:
        entry = self.get_cert(place)
        lowest = net_tls.Version[ctx.options.tls_version_client_min]
        # Past its cache: that one is shared, and may not be changed once it was used.
        made: SSL.Context = net_tls.create_client_proxy_context.__wrapped__(
            method=net_tls.Method.TLS_SERVER_METHOD,
            min_version=lowest,
            max_version=net_tls.Version[ctx.options.tls_version_client_max],
            cipher_list=tlsconfig._default_ciphers(lowest),  # noqa: SLF001 - its own choice
            ecdh_curve=net_tls.get_curve(ctx.options.tls_ecdh_curve_client),
            chain_file=entry.chain_file,
            request_client_cert=ctx.options.request_client_cert,
            alpn_select_callback=tlsconfig.alpn_select_callback,
            extra_chain_certs=(),
            dhparams=self.certstore.dhparams,
        )
        made.use_certificate(entry.cert.to_cryptography())
        made.use_privatekey(entry.privatekey)
        return made
