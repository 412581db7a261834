"""The simulator's certificate authority: its files, their modes, and when a certificate is made again."""

import asyncio
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from services.simulator.authority import Authority, FolderUnusable
from services.simulator.secure import Secured
from services.simulator.settings import SimulatorSettings

SECRET = ("ca.key", "server.key", "tokens.key", "admin.token")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def names_of(authority: Authority) -> set[str]:
    certificate = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_keys_and_tokens_are_readable_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    Authority(folder)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {name: (folder / name).stat().st_mode & 0o777 for name in SECRET} == dict.fromkeys(SECRET, 0o600)
    assert sorted(each.name for each in folder.iterdir()) == sorted([*SECRET, "ca.crt", "server.crt"])


def test_everything_outlives_a_restart(tmp_path: Path) -> None:
    first = Authority(tmp_path)
    content = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    second = Authority(tmp_path)

    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == content
    assert second.administrator_token == first.administrator_token


def test_the_server_s_certificate_is_one_of_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path, ["simulator.example.com", "10.1.2.3"])
    root = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    issued = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes())

    issued.verify_directly_issued_by(root)
    assert {"localhost", "127.0.0.1", "::1", "simulator.example.com", "10.1.2.3"} <= names_of(authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_file, authority.key_file)


def test_other_names_or_a_near_end_make_another_certificate_of_the_same_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path, now=lambda: NOW)
    root, first = (tmp_path / "ca.crt").read_bytes(), authority.certificate_file.read_bytes()
    assert not authority.renew_if_due()

    assert "sim.example.com" in names_of(Authority(tmp_path, ["sim.example.com"], now=lambda: NOW))
    assert authority.renew_if_due()
    later = Authority(tmp_path, now=lambda: NOW + timedelta(days=336))
    issued = x509.load_pem_x509_certificate(later.certificate_file.read_bytes())
    assert issued.not_valid_after_utc == NOW + timedelta(days=336 + 365)
    assert (tmp_path / "ca.crt").read_bytes() == root
    assert later.certificate_file.read_bytes() != first


def test_a_half_replaced_pair_is_made_again(tmp_path: Path) -> None:
    """As a crash between the key and the certificate leaves it."""
    authority = Authority(tmp_path)
    authority.key_file.write_bytes((tmp_path / "ca.key").read_bytes())

    assert authority.renew_if_due()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate_file, authority.key_file)


@pytest.mark.parametrize("name", ["ca.key", "ca.crt"])
def test_a_broken_file_of_the_authority_is_named_and_kept(tmp_path: Path, name: str) -> None:
    Authority(tmp_path)
    (tmp_path / name).write_text("broken")

    with pytest.raises(FolderUnusable, match=str(tmp_path)):
        Authority(tmp_path)
    assert (tmp_path / name).read_text() == "broken"


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(FolderUnusable, match=str(file)):
        Authority(file)


@pytest.mark.parametrize("content", ["", " \n", "short"])
def test_an_administrator_s_token_that_anybody_could_send_is_refused(tmp_path: Path, content: str) -> None:
    Authority(tmp_path)
    (tmp_path / "admin.token").write_text(content)

    with pytest.raises(FolderUnusable, match=r"admin\.token has fewer than 20 characters"):
        Authority(tmp_path)
    (tmp_path / "admin.token").unlink()
    assert len(Authority(tmp_path).administrator_token) > 40


def test_keys_in_a_folder_that_no_setting_names_go_with_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    secured = Secured(SimulatorSettings(), 6361, dict)
    [folder] = tmp_path.iterdir()
    assert (folder / "admin.token").exists()
    asyncio.run(secured.close())
    assert not folder.exists()

    named = tmp_path / "state"
    asyncio.run(Secured(SimulatorSettings(state_directory=named), 6361, dict).close())
    assert (named / "admin.token").exists()
