"""What a decoder is: it reads the calls that a request carries."""

from typing import NamedTuple, Protocol

from pixel_emulator.core.model import Call, Dialect, HttpRequest


class DecodedCall(NamedTuple):
    """A decoded call and the JSON text of its payload.

    The text is empty if there is none, and if it has escapes. So a text that is not empty contains
    each string of the payload as it is.
    """

    call: Call
    text: str = ""


class Decoder(Protocol):
    """Reads the calls of requests. Each decoder is a folder of its own, and rows in `routes`."""

    @property
    def wants_body(self) -> bool:
        """True if the calls are in the body of a request; otherwise no body is read."""

    @property
    def wants_authorization(self) -> bool:
        """True if the write key may be in the header `Authorization`; otherwise it is not read."""

    def decode(self, request: HttpRequest, dialect: Dialect) -> tuple[DecodedCall, ...]:
        """Return the calls of a request, in order. Never raises, whatever the request holds.

        A decoder that wants a body is not asked about a request without one.
        """
