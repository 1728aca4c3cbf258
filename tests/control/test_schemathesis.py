"""schemathesis finds no difference between the OpenAPI description and the server."""

import subprocess
from pathlib import Path

import pytest

from tests.programs import SCHEMATHESIS, needs_schemathesis

# What no JSON Schema can say has a status in the description: 422 for a scenario with a mistake,
# such as an undeclared variable, and 400 for a wait without a scenario and without a cursor.
# A wait is short: nothing arrives.
CONFIG = """
[[operations]]
include-operation-id = "verify"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422"]

[[operations]]
include-operation-id = "wait"
parameters = { timeout = 0.01 }
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "404", "409", "422"]

[[operations]]
include-operation-id = "drain"
parameters = { timeout = 0.01 }
"""


@needs_schemathesis
@pytest.mark.thorough
def test_the_description_and_the_server_agree(control, tmp_path: Path):
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", str(config), "run"),
            *(f"{control.url}/openapi.json", "-H", f"Authorization: Bearer {control.token}"),
            *("--max-examples", "30", "--seed", "1", "--no-color", "--request-timeout", "20"),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 22" in done.stdout  # none was left out
    assert "Failures:" not in done.stdout
