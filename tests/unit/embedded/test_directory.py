"""The data directory: never another user's files, and never two runs at once."""

from pathlib import Path

import pytest

from embedded.directory import DataDirectory, RunLock, write_private
from embedded.errors import AlreadyRunning, EmbeddedError


def test_a_new_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    directory = DataDirectory.prepare(tmp_path / "below" / "data")

    assert directory.run.is_dir()
    assert directory.logs.is_dir()
    assert directory.root.stat().st_mode & 0o077 == 0


def test_preparing_it_again_changes_nothing(tmp_path: Path) -> None:
    DataDirectory.prepare(tmp_path / "data").log("nats").write_text("kept")

    assert DataDirectory.prepare(tmp_path / "data").log("nats").read_text() == "kept"


def test_a_directory_with_other_files_is_refused_and_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")

    with pytest.raises(EmbeddedError, match="ECP_DATA_DIR"):
        DataDirectory.prepare(tmp_path)
    with pytest.raises(EmbeddedError, match="left alone"):
        DataDirectory(tmp_path).remove()

    assert (tmp_path / "thesis.txt").exists()


def test_a_directory_that_cannot_be_made_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(EmbeddedError, match=r"can't be used.*ECP_DATA_DIR"):
        DataDirectory.prepare(tmp_path / "file" / "data")


def test_its_own_directory_is_removed_with_all_that_is_in_it(tmp_path: Path) -> None:
    directory = DataDirectory.prepare(tmp_path / "data")

    directory.remove()

    assert not directory.root.exists()


def test_a_second_run_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    directory = DataDirectory.prepare(tmp_path / "data")
    first, second = RunLock(directory), RunLock(directory)

    with first.held(pid=4711, gateway="http://127.0.0.1:8001"):
        with pytest.raises(AlreadyRunning, match=r"http://127.0.0.1:8001 \(process 4711\)") as refusal:
            second.held(pid=4712).__enter__()
        assert not refusal.value.stopping
        first.describe(pid=4711, stopping=True)
        with pytest.raises(AlreadyRunning) as refusal:
            second.held(pid=4712).__enter__()
        assert refusal.value.stopping
    with second.held(pid=4712):
        pass
    first.close()
    second.close()


def test_a_socket_path_that_would_be_too_long_moves_to_the_temporary_directory(tmp_path: Path) -> None:
    short, long = DataDirectory(Path("/srv/ecp")), DataDirectory(tmp_path / ("deep" * 30))

    assert short.supervisor_socket == Path("/srv/ecp/run/supervisor.sock")
    assert len(str(long.supervisor_socket)) < 100
    assert long.supervisor_socket.parent.stat().st_mode & 0o077 == 0
    assert long.supervisor_socket == long.supervisor_socket, "the same path each time"
    long.supervisor_socket.parent.rmdir()


def test_a_file_with_passwords_is_its_owner_s_alone_though_an_earlier_one_was_not(tmp_path: Path) -> None:
    file = tmp_path / "nats.conf"
    file.write_text("of an earlier version")
    file.chmod(0o644)

    write_private(file, "password")

    assert file.read_text() == "password"
    assert file.stat().st_mode & 0o077 == 0
