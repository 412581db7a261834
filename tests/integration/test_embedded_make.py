"""`make` for new users: complete help, and clear errors if Python is missing or unusable."""

import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(*arguments: str, directory: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=directory,
        env={**os.environ, "MAKEFLAGS": "", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_target_with_what_it_does() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    explained = re.findall(r"^  make ([a-z-]+) +\S", make("help").stdout, re.MULTILINE)

    assert set(explained) == targets
    assert {"run", "test", "test-long", "check", "format", "bench", "clean"} <= targets
    assert make().stdout == make("help").stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of a fresh clone that the installation reads before it installs."""
    (tmp_path / "embedded").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "embedded" / "install.sh", tmp_path / "embedded")
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    return tmp_path


def interpreter(directory: Path, body: str) -> str:
    path = directory / "python-of-the-test"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_python_that_is_too_old_is_named_with_what_is_needed(checkout: Path) -> None:
    old = interpreter(checkout, 'case "$2" in *sys.exit*) exit 1;; *) echo 3.9;; esac')

    result = make("install", directory=checkout, PYTHON=old)

    assert result.returncode != 0
    assert "is Python 3.9, and 3.11 or newer is needed" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_without_ensurepip_is_named_with_the_package_to_install(checkout: Path) -> None:
    bare = interpreter(checkout, 'case "$2" in *ensurepip*) exit 1;; *) echo 3.12;; esac')

    result = make("install", directory=checkout, PYTHON=bare)

    assert result.returncode != 0
    assert "apt install python3.12-venv" in result.stderr


def test_a_missing_python_is_reported(checkout: Path) -> None:
    result = make("install", directory=checkout, PYTHON="python-that-does-not-exist")

    assert result.returncode != 0
    assert "No Python that can be used was found" in result.stderr


PIP = """case "$*" in
    *requirements.lock*)
        printf 'Collecting one==1\\nIgnoring two: markers\\nInstalling collected packages: one\\n'
        test ! -e pip-fails ;;
esac"""


@pytest.fixture
def installable(checkout: Path) -> Path:
    """A checkout with a lock of two packages, and a fake pip without network."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    Path(interpreter(checkout, PIP)).rename(checkout / ".venv" / "bin" / "python")
    (checkout / "requirements.lock").write_text("one==1\ntwo==2 ; sys_platform == 'win32'\n")
    return checkout


def install_on_a_terminal(directory: Path) -> tuple[int, str]:
    terminal, inside = pty.openpty()
    done = subprocess.run(
        ["sh", "embedded/install.sh"], cwd=directory, stdout=inside, stderr=inside, timeout=60, check=False
    )
    os.close(inside)
    printed = os.read(terminal, 10_000).decode()
    os.close(terminal)
    return done.returncode, printed


def test_on_a_terminal_the_packages_are_counted_while_they_are_installed(installable: Path) -> None:
    status, printed = install_on_a_terminal(installable)

    assert status == 0
    assert "\r  1 of 2 packages\r  2 of 2 packages\r  2 packages are put in place" in printed
    assert (installable / ".venv" / "installed").exists()
    assert "of 2 packages" not in make("install", directory=installable).stdout


def test_on_a_terminal_too_what_pip_could_not_install_is_a_failure(installable: Path) -> None:
    (installable / "pip-fails").touch()

    status, _ = install_on_a_terminal(installable)

    assert status != 0
    assert not (installable / ".venv" / "installed").exists()


def test_nothing_is_installed_again_while_the_lock_is_the_same(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    Path(interpreter(checkout, 'case "$*" in *pip*) exit 1;; esac')).rename(checkout / ".venv" / "bin" / "python")
    stamp = ["sh", "-c", "{ pwd; cat requirements.lock pyproject.toml; } | cksum >.venv/installed"]
    subprocess.run(stamp, cwd=checkout, check=True)

    assert make("install", directory=checkout, PYTHON="none").returncode == 0

    (checkout / "requirements.lock").write_text("something==1\n")
    assert make("install", directory=checkout, PYTHON="none").returncode != 0
