#!/usr/bin/env bash
# Flask-Mail sends a pixel's long line as it is, and importing it makes MIMEText do so, too.
#
# Versions: PyPI Flask-Mail 0.10.0, Django 5.2.19; Python's email package. Seen on 2026-11-30.
# Guess:    a mail library keeps to the 998 octets that a line may have; an import changes nothing
#           in the standard library.
# Seen:     Flask-Mail writes one line of 1,267 octets as 7bit or, with an é in the text, as 8bit.
#           MIMEText of a text with é is base64 before `import flask_mail` and 8bit after it, for the
#           whole process. Django and EmailMessage encode the line.
# Matters:  relays cut such a line in the middle of the base64 (postfix puts CRLF and a blank after
#           octet 998) or bounce the mail. A catcher in a test shows it whole: it never meets a relay.
# Source:   `flask_mail/__init__.py` calls `charset.add_charset("utf-8", SHORTEST, None, "utf-8")`, which is
#           global; Django's `SafeMIMEText` looks for lines over 998.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq Flask-Mail==0.10.0 Django==5.2.19

cat >"$tmp/run.py" <<'PY'
import email
from email.message import EmailMessage
from email.mime.text import MIMEText

import django.conf, django.core.mail

pixel = f'<img src="https://api.segment.io/v1/pixel/track?data={"eyJh" * 300}">'
addresses = "shop@shop.example", ["reader@reader.example"]

def with_email_message(html):
    mail = EmailMessage()
    mail.set_content(html, subtype="html")
    return mail.as_bytes()

def with_django(html):
    mail = django.core.mail.EmailMessage("Sale", html, *addresses)
    mail.content_subtype = "html"
    return mail.message().as_bytes()

def with_flask_mail(html):
    import flask, flask_mail
    app = flask.Flask("shop")
    flask_mail.Mail(app)
    with app.app_context():
        return flask_mail.Message("Sale", sender=addresses[0], recipients=addresses[1], html=html).as_bytes()

def tell(name, make, text):
    mail = make(f"<p>{text}</p>{pixel}")
    html = next(part for part in email.message_from_bytes(mail).walk() if part.get_content_subtype() == "html")
    print(f"{name}, {text}: {html['Content-Transfer-Encoding']}, {max(map(len, mail.splitlines()))}")

django.conf.settings.configure()
tell("EmailMessage", with_email_message, "Hello")
tell("Django", with_django, "Hello")
tell("MIMEText", lambda html: MIMEText(html, "html").as_bytes(), "Café")
tell("Flask-Mail", with_flask_mail, "Hello")
tell("Flask-Mail", with_flask_mail, "Café")
tell("MIMEText after the import", lambda html: MIMEText(html, "html").as_bytes(), "Café")
PY
cat >"$tmp/expected" <<'TEXT'
EmailMessage, Hello: quoted-printable, 78
Django, Hello: quoted-printable, 76
MIMEText, Café: base64, 76
Flask-Mail, Hello: 7bit, 1267
Flask-Mail, Café: 8bit, 1267
MIMEText after the import, Café: 8bit, 1267
TEXT
PYTHONIOENCODING=utf-8 "$tmp/venv/bin/python" "$tmp/run.py" >"$tmp/seen"

echo "versions: Flask-Mail 0.10.0, Django 5.2.19, $("$tmp/venv/bin/python" --version)"
echo 'guess:    no line over 998'
echo 'seen (transfer encoding, longest line):'
cat "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
