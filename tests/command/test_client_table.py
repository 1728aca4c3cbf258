"""The table of `docs/clients.md`, against the clients themselves."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client_programs import PROGRAMS, missing
from tests.programs import needs_namespaces

pytestmark = pytest.mark.thorough

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
_ROW = re.compile(
    r"^\| (?P<clients>.+?) \| .+? \| (?P<proxy>yes|no) \| (?P<ca>yes|no|-) \|", re.MULTILINE
)


def rows() -> dict[str, tuple[str, str]]:
    """The columns proxy and CA of the page's table, by client.

    `Node 24: fetch, got` stands for `Node 24: fetch` and `Node 24: got`.
    """
    results = {}
    for row in _ROW.finditer(PAGE.read_text(encoding="utf-8")):
        first, colon, others = row["clients"].partition(": ")
        for name in (others or first).split(", "):
            results[f"{first}{colon}{name}" if colon else name] = (row["proxy"], row["ca"])
    return results


@pytest.fixture(scope="module")
def observed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[str, str, str]]:
    """What each client under test did, on a network without a route.

    Whether it sees the proxy, whether it trusts the CA, and what stderr said.
    """
    cases = [getattr(item, "callspec", None) for item in request.session.items]
    clients = [case.params["client"] for case in cases if case and "client" in case.params]
    here = sorted(client for client in {*clients} & {*PROGRAMS} if not missing(client))
    ours = [sys.executable, "-m", "tests.client_runs", str(tmp_path_factory.mktemp("clients"))]
    ran = subprocess.run(
        ["unshare", "-rn", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *ours, *here],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
    )
    lines = map(json.loads, ran.stdout.splitlines())
    return {client: (proxy, ca, said) for client, proxy, ca, said in lines}


@pytest.mark.parametrize("client", sorted(PROGRAMS))
@needs_namespaces
def test_the_table_is_right_about(client: str, observed: dict[str, tuple[str, str, str]]):
    if needed := missing(client):
        pytest.skip(f"needs {needed} (see tests/client_programs.py)")
    proxy, ca, said = observed[client]
    assert (proxy, ca) == rows()[client], said


def test_the_table_has_each_client_that_is_tested_and_no_other():
    assert sorted(rows()) == sorted(PROGRAMS)
