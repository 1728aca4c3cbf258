"""A decoder that only tests have: `POST /v1/toy` with a JSON list of calls.

The write key of the calls is the user of Basic credentials. Tests also copy this file into a copy
of the package, as `core/endpoint/toy/decoder.py`, so it imports nothing from `tests`.
"""

import json
from base64 import b64decode
from dataclasses import dataclass

from pixel_emulator.core.endpoint.decoder import DecodedCall
from pixel_emulator.core.model import Call, CallType, Dialect, Form, HttpRequest, Payload
from pixel_emulator.core.problems.catalog import problem


@dataclass(frozen=True, slots=True)
class ToyDecoder:
    """The decoder; see `Decoder`."""

    wants_body = True
    wants_authorization = True

    def decode(self, request: HttpRequest, _dialect: Dialect) -> tuple[DecodedCall, ...]:
        """See `Decoder`. A body that is no list is one call without a payload."""
        try:
            items = json.loads(request.body)
        except ValueError:
            items = None
        if not isinstance(items, list):
            bad = problem("bad_request", cause="the body is no JSON list", advice="Send a list.")
            call = Call(type=CallType.TRACK, form=Form.JSON, payload=None, problems=(bad,))
            return (DecodedCall(call),)
        key = _user(request.authorization)
        return tuple(DecodedCall(_call(item, key)) for item in items if isinstance(item, dict))


def _call(item: Payload, key: str) -> Call:
    given: Payload = {"writeKey": key} if key else {}
    payload: Payload = {**given, **{name: item[name] for name in item if name != "type"}}
    return Call(type=CallType(str(item["type"])), form=Form.JSON, payload=payload)


def _user(authorization: str) -> str:
    try:
        return b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[0]
    except ValueError:
        return ""
