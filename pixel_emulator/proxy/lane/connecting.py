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
    """Where a tunnel shall lead, what the client has already said into it, and its User-Agent."""

    host: str
    port: int
    said: bytes
    agent: str = ""

    @classmethod
    def read(cls, data: bytes) -> "Connect | None":
        """The CONNECT that `data` begins with; None if there is none, or a body belongs to it."""
        head, end, said = data.partition(END)
        head += b"\r\n"
        line = _LINE.match(head) if end else None
        fields = Fields.read(head[line.end() :]) if line else None
        if line is None or fields is None:
            return None
        try:
            host, port = url.parse_authority(line["authority"], check=True)
        except ValueError:
            return None
        # Some clients send empty lines behind a CONNECT, which mitmproxy drops, too.
        # And mitmproxy joins the values of fields that are repeated.
        agent = b", ".join(fields.values(b"user-agent")).decode("utf-8", "surrogateescape")
        return cls(host, port, said.lstrip(b"\r\n"), agent) if port else None
