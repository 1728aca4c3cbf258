"""The recipes of docs/browsers.md, run as they stand there; only addresses are changed."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import (
    CHROMEDRIVER,
    CHROMIUM,
    NODE,
    NODE_MODULES,
    SERVE,
    needs_chromedriver,
    needs_chromium,
    needs_playwright_test,
)

pytestmark = [needs_chromium, pytest.mark.thorough]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "browsers.md").read_text(encoding="utf-8")
SPECS = Path(__file__).parent / "specs"
SHOP = "https://shop.example"
NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def test_each_recipe_is_run():
    """Each block of the page is found by a word of one test here."""
    words = ["from pixels import", "webdriver.ChromeOptions", "webServer", 'from "./pixels"',
             "PIXEL_EMULATOR_SPKI"]  # fmt: skip
    blocks = re.findall(r"^```(?:python|ts)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert sorted(blocks) == sorted(map(recipe, words))


@pytest.mark.parametrize(("path", "code"), [("/signup", 0), ("/empty", 1)])
def test_playwright_under_run(run, tmp_path, site, path, code):
    launch = f"launch(executable_path={CHROMIUM!r},"
    text = recipe("PIXEL_EMULATOR_SPKI").replace("launch(", launch)
    text = text.replace("args=[", "args=['--no-sandbox', ").replace(
        f"{SHOP}/signup", f"{site}{path}"
    )
    text = text.replace(
        "    browser.close", "    page.wait_for_load_state('networkidle')\n    browser.close"
    )
    (tmp_path / "open_page.py").write_text(text)
    (tmp_path / "signup.yaml").write_text("expect:\n  - track: Signed Up\n")
    emulator = [*SERVE[:3], "run", "--scenario", "signup.yaml"]
    done = run(*emulator, "--", sys.executable, "open_page.py")
    assert done.returncode == code, done.stderr
    assert ("track: Signed Up   wanted 1, got 0" in done.stderr) == bool(code)


def recipe(word):
    """The first block of code with this word."""
    blocks = re.findall(r"^```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return next(block for block in blocks if word in block)


@pytest.fixture
def run(tmp_path, served):
    """Run a command beside the scenarios, with the variables of `pixel-emulator env`."""
    shutil.copytree(SPECS / "scenarios", tmp_path / "scenarios")
    env = {
        **os.environ,
        "PIXEL_EMULATOR_CONTROL": served["control"],
        "PIXEL_EMULATOR_TOKEN": served["token"],
    }

    def run(*command, **more):
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**env, **more},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(("path", "code"), [("/signup", 0), ("/many", 1)])
def test_playwright_without_pytest(run, tmp_path, site, path, code):
    (tmp_path / "pixels.py").write_bytes(
        subprocess.check_output([*SERVE[:3], "client", "playwright-py"])
    )
    launch = f"launch(executable_path={CHROMIUM!r}, args=['--no-sandbox', {NOWHERE!r}])"
    text = recipe("from pixels import").replace("launch()", launch)
    (tmp_path / "it.py").write_text(text.replace(f"{SHOP}/signup", f"{site}{path}"))
    done = run(sys.executable, "it.py")
    assert done.returncode == code, done.stderr
    assert ("track: Signed Up   wanted 1, got 0" in done.stderr) == bool(code)


@needs_chromedriver
@pytest.mark.parametrize(("path", "code"), [("/signup", 0), ("/another-user", 1)])
def test_selenium(run, tmp_path, site, path, code):
    # The browser of this machine may be of any name, and root needs one flag more.
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nexec {CHROMIUM} --no-sandbox "{NOWHERE}" "$@"\n')
    browser.chmod(0o755)
    text = recipe("webdriver.ChromeOptions").replace(f"{SHOP}/signup", f"{site}{path}")
    (tmp_path / "test_it.py").write_text(text)
    done = run(
        *(sys.executable, "-m", "pytest", "-p", "no:playwright", "test_it.py"),
        PATH=f"{Path(CHROMEDRIVER).parent}:{os.environ['PATH']}",
        SE_OFFLINE="true",
        SE_BROWSER_PATH=str(browser),
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("track: Signed Up: wanted 1, got 0" in done.stdout) == bool(code)


@needs_playwright_test
@pytest.mark.parametrize(("path", "code"), [("/signup", 0), ("/many", 1)])
def test_playwright_in_typescript_that_starts_its_own_emulator(run, tmp_path, site, path, code):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = json.dumps(" ".join([*SERVE[:4], "--port", str(port)]))
    config = recipe("webServer").replace('"pixel-emulator serve"', serve)
    config = config.replace("port: 8080", f"port: {port}")
    use = {
        "baseURL": site,
        "launchOptions": {"executablePath": CHROMIUM, "args": ["--no-sandbox", NOWHERE]},
    }
    config = config.replace("defineConfig({", f"defineConfig({{ use: {json.dumps(use)},")
    (tmp_path / "playwright.config.ts").write_text(config)
    test = recipe('from "./pixels"').replace("/signup", path, 1)
    (tmp_path / "signup.spec.ts").write_text(test)
    (tmp_path / "pixels.ts").write_bytes(
        subprocess.check_output([*SERVE[:3], "client", "playwright-ts"])
    )
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    done = run(
        *(NODE, "node_modules/@playwright/test/cli.js", "test"),
        PIXEL_EMULATOR_CONTROL="",
        PIXEL_EMULATOR_PORT=str(port),
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("track: Signed Up   wanted 1, got 0" in done.stdout) == bool(code)
