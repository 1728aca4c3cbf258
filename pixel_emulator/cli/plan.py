"""`plan infer` and `plan diff`: tracking plans, drafted and compared."""


def infer() -> int:
    """To be written."""
    raise NotImplementedError


def diff() -> int:
    """To be written."""
    raise NotImplementedError
