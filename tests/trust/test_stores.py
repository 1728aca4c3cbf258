"""A trust store holds the user's certificates and our CA."""

import stat
from pathlib import Path

import pytest

from pixel_emulator.trust.stores import STANDARD, TrustStores, certificates
from tests.certificates import make_authority


@pytest.fixture
def stores(tmp_path):
    """Stores whose own CA is `our CA`."""
    return TrustStores(tmp_path, make_authority(tmp_path / "ours.pem", "our CA"))


@pytest.fixture
def theirs(tmp_path):
    """A CA of the user, as PEM."""
    return make_authority(tmp_path / "theirs.pem")


def one(path: Path) -> bytes:
    (certificate,) = certificates(str(path))
    return certificate


def test_a_bundle_is_their_file_and_our_ca(stores, theirs):
    bundle = certificates(str(stores.pem_bundle([str(theirs)])))
    assert bundle == [one(theirs), one(stores.ca)]


def test_a_bundle_of_nothing_of_theirs_is_our_ca(stores):
    assert certificates(str(stores.pem_bundle([]))) == [one(stores.ca)]


def test_a_directory_counts_with_all_its_files(stores, theirs, tmp_path):
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "0a1b2c3d.0").symlink_to(theirs)
    (folder / "README").write_bytes(b"no certificate \xff")
    (folder / "gone.pem").symlink_to(tmp_path / "nowhere")
    assert certificates(str(stores.pem_bundle([str(folder)]))) == [one(theirs), one(stores.ca)]


def test_what_stands_around_certificates_is_left_out(stores, theirs):
    theirs.write_bytes(b"# caf\xe9\n" + theirs.read_bytes() + b"-----BEGIN CERTIFICATE-----\ntorn")
    assert len(certificates(str(stores.pem_bundle([str(theirs)])))) == 2


def test_a_certificate_that_stands_twice_is_taken_once(stores, theirs):
    assert stores.pem_bundle([str(theirs), str(theirs)]) == stores.pem_bundle([str(theirs)])


def test_the_standard_store_has_the_public_roots(stores):
    assert len(certificates(str(stores.pem_bundle([STANDARD])))) > 50


def test_distinct_originals_make_distinct_files(stores, theirs):
    assert stores.pem_bundle([str(theirs)]) != stores.pem_bundle([])


def test_only_the_owner_can_read_a_store(stores, theirs):
    for path in (stores.pem_bundle([str(theirs)]), stores.java_truststore(None)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_read_is_an_error(stores, tmp_path):
    with pytest.raises(FileNotFoundError):
        stores.pem_bundle([str(tmp_path / "nowhere.pem")])
