"""atheris, guided by coverage, against the reader and the checks: in a process of its own, for a bounded time."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).with_name("fuzz_validation.py")
SECONDS = 90


@pytest.mark.long
@pytest.mark.timeout(SECONDS * 4)
def test_no_input_that_atheris_finds_breaks_the_validator(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    command = [
        sys.executable,
        str(FUZZER),
        f"-max_total_time={SECONDS}",
        "-rss_limit_mb=2048",
        "-timeout=20",
        str(tmp_path),
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=SECONDS * 3)
    crashes = [each.read_bytes() for each in tmp_path.glob("crash-*")]
    assert ended.returncode == 0, f"{crashes}\n{ended.stdout[-3000:]}\n{ended.stderr[-1000:]}"
    assert "DONE" in ended.stderr or "Done" in ended.stderr
