"""A kept file that can't be used is a sentence with a remedy, and never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from embedded.accounts import passwords
from embedded.addresses import addresses
from embedded.databases import EmbeddedDatabases
from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.settings import EmbeddedSettings
from tools.locks import ROOT

BROKEN = ["", "{", "[]", '"x"', '{"gateway": 5}', '{"gateway": ""}', "[" * 100_000, "\udcff"]


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_of_the_bus_s_passwords_is_named_with_a_remedy_and_left_as_it_is(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "bus-passwords.json"
    write(file, text)
    with pytest.raises(EmbeddedError, match=r"bus-passwords\.json is broken: .*remove it: the next start makes new"):
        passwords(file)
    assert file.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bus-passwords.json"
    file.mkdir()
    with pytest.raises(EmbeddedError, match=r"bus-passwords\.json is a folder, where a file belongs\. Move it away"):
        passwords(file)


@pytest.mark.parametrize("text", [*BROKEN, '{"postgres": []}', '{"postgres": {"ecp_user": 1}}'])
def test_a_broken_file_of_the_databases_passwords_is_named_with_a_remedy(tmp_path: Path, text: str) -> None:
    file = tmp_path / "database-passwords.json"
    write(file, text)
    with pytest.raises(EmbeddedError, match=r"database-passwords\.json is broken: .*estore it from a backup"):
        EmbeddedDatabases(EmbeddedSettings(data_dir=tmp_path), file)


def test_broken_addresses_are_named_with_a_remedy(tmp_path: Path) -> None:
    file = DataDirectory(tmp_path).addresses
    write(file, "{")
    with pytest.raises(EmbeddedError, match=r"addresses\.json is broken: .*Remove it: the next start writes it"):
        addresses(EmbeddedSettings(data_dir=tmp_path), passwords=False)


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "part"), [("bus-passwords.json", "is a folder"), ("run/lock", "can't be used")])
def test_a_start_with_a_folder_in_the_place_of_a_file_ends_with_one_sentence(
    tmp_path: Path, folder: str, part: str
) -> None:
    directory = DataDirectory.prepare(tmp_path / "data")
    (directory.root / folder).mkdir()
    command = [sys.executable, "-m", "embedded", "run"]
    variables = {"PATH": "/usr/bin:/bin", "ECP_DATA_DIR": str(directory.root)}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=variables, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert f"{directory.root / folder} {part}" in ended.stderr
