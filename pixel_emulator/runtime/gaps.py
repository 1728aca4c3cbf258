"""Reasons why a run may have missed calls: refused handshakes, unread requests, own failures."""

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

_UNTRUSTED = "it does not trust the CA of the emulator"
_WRONG_CLOCK = "its clock stands outside of the certificate's time (a test may have set it)"
_MALFORMED = "it reads the certificate as malformed"
_NOTHING_COMMON = "it has no TLS version, cipher, curve or signature in common with the emulator"

# Sources of the reasons: RFC 8446, 6.2; OpenSSL's `ssl_x509err2alert` (a certificate that is
# not valid yet, or for another name, is bad_certificate); rustls' `AlertDescription` of a
# `CertificateError` (BadEncoding, as for name constraints that it cannot read, is decode_error;
# a certificate not valid yet is certificate_expired); Go's crypto/tls, which sends bad_certificate
# for every error; NSS with mozilla::pkix, which sends it for what it cannot parse; Java's PKIX and
# BoringSSL, which send certificate_unknown for an unknown CA.
_REASONS = {
    "access_denied": "the program refuses the certificate, although its TLS accepts it (pinning)",
    "bad_certificate": f"{_UNTRUSTED} (Go), or {_MALFORMED} (Firefox), or {_WRONG_CLOCK}",
    "certificate_expired": f"{_WRONG_CLOCK}, or it knows a CA of an emulator that has ended",
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
_OTHER_ALERT = f"RFC 8446, section 6, says what it means; most often {_UNTRUSTED}"

# Depending on its version, OpenSSL writes "tlsv1 alert unknown ca", "ssl/tls alert bad
# certificate", "tls alert certificate unknown", or "tlsv1 unrecognized name".
_ALERT = re.compile(r"\b(?:(?:sslv3|ssl/tls|tls|tlsv1|tlsv13) alert|tlsv13?) ([a-z ]+)")


def alert_in(text: str) -> str:
    """Return the alert that an OpenSSL message names, such as `unknown_ca`, or an empty string."""
    match = _ALERT.search(text)
    return match[1].strip().replace(" ", "_") if match else ""


def reasons_of(alert: str) -> str:
    """Return why a client may send this alert, as words that complete `the client …:`."""
    return _REASONS.get(alert, _OTHER_ALERT)


def refusal(alert: str, failure: str = "") -> str:
    """Return how a handshake ended, and why the client may have ended it.

    Without an alert, both sides failed to agree (`failure` is OpenSSL's message), or the client
    just disconnected.
    """
    if alert:
        return f"refused by the client with the alert {alert}: {reasons_of(alert)}"
    if failure:
        return f"failed, as OpenSSL says: {failure}"
    return (
        f"refused by the client without an alert or a request: {_UNTRUSTED}, or the program "
        "refuses the certificate, or it closed a connection that it did not need"
    )


@dataclass(frozen=True, slots=True)
class ClientHelloInfo:
    """Facts from a ClientHello; `number` counts the connections of an emulator.

    Clients of the same program have the same `fingerprint`. Clients with `retries` are browsers:
    they connect again once their user has accepted a certificate.
    """

    fingerprint: Hashable = ""
    retries: bool = False
    number: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failed TLS handshake: the alert of the client, or OpenSSL's message about the failure.

    With neither, the client closed the connection during the handshake or before its first request.
    """

    host: str
    client_hello: ClientHelloInfo
    alert: str = ""
    failure: str = ""

    @property
    def is_silent(self) -> bool:
        """True if neither side sent a reason."""
        return not (self.alert or self.failure)

    def __str__(self) -> str:
        return f"for {self.host} {refusal(self.alert, self.failure)}"


class Gaps:
    """Reasons to doubt that all calls are known. A journal guards it with its lock."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._interruptions: list[str] = []
        self._unread = 0
        self._too_large = 0
        self._refusals: dict[tuple[str, Hashable, str, str], _RefusalCount] = {}
        self._reached: set[tuple[str, Hashable]] = set()

    def handshake_refused(self, refusal: Refusal) -> bool:
        """Note a failed handshake; return True if it counts as a gap for now.

        Browsers close spare connections without an alert. Such a handshake is no gap if the same
        client gets a request through to the host before or after it. A handshake with an alert is a
        gap unless a browser gets a request through on a later connection.
        """
        host, client_hello = refusal.host, refusal.client_hello
        if refusal.is_silent and (host, client_hello.fingerprint) in self._reached:
            return False
        key = (host, client_hello.fingerprint, refusal.alert, refusal.failure)
        counted = self._refusals.setdefault(key, _RefusalCount(refusal))
        counted.number += 1
        counted.last = refusal
        return True

    def reached(self, host: str, client_hello: ClientHelloInfo) -> None:
        """Note a request for `host`: this client accepts our CA after all."""
        self._reached.add((host, client_hello.fingerprint))
        for key, counted in tuple(self._refusals.items()):
            if key[:2] == (host, client_hello.fingerprint) and counted.is_forgiven_by(client_hello):
                del self._refusals[key]

    def interrupted(self, reason: str) -> None:
        """Note why calls may be missing. `reason` is a sentence without a full stop."""
        if reason not in self._interruptions:
            self._interruptions.append(reason)

    def unread(self, *, too_large: bool = False) -> None:
        """Note a request that could not be read."""
        if too_large:
            self._too_large += 1
        else:
            self._unread += 1

    def sentences(self, calls: int, *, forgotten: int = 0) -> tuple[str, ...]:
        """Return one sentence for each reason.

        `calls` is the number of calls so far, `forgotten` the number of those whose messageIds are
        no longer in memory.
        """
        counts: Counter[str] = Counter()
        for counted in self._refusals.values():
            counts[str(counted.last)] += counted.number
        sentences = [
            f"{_count(calls, 'call')}, {_count(number, 'TLS handshake')} {words}"
            for words, number in sorted(counts.items())
        ]
        if self._unread:
            sentences.append(_unread(self._unread, "could not be read (answered 400, or cut off)"))
        if self._too_large:
            sentences.append(_unread(self._too_large, "had too large a head (answered 431)"))
        if forgotten:
            sentences.append(_forgotten(forgotten))
        return (*sentences, *self._interruptions, *self.failures)


@dataclass(slots=True)
class _RefusalCount:
    """Number of refusals of one kind, and the last of them."""

    last: Refusal
    number: int = 0

    def is_forgiven_by(self, client_hello: ClientHelloInfo) -> bool:
        if self.last.is_silent:
            return True
        is_later = client_hello.number > self.last.client_hello.number
        return bool(self.last.alert) and client_hello.retries and is_later


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _unread(number: int, why: str) -> str:
    calls = "its call is" if number == 1 else "their calls are"
    return f"{_count(number, 'request')} {why}: {calls} unknown"


def _forgotten(number: int) -> str:
    return (
        f"the first {_count(number, 'messageId')} of this run are forgotten (`max_calls`): a "
        "duplicate of one of them is not noticed"
    )
