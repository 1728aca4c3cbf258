"""Load by wrk, written in C, for servers that are faster than our own client."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.benchmarks.client import CLIENTS, Load, Target
from tests.benchmarks.traffic import DIGITS, template

# wrk counts whole responses; the script makes each request, so all differ.
_SCRIPT = """
local digits = %(digits)s
local before, between, after = %(before)s, %(between)s, %(after)s
local number = %(first)d
function request()
  local n = digits[math.floor(number / 1000000) + 1]
    .. digits[math.floor(number / 1000) %% 1000 + 1] .. digits[number %% 1000 + 1]
  number = number + 1
  return before .. n .. between .. n .. after
end
function done(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format(
    '{"answered": %%d, "seconds": %%f, "errors": %%d}',
    summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def installed() -> bool:
    """Return True if wrk is installed (Debian package wrk)."""
    return shutil.which("wrk") is not None


def wrk(target: Target, *, first: int, seconds: float) -> Load:
    """Send calls over eight connections of wrk, for whole seconds.

    RuntimeError for a status that is not 200 or another error; the bodies it does not look at.
    """
    made = template(f"127.0.0.1:{target.port}")
    said = {"digits": "{" + json.dumps(DIGITS)[1:-1] + "}", "first": first}
    parts = {name: json.dumps(getattr(made, name)) for name in ("before", "between", "after")}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "calls.lua"
        script.write_text(_SCRIPT % {**said, **parts})
        whole = max(1, round(seconds))
        url = f"http://127.0.0.1:{target.port}"
        done = subprocess.run(
            ["wrk", "-t1", f"-c{CLIENTS}", f"-d{whole}s", "-s", str(script), url],
            capture_output=True,
            text=True,
            check=True,
            timeout=whole + 30,
        )
    told = json.loads(done.stderr)
    if told["errors"]:
        raise RuntimeError(f"wrk counts {told['errors']} errors:\n{done.stdout}")
    return Load(answered=told["answered"], seconds=told["seconds"])
