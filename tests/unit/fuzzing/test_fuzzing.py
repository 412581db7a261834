"""atheris, guided by coverage, on every parser of text from outside: in a process of its own, for a bounded time."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .targets import SEEDS, TARGETS

pytestmark = pytest.mark.slow


ROOT = Path(__file__).parents[3]
SHORT_RUNS, LONG_SECONDS = 2_000, 60


def fuzz(target: str, corpus: Path, *options: str) -> None:
    command = [sys.executable, "-m", "tests.unit.fuzzing.fuzz_parsers", target, *options]
    limits = ["-rss_limit_mb=2048", "-timeout=20", "-max_len=4096", f"-artifact_prefix={corpus}/", str(corpus)]
    ended = subprocess.run([*command, *limits], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    crashes = [each.read_bytes() for each in corpus.glob("crash-*")]
    assert ended.returncode == 0, f"{crashes}\n{ended.stdout[-3000:]}\n{ended.stderr[-1000:]}"


@pytest.mark.parametrize("target", TARGETS)
def test_a_parser_takes_what_it_is_for(target: str) -> None:
    TARGETS[target](SEEDS[target])


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=10, deadline=None)
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused(target: str, data: bytes) -> None:
    TARGETS[target](data)


def test_nothing_that_atheris_finds_in_a_short_run_breaks_a_parser(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    fuzz("all", tmp_path, f"-runs={SHORT_RUNS}", "-max_total_time=5")


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_that_atheris_finds_in_a_minute_breaks_a_parser(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    fuzz(target, tmp_path, f"-max_total_time={LONG_SECONDS}")
