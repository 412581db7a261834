"""`make bench` runs all or the named benchmarks, writes their tables, and reports a failed one with its log."""

from pathlib import Path

import pytest
from rich.console import Console

from tools.bench_page import markdown, with_tables
from tools.benches import FOLDER, LONG, PAGE, chosen, run

pytestmark = pytest.mark.slow

TABLE = {"title": "Hops", "columns": ["", "p50"], "rows": [["raw | nats-py", "5 ms"], ["ours", "6 ms"]]}
PLACE = "# Page\n\n<!-- bench thing -->\nold\n<!-- /bench -->\n\n<!-- bench other -->\nkept\n<!-- /bench -->\n"
BENCH = """
import sys
from rich.table import Table
from tests.support.bench_report import note, show
table = Table("", "p50", title="Hops")
table.add_row("ours", "6 ms")
show(table)
note("a remark")
sys.stderr.write("a log")
sys.exit({status})
"""


def test_without_names_all_short_ones_run() -> None:
    assert sorted(chosen([])) == [each for each in sorted(FOLDER.glob("bench_*.py")) if each.stem[6:] not in LONG]
    assert chosen(["ladder"]) == [FOLDER / "bench_ladder.py"]


def test_an_unknown_name_is_answered_by_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match=r"There is no bench sclaing; there are .*scaling"):
        chosen(["sclaing"])


@pytest.mark.parametrize("status", [0, 1])
def test_a_bench_s_log_is_shown_and_its_tables_are_not_written_only_if_it_failed(tmp_path: Path, status: int) -> None:
    bench, page = tmp_path / "bench_thing.py", tmp_path / "page.md"
    bench.write_text(f"import sys; sys.path.insert(0, {str(FOLDER.parents[1])!r})\n" + BENCH.format(status=status))
    page.write_text(PLACE)
    with (tmp_path / "out").open("w") as output:
        console = Console(record=True, file=output)
        assert run(bench, "(1 of 1)", console, page) == (status == 0)
        shown = console.export_text()
    assert "thing (1 of 1)" in shown
    assert "6 ms" in shown
    assert "a remark" in shown
    assert ("a log" in shown) == ("make bench ARGS=thing" in shown) == (status == 1)
    assert ("| ours | 6 ms |" in page.read_text()) == (status == 0)


def test_a_table_replaces_the_earlier_one_of_its_bench_and_no_other() -> None:
    page = with_tables(PLACE, "thing", [TABLE], "Measured today.")
    assert "old" not in page
    assert "kept" in page
    assert page.count("Measured today.") == 1
    assert with_tables(page, "thing", [TABLE], "Measured today.") == page
    assert with_tables(PLACE, "unknown", [TABLE], "Measured today.") == PLACE


def test_a_cell_can_t_break_its_row() -> None:
    assert markdown(TABLE).splitlines()[-2:] == ["| raw / nats-py | 5 ms |", "| ours | 6 ms |"]


def test_every_bench_has_its_place_in_the_page() -> None:
    page = PAGE.read_text("utf-8")
    missing = [each.stem[6:] for each in FOLDER.glob("bench_*.py") if f"<!-- bench {each.stem[6:]} -->" not in page]
    assert not missing
