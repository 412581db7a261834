"""`ecp keys create --first` reaches the stack of `make run`, with its options."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.locks import ROOT

pytestmark = pytest.mark.slow


def test_without_a_stack_the_first_key_is_not_made_and_the_reason_is_printed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "keys", "create", "x y", "--first", "--demo", "--days", "30"],
        cwd=ROOT,
        env={**os.environ, "ECP_DATA_DIR": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Nothing has run in" in done.stderr
