"""The recording behind a journal: written to until that fails, read where memory has no room."""

from collections.abc import Iterator
from typing import Protocol

from pixel_emulator.core.model import Hit
from pixel_emulator.core.recordings.recording import End


class RecordingChangedError(OSError):
    """Another program has deleted, moved, replaced or changed the recording; each argument is a
    sentence about it."""


class Recorder(Protocol):
    """What a journal writes to; `append` and `close` raise OSError where that fails."""

    @property
    def masks(self) -> bool:
        """Whether write keys are masked in what is written."""

    @property
    def put_back(self) -> bool:
        """True once an earlier recording is back in the file, because no call arrived."""

    def append(self, *hits: Hit) -> None:
        """Hand hits to the operating system, all with one write."""

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """The hits from number `start` to before `end`, as they were written.

        Raises InputError where they cannot be read.
        """

    def close(self, end: End) -> None:
        """Write the end of the recording and close it.

        Raises RecordingChangedError if the file is not as it was left.
        """

    def abandon(self) -> None:
        """Close the recording without an end."""


class Storage:
    """A recorder, or none. What fails is returned as sentences; a journal guards it."""

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self._open = recorder is not None

    @property
    def keeps(self) -> bool:
        """Whether what was written can be read."""
        return self._recorder is not None

    @property
    def masks(self) -> bool:
        """Whether what is read has its write keys masked."""
        return self._recorder is not None and self._recorder.masks

    @property
    def put_back(self) -> bool:
        """True once an earlier recording is back in the file, because no call arrived."""
        return self._recorder is not None and self._recorder.put_back

    def write(self, hits: list[Hit]) -> Iterator[str]:
        """Write hits down; after a failure nothing more: a hole would be seen by nobody."""
        if self._recorder is None or not self._open:
            return
        try:
            self._recorder.append(*hits)
        except OSError as error:
            self._recorder.abandon()
            self._open = False
            for hit in hits:
                yield f"call #{hit.seq} could not be recorded: {error}"

    def read(self, start: int, end: int) -> tuple[Hit, ...]:
        """The hits from number `start` to before `end`. Raises InputError."""
        return self._recorder.read(start, end) if self._recorder else ()

    def close(self, end: End) -> Iterator[str]:
        """End the recording, if it is open."""
        if self._recorder is None or not self._open:
            return
        self._open = False
        try:
            self._recorder.close(end)
        except RecordingChangedError as changed:
            yield from map(str, changed.args)
        except OSError as error:
            yield f"the end of the recording could not be written: {error}"
