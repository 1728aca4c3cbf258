"""`scenario new` and `scenario update`: scenarios written from what happened."""


def new() -> int:
    """To be written."""
    raise NotImplementedError


def update() -> int:
    """To be written."""
    raise NotImplementedError
