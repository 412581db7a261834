"""How a benchmark reports: tables and remarks on the terminal, and tables for docs/performance.md (`tools.benches`)."""

import json
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

RESULTS = "BENCH_RESULTS"
"""The variable with the file to which tables are added, a line of JSON each."""
_WIDTH = 200


def show(table: Table) -> None:
    """Print a table, and add it to the results."""
    Console(width=_WIDTH).print(table)
    if path := os.environ.get(RESULTS):
        with Path(path).open("a", encoding="utf-8") as results:
            results.write(json.dumps(_content(table)) + "\n")


def note(text: str) -> None:
    """Print a remark at once: a benchmark that is stopped has shown what it had by then."""
    Console(width=_WIDTH).print(text, markup=False, highlight=False)


def _content(table: Table) -> dict[str, object]:
    columns = [[_plain(cell) for cell in column.cells] for column in table.columns]
    return {
        "title": _plain(table.title or ""),
        "columns": [_plain(column.header) for column in table.columns],
        "rows": [list(row) for row in zip(*columns, strict=True)],
    }


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain
