"""The wire of a request in the words of `request:`: host, path, form, who fetched it, and how."""

from pixel_emulator.core.model import Hit, Payload
from pixel_emulator.core.scenarios.fetchers import fetched_by


def wire_facts(hit: Hit) -> Payload:
    """What the fields under `request` are compared with; what the request does not say is absent.

    `host` has the port behind it where the client wrote one; `alphabet` and `padded` are those of
    the base64 form.
    """
    request, call = hit.request, hit.call
    client, fetch = fetched_by(request)
    facts: Payload = {
        "host": request.host,
        "path": request.path.decode(errors="replace"),
        "form": call.form.value if call else None,
        "alphabet": call.alphabet.value if call and call.alphabet else None,
        "padded": call.padded if call else None,
        "user_agent": request.header("user-agent"),
        "referer": request.header("referer"),
        "client": client,
        "fetch": fetch.value,
        "http": request.http_version,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}
