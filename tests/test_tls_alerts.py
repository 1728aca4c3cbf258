"""Each alert has a name and reasons, whatever version of OpenSSL words it."""

import pytest

from pixel_emulator.runtime.gaps import alert_in, reasons_of, refusal


@pytest.mark.parametrize(
    ("text", "alert"),
    [
        ("tlsv1 alert unknown ca", "unknown_ca"),
        ("sslv3 alert bad certificate", "bad_certificate"),
        ("ssl/tls alert certificate expired", "certificate_expired"),
        ("tls alert certificate unknown", "certificate_unknown"),
        ("tlsv1 unrecognized name", "unrecognized_name"),
        ("tlsv13 alert certificate required", "certificate_required"),
        ("OpenSSL Error([('SSL routines', '', 'tlsv1 alert decode error')])", "decode_error"),
        ("The client may not trust the proxy (ssl/tls alert bad certificate)", "bad_certificate"),
        ("no shared cipher", ""),
        ("tls illegal exporter label", ""),
        ("", ""),
    ],
)
def test_the_alert_in_what_openssl_says(text, alert):
    assert alert_in(text) == alert


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        ("unknown_ca", "does not trust the CA"),
        ("bad_certificate", "malformed"),
        ("bad_certificate", "does not trust the CA"),
        ("decode_error", "malformed (clients on rustls say so of name constraints)"),
        ("certificate_expired", "its clock stands outside of the certificate's time"),
        ("certificate_unknown", "Java and Chromium"),
        ("protocol_version", "in common"),
        ("no_such_alert", "RFC 8446"),
    ],
)
def test_an_alert_has_reasons(alert, words):
    assert words in reasons_of(alert)


@pytest.mark.parametrize(
    ("alert", "failure", "words"),
    [
        ("unknown_ca", "tlsv1 alert unknown ca", "refused by the client with the alert unknown_ca"),
        ("", "no shared cipher", "failed, as OpenSSL says: no shared cipher"),
        ("", "", "refused by the client without an alert or a request"),
    ],
)
def test_what_became_of_a_handshake(alert, failure, words):
    assert refusal(alert, failure).startswith(words)
