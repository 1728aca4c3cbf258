"""The variables of a command, against those that its clients read."""

import json
import os
import subprocess

import pytest

from pixel_emulator.command.environment import (
    FORMATS,
    browser_flags,
    command_environment,
    shell_exports,
)
from pixel_emulator.core.errors import InputError
from pixel_emulator.trust.stores import TrustStores, certificates
from tests.certificates import make_authority

PROXY = "http://127.0.0.1:4711"
HOSTS = ("api.segment.io", "events.eu1.segmentapis.com")
LOOPBACK = "localhost,127.0.0.1,::1"


@pytest.fixture
def made(tmp_path):
    """A function from our environment to that of the command."""
    stores = TrustStores(tmp_path, make_authority(tmp_path / "ours.pem", "our CA"))

    def make(environ, hosts=HOSTS):
        # No JDK of this machine, so that JAVA_HOME alone decides.
        environ = {"PATH": "/nowhere", **environ}
        return command_environment(environ, proxy=PROXY, spki="SPKI=", stores=stores, hosts=hosts)

    return make


@pytest.fixture
def theirs(tmp_path):
    """The path of a CA of the user, as a string."""
    return str(make_authority(tmp_path / "theirs.pem"))


def holds(bundle: str, ca: str) -> bool:
    return set(certificates(ca)) <= set(certificates(bundle))


def is_standard(bundle: str) -> bool:
    return len(certificates(bundle)) > 50


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"])
def test_each_proxy_variable_leads_to_the_emulator(made, name):
    child = made({name: "http://proxy.example.com:3128"})
    assert child.variables[name] == PROXY


def test_all_proxy_is_unset(made):
    environ = {"ALL_PROXY": "socks5://proxy.example.com", "all_proxy": "x", "HOME": "/h"}
    after = made(environ).applied_to(environ)
    assert "ALL_PROXY" not in after
    assert "all_proxy" not in after
    assert after["HOME"] == "/h"


def test_a_proxy_of_theirs_that_is_lost_is_a_warning(made):
    (warning,) = made({"HTTPS_PROXY": "http://user:secret@proxy.example.com"}).warnings
    assert warning.startswith("HTTPS_PROXY is replaced")
    assert "secret" not in warning


def test_an_empty_environment_gives_no_warning(made):
    assert made({}).warnings == ()


@pytest.mark.parametrize(
    ("theirs", "left"),
    [
        ("", ""),
        ("*", ""),
        ("segment.io", ""),
        (".segment.io", ""),
        ("*.segment.io", ""),
        ("io", ""),
        ("API.Segment.IO.", ""),
        ("api.segment.io:443", ""),
        ("*:443", ""),
        ("egment.io", ""),  # requests compares the end of the name, letter by letter
        ("segmentapis.com", ""),
        ("corp.example.com, .segment.io ,10.0.0.0/8", "corp.example.com,10.0.0.0/8"),
        ("a.example.com b.example.com", "a.example.com,b.example.com"),
        ("segment.io.example.com", "segment.io.example.com"),
        ("www.api.segment.io", "www.api.segment.io"),
        ("localhost:3000,[::1]", "localhost:3000,[::1]"),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_an_exception_that_would_defeat_the_emulator_is_left_out(made, name, theirs, left):
    child = made({name: theirs})
    expected = f"{left},{LOOPBACK}" if left else LOOPBACK
    assert (child.variables["NO_PROXY"], child.variables["no_proxy"]) == (expected, expected)


@pytest.mark.parametrize("entry", ["10.0.0.0/8", "corp.example.com", "localhost"])
def test_an_exception_that_stays_is_no_warning(made, entry):
    assert made({"NO_PROXY": entry}).warnings == ()


def test_the_warning_names_the_exception_once(made):
    (warning,) = made({"NO_PROXY": "*", "no_proxy": "*"}).warnings
    assert (
        warning == 'NO_PROXY: "*" would hide calls from the emulator; the command runs without it'
    )


def test_a_host_that_is_emulated_is_no_exception_even_if_it_is_local(made):
    assert made({}, hosts=("localhost",)).variables["NO_PROXY"] == "127.0.0.1,::1"


@pytest.mark.parametrize(
    "name",
    [
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "AWS_CA_BUNDLE",
        "PIP_CERT",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "CARGO_HTTP_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "DENO_CERT",
    ],
)
class TestEachVariableOfACa:
    def test_set_by_them_it_holds_theirs_and_ours_and_no_other(self, made, theirs, tmp_path, name):
        bundle = made({name: theirs}).variables[name]
        assert holds(bundle, theirs)
        assert holds(bundle, str(tmp_path / "ours.pem"))
        assert not is_standard(bundle)

    def test_not_set_it_keeps_the_public_roots_where_it_would_replace_them(
        self, made, tmp_path, name
    ):
        bundle = made({}).variables[name]
        assert holds(bundle, str(tmp_path / "ours.pem"))
        assert is_standard(bundle) == (name not in {"NODE_EXTRA_CA_CERTS", "DENO_CERT"})

    def test_unreadable_it_falls_back_with_a_warning(self, made, tmp_path, name):
        child = made({name: str(tmp_path / "nowhere.pem")})
        assert is_standard(child.variables[name])
        assert f"{tmp_path}/nowhere.pem" in child.warnings[0]


@pytest.mark.parametrize(
    ("set_by_them", "variable"),
    [
        ("SSL_CERT_FILE", "CURL_CA_BUNDLE"),
        ("SSL_CERT_DIR", "CURL_CA_BUNDLE"),
        ("SSL_CERT_DIR", "SSL_CERT_FILE"),
        ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
        ("REQUESTS_CA_BUNDLE", "PIP_CERT"),
        ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"),
    ],
)
def test_a_variable_that_we_add_does_not_hide_the_one_its_clients_read_before(
    made, theirs, tmp_path, set_by_them, variable
):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "ca.pem").symlink_to(theirs)
    value = f"{tmp_path}/missing:{folder}" if set_by_them == "SSL_CERT_DIR" else theirs
    child = made({set_by_them: value})
    assert holds(child.variables[variable], theirs)
    assert child.warnings == ()


def test_requests_never_read_ssl_cert_file_so_it_keeps_the_public_roots(made, theirs):
    bundle = made({"SSL_CERT_FILE": theirs}).variables["REQUESTS_CA_BUNDLE"]
    assert is_standard(bundle)
    assert not holds(bundle, theirs)


def test_openssl_reads_the_directory_beside_the_file_so_it_stays(made):
    assert "SSL_CERT_DIR" not in made({"SSL_CERT_DIR": "/etc/ssl/certs"}).variables


def test_an_empty_store_of_theirs_stays_as_empty_as_it_was(made, tmp_path):
    bundle = made({"SSL_CERT_FILE": os.devnull}).variables["SSL_CERT_FILE"]
    assert certificates(bundle) == certificates(str(tmp_path / "ours.pem"))


def test_options_for_java_come_behind_theirs_so_that_ours_count(made):
    options = made({"JAVA_TOOL_OPTIONS": "-Xmx1g -Dhttps.proxyHost=theirs"}).variables
    theirs, ours = (options["JAVA_TOOL_OPTIONS"] or "").split(" -Dhttp.proxyHost=")
    assert theirs == "-Xmx1g -Dhttps.proxyHost=theirs"
    assert ours.startswith("127.0.0.1 -Dhttp.proxyPort=4711 -Dhttps.proxyHost=127.0.0.1 ")


def test_an_unreadable_trust_store_of_java_is_a_warning(made, tmp_path):
    store = tmp_path / "cacerts"
    store.write_text("no keystore")
    (warning,) = made({"JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={store}"}).warnings
    assert warning.startswith(f"{store}: ")


def test_our_own_variables_say_where_the_emulator_is(made, tmp_path):
    own = {k: v for k, v in made({}).variables.items() if k.startswith("PIXEL_EMULATOR")}
    assert is_standard(own.pop("PIXEL_EMULATOR_BUNDLE"))
    assert own == {
        "PIXEL_EMULATOR_URL": PROXY,
        "PIXEL_EMULATOR_PROXY": PROXY,
        "PIXEL_EMULATOR_CA": str(tmp_path / "ours.pem"),
        "PIXEL_EMULATOR_SPKI": "SPKI=",
    }


def test_a_shell_that_evaluates_the_exports_has_the_same_environment():
    odd = 'it\'s $HOME `x` "y"\n\\ *'
    script = (
        shell_exports({"A": odd, "GONE": None, "B": ""}) + 'printf "%s|" "$A" "${GONE-no}" "$B"'
    )
    ran = subprocess.run(
        ["sh", "-c", script], check=False, env={"GONE": "1"}, capture_output=True, text=True
    )
    assert ran.stdout == f"{odd}|no||"


def test_a_browser_takes_proxy_and_hash_as_flags():
    assert browser_flags(PROXY, "abc=") == [
        "--proxy-server=http://127.0.0.1:4711",
        "--ignore-certificate-errors-spki-list=abc=",
    ]


ODD: dict[str, str | None] = {"A": 'it\'s $x \\ "q"', "B": None, "C": "plain"}


def test_each_format_writes_the_same_changes():
    assert FORMATS["json"](ODD) == json.dumps(ODD, indent=2) + "\n"
    assert FORMATS["fish"](ODD) == (
        "set -gx A 'it\\'s $x \\\\ \"q\"'\nset -e B\nset -gx C 'plain'\n"
    )
    assert FORMATS["github"](ODD) == 'A=it\'s $x \\ "q"\nB=\nC=plain\n'
    assert FORMATS["dotenv"]({"B": None, "C": "a b"}) == "B=''\nC='a b'\n"
    with pytest.raises(InputError, match="A has a line break"):
        FORMATS["github"]({"A": "x\nB=y"})
