"""The wire of a request in the words of `request:`: host, path, form, who fetched it, and how."""

from pixel_emulator.core.calls import Hit, Payload


def wire_facts(hit: Hit) -> Payload:
    """What the fields under `request` are compared with."""
    request, call = hit.request, hit.call
    facts: Payload = {
        "host": request.host,
        "path": request.path.decode(errors="replace"),
        "user_agent": request.header("user-agent"),
        "referer": request.header("referer"),
        "http": request.http_version,
    }
    if call is not None:
        facts |= {"form": call.form.value, "padded": call.padded}
        if call.alphabet is not None:
            facts["alphabet"] = call.alphabet.value
    return facts
