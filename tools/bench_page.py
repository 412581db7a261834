"""Writes the tables of benchmarks into docs/performance.md. Pure.

Those of the benchmark `pipeline` are between the comments `<!-- bench pipeline -->` and `<!-- /bench -->`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any


def with_tables(page: str, name: str, tables: Sequence[Mapping[str, Any]], about: str) -> str:
    """`page` with `tables` in the place of the benchmark `name`; unchanged if it has no such place.

    `about` is a line that tells when, where and on what they were measured.
    """
    place = re.compile(rf"(<!-- bench {re.escape(name)} -->\n).*?(<!-- /bench -->)", re.DOTALL)
    text = "\n".join([about, *map(markdown, tables)])
    return place.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page)


def markdown(table: Mapping[str, Any]) -> str:
    """One table, with its title above it."""
    columns = table["columns"]
    lines = [columns, ["---" if index == 0 else "---:" for index in range(len(columns))], *table["rows"]]
    rows = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
    return f"\n{table['title']}:\n\n{rows}\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
