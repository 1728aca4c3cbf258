"""Java's trust stores are found, read and written; a real JVM has the last word."""

import subprocess
from pathlib import Path

import pytest

from pixel_emulator.trust import stores as java_trust
from pixel_emulator.trust.stores import Keystore, TrustStores, certificates
from tests.certificates import make_authority
from tests.programs import needs_java

pytestmark = pytest.mark.thorough


@pytest.fixture
def theirs(tmp_path):
    """A CA of the user, as PEM."""
    return make_authority(tmp_path / "theirs.pem")


def keystore(tmp_path: Path, theirs: Path, *options: str) -> Path:
    path = tmp_path / "store"
    command = ["keytool", "-importcert", "-noprompt", "-alias", "theirs", "-file", str(theirs)]
    command += ["-keystore", str(path), "-storepass", "changeit", *options]
    subprocess.run(command, check=True, capture_output=True)
    return path


@needs_java
@pytest.mark.parametrize(
    "options",
    [
        ["-storetype", "JKS"],
        ["-storetype", "PKCS12"],
        [  # as JDK 18 and later ship their cacerts
            "-storetype",
            "PKCS12",
            "-J-Dkeystore.pkcs12.macAlgorithm=NONE",
            "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE",
        ],
    ],
    ids=["jks", "pkcs12", "pkcs12 without a password"],
)
def test_each_kind_of_keystore_is_read(tmp_path, theirs, options):
    path = keystore(tmp_path, theirs, *options)
    assert java_trust.read_keystore(Keystore(path)) == certificates(str(theirs))


@needs_java
def test_a_jvm_reads_what_we_write_as_trusted_without_a_password(tmp_path, theirs):
    (tmp_path / "ours.p12").write_bytes(java_trust.pkcs12_truststore(certificates(str(theirs))))
    listing = subprocess.run(
        ["keytool", "-list", "-keystore", str(tmp_path / "ours.p12"), "-storepass", ""],
        check=True,
        capture_output=True,
        text=True,
        input="\n",
    )
    assert "trustedCertEntry" in listing.stdout


@needs_java
def test_a_wrong_password_is_an_error(tmp_path, theirs):
    with pytest.raises(ValueError):
        java_trust.read_keystore(Keystore(keystore(tmp_path, theirs), "wrong password"))


@pytest.mark.parametrize(
    "content",
    [b"", b"no keystore", b"\xfe\xed\xfe\xed", b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\1"],
)
def test_a_file_that_is_no_trust_store_is_an_error(tmp_path, content):
    (tmp_path / "store").write_bytes(content)
    with pytest.raises(ValueError):
        java_trust.read_keystore(Keystore(tmp_path / "store"))


def test_a_jks_with_a_private_key_is_an_error(tmp_path):
    (tmp_path / "store").write_bytes(b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\1\0\0")
    with pytest.raises(ValueError, match="private keys"):
        java_trust.read_keystore(Keystore(tmp_path / "store"))


@pytest.mark.parametrize("name", ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"])
def test_the_store_that_the_options_name_is_theirs(name):
    options = "-Xmx1g '-Djavax.net.ssl.trustStore=/a b/c' -Djavax.net.ssl.trustStorePassword=p"
    keystore = java_trust.current_keystore({"JAVA_TOOL_OPTIONS": "-Xmx1g", name: options})
    assert keystore
    assert (str(keystore.path), keystore.password) == ("/a b/c", "p")


@pytest.mark.parametrize("name", ["lib/security/cacerts", "jre/lib/security/cacerts"])
def test_the_store_of_java_home_is_theirs(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.touch()
    keystore = java_trust.current_keystore({"JAVA_HOME": str(tmp_path), "PATH": "/nowhere"})
    assert keystore == Keystore(path)


def test_jssecacerts_goes_before_cacerts(tmp_path):
    for name in ("cacerts", "jssecacerts"):
        path = tmp_path / "lib/security" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    keystore = java_trust.current_keystore({"JAVA_HOME": str(tmp_path)})
    assert keystore == Keystore(tmp_path / "lib/security/jssecacerts")


@pytest.mark.parametrize("options", ["", "-Dx=1", "-Djavax.net.ssl.trustStore='open"])
def test_without_a_jdk_there_is_no_store_of_theirs(tmp_path, options):
    assert (
        java_trust.current_keystore({"PATH": str(tmp_path), "JAVA_TOOL_OPTIONS": options}) is None
    )


def test_a_store_for_java_is_theirs_and_ours(tmp_path, theirs):
    stores = TrustStores(tmp_path, make_authority(tmp_path / "ours.pem", "our CA"))
    (tmp_path / "theirs.p12").write_bytes(java_trust.pkcs12_truststore(certificates(str(theirs))))
    made = stores.java_truststore(Keystore(tmp_path / "theirs.p12", ""))
    assert java_trust.read_keystore(Keystore(made, "")) == [
        *certificates(str(theirs)),
        *certificates(str(stores.ca)),
    ]
