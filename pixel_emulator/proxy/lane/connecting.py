"""Reads a CONNECT that asks for nothing but a tunnel."""

import re
from dataclasses import dataclass

from mitmproxy.net.http import url

from pixel_emulator.proxy.lane.fields import Fields
from pixel_emulator.proxy.lane.reader import END

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

_LINE = re.compile(rb"CONNECT (?P<authority>[!-~]+) HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class Connect:
    """Where a tunnel shall lead, and what the client has already said into it."""

    host: str
    port: int
    said: bytes

    @classmethod
    def read(cls, data: bytes) -> "Connect | None":
        """The CONNECT that `data` begins with; None if there is none, or a body belongs to it."""
        head, _, said = data.partition(END)
        head += b"\r\n"
        line = _LINE.match(head)
        if line is None or Fields.read(head[line.end() :]) is None:
            return None
        try:
            host, port = url.parse_authority(line["authority"], check=True)
        except ValueError:
            return None
        # Some clients send empty lines behind a CONNECT, which mitmproxy drops, too.
        return cls(host, port, said.lstrip(b"\r\n")) if port else None
