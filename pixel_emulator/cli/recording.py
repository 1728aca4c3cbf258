"""`recording show` and `recording state`: what a recording holds, and what it means."""


def show() -> int:
    """To be written."""
    raise NotImplementedError


def state() -> int:
    """To be written."""
    raise NotImplementedError
