"""One run of the emulator for a command: journal, recording and proxy, put together."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import uuid4

from pixel_emulator.config import Settings
from pixel_emulator.core.calls import Dialect
from pixel_emulator.core.mistakes import InputError, Mistake
from pixel_emulator.core.recording import Head, Redaction
from pixel_emulator.files import Recorder
from pixel_emulator.journal import Journal, utc_now

if TYPE_CHECKING:
    from pixel_emulator.proxy import Emulator


@contextmanager
def emulation(settings: Settings) -> "Iterator[tuple[Journal, Emulator]]":
    """A running emulator; at the end it is stopped and its recording is finished.

    Raises InputError where the recording cannot be written, the port is taken, or mitmproxy is
    not installed.
    """
    try:
        from pixel_emulator.proxy import Emulator  # noqa: PLC0415 - it takes half a second
    except ModuleNotFoundError as error:
        raise InputError(
            Mistake(
                f"this command needs mitmproxy, and {error.name} is not installed: "
                "type `uv tool install 'pixel-emulator[proxy]'`"
            )
        ) from None
    journal = Journal(settings, recorder=_recorder(settings))
    try:
        with Emulator(settings, journal) as emulator:
            yield journal, emulator
    finally:
        journal.close()


def _recorder(settings: Settings) -> Recorder | None:
    if not settings.record:
        return None
    head = Head(
        created=utc_now(),
        run=uuid4().hex,
        tool=version("pixel-emulator"),
        dialect=Dialect(settings.dialect),
        redaction=Redaction.NONE if settings.keep_write_keys else Redaction.WRITE_KEYS,
    )
    return Recorder(settings.record, head, known=settings.sources())
