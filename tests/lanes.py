"""Settings with the lane, and without."""

from functools import partial

from pixel_emulator.runtime.settings import Settings

WithLane = partial(Settings, lane=True)
"""Plain requests are answered by the lane."""

WithoutLane = partial(Settings, lane=False)
"""Every request is a flow."""
