"""Settings with the lane, and without."""

from dataclasses import dataclass

from pixel_emulator.config import Settings, _setting


@dataclass(frozen=True, slots=True, kw_only=True)
class WithLane(Settings):
    """Plain requests are answered by the lane."""

    lane: bool = _setting(True, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutLane(Settings):
    """Every request is a flow."""

    lane: bool = _setting(False, "")
