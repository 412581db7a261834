"""`make up` generates passwords in `.env`, and never changes passwords that are in use."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from shared.settings import EXAMPLE_PASSWORDS
from tools.locks import ROOT

pytestmark = pytest.mark.slow


DOCKER = """#!/bin/sh
case "$*" in
    "compose ps -a -q") cat containers ;;
    *" up "*) exit 1 ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project with a fake Docker, which lists the containers of the file `containers` and starts none."""
    (tmp_path / "deploy/compose").mkdir(parents=True)
    for name in (".env.example", "deploy/compose/up.sh", "deploy/compose/certificates.sh"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(DOCKER)
    (tmp_path / "bin/docker").chmod(0o755)
    (tmp_path / "containers").write_text("")
    return tmp_path


def make_up(folder: Path, **variables: str) -> str:
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "deploy/compose/up.sh", "up"],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "It didn't come up" in done.stderr, done.stderr
    return done.stdout


def variables(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def passwords(folder: Path) -> list[str]:
    found = {name: value for name, value in variables(folder).items() if name.endswith(("PASSWORD", "DATABASE_URL"))}
    return [value.rpartition("@")[0].rpartition(":")[2] or value for value in found.values()]


def test_a_new_environment_has_random_passwords_and_is_its_owner_s_alone(folder: Path) -> None:
    assert "Making .env" in make_up(folder)
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert not EXAMPLE_PASSWORDS & set(passwords(folder))
    found = variables(folder)
    assert found["POSTGRES_PASSWORD"] in found["DATABASE_URL"]
    # Only the passwords of the two owners occur twice.
    assert len(passwords(folder)) - len(set(passwords(folder))) == 2
    before = (folder / ".env").read_text()
    assert make_up(folder) == ""
    assert (folder / ".env").read_text() == before


def test_an_environment_of_an_earlier_version_gets_what_is_new_and_keeps_what_it_has(folder: Path) -> None:
    (folder / ".env").write_text("POSTGRES_PASSWORD=mine\nGATEWAY_PORT=9001\n")
    assert "GATEWAY_DATABASE_URL" in make_up(folder)
    found = variables(folder)
    assert (found["POSTGRES_PASSWORD"], found["GATEWAY_PORT"]) == ("mine", "9001")
    assert not EXAMPLE_PASSWORDS & set(passwords(folder))


def test_the_example_s_passwords_are_replaced_before_the_first_start_and_never_under_what_has_them(
    folder: Path,
) -> None:
    example = (folder / ".env.example").read_text()
    (folder / ".env").write_text(example)
    (folder / "containers").write_text("4711\n")
    assert make_up(folder) == ""
    assert (folder / ".env").read_text() == example

    (folder / "containers").write_text("")
    assert "Replacing the example's passwords" in make_up(folder)
    # Grafana keeps the password of its first start.
    assert [word for word in passwords(folder) if word in EXAMPLE_PASSWORDS] == ["tryout"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl, which makes the certificates")
def test_tls_is_chosen_in_the_environment_for_all_later_commands_until_it_is_turned_off(folder: Path) -> None:
    for _ in range(2):
        make_up(folder, TLS="on")
        chosen = {"COMPOSE_FILE": "compose.yaml:deploy/compose/tls.yaml", "TLS_FOLDER": "./certificates"}
        assert chosen.items() <= variables(folder).items()
    certificate = (folder / "certificates" / "postgres.crt").read_bytes()
    make_up(folder)
    assert chosen.items() <= variables(folder).items()

    make_up(folder, TLS="off")
    assert variables(folder)["COMPOSE_FILE"] == "compose.yaml"
    assert (folder / "certificates" / "postgres.crt").read_bytes() == certificate


@pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl, which makes the certificates")
def test_other_files_of_compose_and_a_folder_that_was_chosen_stay(folder: Path) -> None:
    (folder / ".env").write_text("COMPOSE_FILE=compose.yaml:mine.yaml\nTLS_FOLDER=./mine\n")
    make_up(folder, TLS="on")
    assert variables(folder)["COMPOSE_FILE"] == "compose.yaml:mine.yaml:deploy/compose/tls.yaml"
    assert (folder / "mine" / "nats.key").exists()

    make_up(folder, TLS="off")
    assert variables(folder)["COMPOSE_FILE"] == "compose.yaml:mine.yaml"
