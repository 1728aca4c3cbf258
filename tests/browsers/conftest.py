"""One running `pixel-emulator serve`, and one small site, for the tests of a module."""

import json
import subprocess

import pytest

from tests.pixel_site import site as small_site
from tests.programs import SERVE


@pytest.fixture(scope="module")
def site():
    """The URL of the site."""
    with small_site() as url:
        yield url


@pytest.fixture(scope="module")
def served():
    """What the ready line of the emulator says."""
    with subprocess.Popen(SERVE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()
