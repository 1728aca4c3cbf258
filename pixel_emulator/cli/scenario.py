"""`scenario check` and `scenario schema`: scenario files without a run."""


def check() -> int:
    """To be written."""
    raise NotImplementedError


def schema() -> int:
    """To be written."""
    raise NotImplementedError
