"""TLS alerts with which clients refuse a server, and the reasons that they can have."""

import re

_UNTRUSTED = "it does not trust the CA of the emulator"
_CLOCK = "its clock stands outside of the certificate's time (a test may have set it)"
_MALFORMED = "it reads the certificate as malformed"
_NOTHING_COMMON = "it has no TLS version, cipher, curve or signature in common with the emulator"

# Where the reasons come from: RFC 8446, 6.2; OpenSSL's `ssl_x509err2alert` (a certificate that is
# not valid yet, or for another name, is bad_certificate); rustls' `AlertDescription` of a
# `CertificateError` (BadEncoding, as for name constraints that it cannot read, is decode_error;
# a certificate not valid yet is certificate_expired); Go's crypto/tls, which says bad_certificate
# whatever is wrong; NSS with mozilla::pkix, which says it of what it cannot read; Java's PKIX and
# BoringSSL, which say certificate_unknown of a CA that they do not know.
_REASONS = {
    "access_denied": "the program refuses the certificate, although its TLS accepts it (pinning)",
    "bad_certificate": f"{_UNTRUSTED} (Go), or {_MALFORMED} (Firefox), or {_CLOCK}",
    "certificate_expired": f"{_CLOCK}, or it knows a CA of an emulator that has ended",
    "certificate_revoked": "it takes the certificate for revoked",
    "certificate_unknown": f"{_UNTRUSTED} (Java and Chromium say no more), or the program refuses "
    "the certificate",
    "decode_error": f"{_MALFORMED} (clients on rustls say so of name constraints)",
    "handshake_failure": _NOTHING_COMMON,
    "illegal_parameter": _MALFORMED,
    "insufficient_security": _NOTHING_COMMON,
    "internal_error": f"an error of its own, or {_UNTRUSTED}",
    "no_application_protocol": "it wants a protocol (ALPN) that the emulator does not speak",
    "protocol_version": _NOTHING_COMMON,
    "unknown_ca": _UNTRUSTED,
    "unrecognized_name": "it expects a certificate for another name",
    "unsupported_certificate": "it does not take this kind of key, signature or extension in a "
    "certificate",
}
_OTHER = f"RFC 8446, section 6, says what it means; most often {_UNTRUSTED}"

# OpenSSL, by version, has "tlsv1 alert unknown ca", "ssl/tls alert bad certificate", "tls alert
# certificate unknown", and "tlsv1 unrecognized name".
_ALERT = re.compile(r"\b(?:(?:sslv3|ssl/tls|tls|tlsv1|tlsv13) alert|tlsv13?) ([a-z ]+)")


def alert_in(text: str) -> str:
    """Return the alert that OpenSSL names in `text`, such as `unknown_ca`; empty for none."""
    found = _ALERT.search(text)
    return found[1].strip().replace(" ", "_") if found else ""


def reasons_of(alert: str) -> str:
    """Return why a client may send this alert, in words that go on from `the client …:`."""
    return _REASONS.get(alert, _OTHER)


def refusal(alert: str, failure: str = "") -> str:
    """Return what a client did to a handshake, and why it may have done so.

    Without an alert it is a `failure` of both, in OpenSSL's words, or the client just left.
    """
    if alert:
        return f"refused by the client with the alert {alert}: {reasons_of(alert)}"
    if failure:
        return f"failed, as OpenSSL says: {failure}"
    return (
        f"refused by the client without an alert or a request: {_UNTRUSTED}, or the program "
        "refuses the certificate, or it closed a connection that it did not need"
    )
