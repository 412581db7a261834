"""The environment that the services of the embedded stack get."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from embedded.directory import DataDirectory
from embedded.report import ConsoleReport
from embedded.settings import EmbeddedSettings
from embedded.stack import Stack


def test_services_keep_their_bytecode_whatever_the_caller_has_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without it each start compiles all that it imports, which takes more than twice the time."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("OF_THE_CALLER", "kept")
    directory = DataDirectory.prepare(tmp_path / "data")
    stack = Stack(EmbeddedSettings.read(data_dir=directory.root), directory, ConsoleReport(Console(file=StringIO())))
    assert "PYTHONDONTWRITEBYTECODE" not in stack._environment
    assert stack._environment["OF_THE_CALLER"] == "kept"
