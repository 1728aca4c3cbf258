"""One emulator with its control API for the tests of a module; each test opens its own session."""

import itertools

import pytest

from tests.control_client import client_of, controlled

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def running():
    """The emulator and its control API."""
    with controlled() as both:
        yield both


@pytest.fixture
def emulator(running):
    return running[0]


@pytest.fixture
def control(running):
    return running[1]


@pytest.fixture
def http(control):
    """A client that knows the token."""
    with client_of(control) as client:
        yield client


@pytest.fixture
def session(http):
    """Return the description of a new session."""
    answer = http.post("/sessions", json={"name": f"test-{next(NUMBERS)}"})
    assert answer.status_code == 201
    return answer.json()
