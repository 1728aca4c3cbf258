"""What actions know of an emulator, as values: where it is, what to trust, whom it plays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_HOST = re.compile(r"([^:@\s]+?)\.?(?::\d+)?")

WRITE_KEY = "wk_pixel_emulator"
"""The write key of a call that is sent without one, where no source was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How actions reach the emulator.

    `proxy` is its URL, `ca` the PEM file and `spki` the hash of its key that its clients trust,
    and `hosts` are emulated. `environ` is that of commands; `write_key` goes into calls that have
    none. `browser` opens mails; without one their images are fetched.
    """

    proxy: str
    ca: Path
    spki: str
    hosts: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    write_key: str = WRITE_KEY
    browser: Path | None = None

    def emulates(self, host: str) -> bool:
        """Whether a request for this host, perhaps with a port, ends at the emulator."""
        found = _HOST.fullmatch(host)
        return found is not None and found[1].lower() in map(str.lower, self.hosts)
