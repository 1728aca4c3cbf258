"""Configuration files for wget, wget2 and PHP, which include the user's own settings."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pixel_emulator.command.environment import command_environment
from pixel_emulator.trust.stores import TrustStores, certificates
from tests.certificates import make_authority

PROXY = "http://127.0.0.1:4711"
WGET = "user_agent = mine\nhttps_proxy = http://corp.example:1\nuse_proxy = off\n"
WGET2 = "user-agent = mine\nhttps-proxy = http://corp.example:1\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def made(tmp_path, home):
    """A function from the user's variables to those of the command."""
    stores = TrustStores(tmp_path, make_authority(tmp_path / "ours.pem", "our CA"))

    def make(**environ):
        given = {"HOME": str(home), "PATH": "/nowhere", **environ}
        hosts = ("api.segment.io",)
        return command_environment(given, proxy=PROXY, spki="S", stores=stores, hosts=hosts)

    return make


def last(text: str, name: str) -> str:
    """The effective value: that of the last setting."""
    values = [line.partition("=")[2].strip() for line in text.splitlines() if line.startswith(name)]
    return values[-1]


CASES = [
    ("WGETRC", ".wgetrc", WGET, "ca_certificate", "https_proxy"),
    ("WGET2RC", ".config/wget/wget2rc", WGET2, "ca-certificate", "https-proxy"),
    ("WGET2RC", ".wget2rc", WGET2, "ca-certificate", "https-proxy"),
]


@pytest.mark.parametrize(("variable", "place", "text", "ca", "proxy"), CASES)
@pytest.mark.parametrize("named", [True, False])
def test_the_user_s_file_counts_but_for_proxy_and_ca(
    made, home, tmp_path, variable, place, text, ca, proxy, named
):
    theirs = make_authority(tmp_path / "theirs.pem")
    path = tmp_path / "elsewhere" if named else home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}{ca.upper()}={theirs}\n")
    written = Path(made(**({variable: str(path)} if named else {})).variables[variable]).read_text()
    assert written.startswith(text)
    assert last(written, proxy) == PROXY
    bundle = certificates(last(written, ca))
    assert bundle == [*certificates(str(theirs)), *certificates(str(tmp_path / "ours.pem"))]


@pytest.mark.parametrize(("variable", "ca"), [(case[0], case[3]) for case in CASES[:2]])
def test_without_a_file_of_the_user_s_the_public_roots_stay(made, variable, ca):
    written = Path(made().variables[variable]).read_text()
    assert len(certificates(last(written, ca))) > 50


@pytest.mark.parametrize("variable", ["WGETRC", "WGET2RC"])
def test_a_file_that_cannot_be_read_is_a_warning(made, tmp_path, variable):
    child = made(**{variable: str(tmp_path / "nowhere")})
    assert Path(child.variables[variable] or "").is_file()
    (warning,) = child.warnings
    assert warning.startswith(f"{variable}: ")
    assert f"{tmp_path}/nowhere" in warning


@pytest.mark.parametrize(
    ("variable", "place", "name"),
    [("WGETRC", ".wgetrc", "no_proxy"), ("WGET2RC", ".wget2rc", "no-proxy")],
)
def test_exceptions_of_the_file_that_would_hide_calls_are_left_out(
    made, home, variable, place, name
):
    (home / place).write_text(f"{name} = segment.io,intern.example\n")
    written = Path(made().variables[variable]).read_text()
    assert last(written, name) == "intern.example,localhost,127.0.0.1,::1"


def test_without_a_home_no_file_of_the_user_s_is_hidden(made):
    assert {"WGETRC", "WGET2RC"}.isdisjoint(made(HOME="").variables)


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (None, ":"),  # what PHP was built with
        ("", ""),  # no folder at all
        ("/theirs", "/theirs:"),
        (":/theirs", ":/theirs:"),
        ("/theirs:", "/theirs::"),
    ],
)
def test_php_reads_its_own_folders_and_then_ours(made, before, kept):
    child = made(**({} if before is None else {"PHP_INI_SCAN_DIR": before}))
    scanned = child.variables["PHP_INI_SCAN_DIR"]
    ours = scanned.removeprefix(kept)
    assert scanned == kept + ours
    assert "curl.cainfo" in (Path(ours) / "pixel-emulator.ini").read_text()


needs_php = pytest.mark.skipif(not shutil.which("php"), reason="needs PHP (Debian package php-cli)")


@needs_php
@pytest.mark.parametrize("setting", ["curl.cainfo", "openssl.cafile"])
def test_a_ca_file_of_php_s_own_configuration_counts(made, tmp_path, setting):
    theirs = make_authority(tmp_path / "theirs.pem")
    (tmp_path / "ini").mkdir()
    (tmp_path / "ini" / "own.ini").write_text(f"{setting} = {theirs}\nprecision = 9\n")
    before = {"PATH": os.environ["PATH"], "PHP_INI_SCAN_DIR": f":{tmp_path}/ini"}
    environ = made(**before).applied_to(before)
    code = f"echo ini_get('precision'), ' ', ini_get('{setting}');"
    ran = subprocess.run(["php", "-r", code], env=environ, check=True, capture_output=True)
    precision, bundle = ran.stdout.decode().split()
    assert precision == "9"
    assert set(certificates(str(theirs))) < set(certificates(bundle))


@pytest.mark.parametrize("script", ["exit 1", "echo no JSON", "echo '[1]'"])
def test_what_is_no_php_that_works_is_left_alone(made, tmp_path, script):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "php").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / "php").chmod(0o755)
    child = made(PATH=f"{tmp_path}/bin:/bin:/usr/bin")
    assert child.warnings == ()


@pytest.mark.parametrize(
    "theirs", ["PERL_LWP_SSL_CA_FILE", "HTTPS_CA_FILE", "PERL_LWP_SSL_CA_PATH", "HTTPS_CA_DIR"]
)
def test_what_lwp_trusts_stays_as_narrow_as_it_was(made, tmp_path, theirs):
    ca = make_authority(tmp_path / "folder.pem")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ca.pem").symlink_to(ca)
    value = str(ca) if theirs.endswith("FILE") else str(tmp_path / "folder")
    bundle = certificates(made(**{theirs: value}).variables["PERL_LWP_SSL_CA_FILE"] or "")
    assert bundle == [*certificates(str(ca)), *certificates(str(tmp_path / "ours.pem"))]
