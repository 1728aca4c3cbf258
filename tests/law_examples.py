"""How many examples Hypothesis tries: all with `--thorough`, a fifth without."""

import hypothesis


def examples(number: int) -> hypothesis.settings:
    """Return settings with *number* examples with `--thorough`, and with a fifth of them without.

    The profile is that of `tests/conftest.py`.
    """
    fast = hypothesis.settings.get_current_profile_name() == "fast"
    return hypothesis.settings(max_examples=max(number // 5, 10) if fast else number)
