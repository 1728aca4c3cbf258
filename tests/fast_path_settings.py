"""Settings with the fast path, and without."""

from functools import partial

from pixel_emulator.runtime.settings import Settings

with_fast_path = partial(Settings, fast_path=True)
"""Plain requests are answered by the fast path."""

without_fast_path = partial(Settings, fast_path=False)
"""Every request is a flow."""
