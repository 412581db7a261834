"""`make bench` runs all or the named benchmarks, and reports a failed one with its log."""

from pathlib import Path

import pytest
from rich.console import Console

from tools.benches import FOLDER, chosen, run

pytestmark = pytest.mark.slow


def test_without_names_all_of_them_run() -> None:
    assert chosen([]) == sorted(FOLDER.glob("bench_*.py"))
    assert chosen(["scaling"]) == [FOLDER / "bench_scaling.py"]


def test_an_unknown_name_is_answered_by_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match=r"There is no bench sclaing; there are .*scaling"):
        chosen(["sclaing"])


@pytest.mark.parametrize("status", [0, 1])
def test_a_bench_s_log_is_shown_only_if_it_failed(tmp_path: Path, status: int) -> None:
    bench = tmp_path / "bench_thing.py"
    bench.write_text(f"import sys; print('a table'); sys.stderr.write('a log'); sys.exit({status})")
    console = Console(record=True, file=(tmp_path / "out").open("w"))

    assert run(bench, "(1 of 1)", console) == (status == 0)

    shown = console.export_text()
    console.file.close()
    assert "thing (1 of 1)" in shown
    assert "a table" in shown
    assert ("a log" in shown) == ("make bench ARGS=thing" in shown) == (status == 1)
