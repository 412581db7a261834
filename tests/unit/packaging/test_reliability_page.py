"""Every test named in docs/reliability.md exists, and each fault has one."""

import ast
import re
from pathlib import Path

import pytest

from tools.locks import ROOT

pytestmark = pytest.mark.slow


PAGE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    """The cells of each row in the page's tables of faults, without headers."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [each for each in cells if len(each) == 3 and each[0] != "Fault"]


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE.read_text(encoding="utf-8")))))
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    tree = ast.parse(Path(ROOT, file).read_text(encoding="utf-8"))
    functions = [each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert name in functions


def test_each_fault_has_a_cause_and_a_test_that_shows_it_mended() -> None:
    assert len(rows()) > 20
    without = [row[0] for row in rows() if not row[1] or not NAMED.search(row[2])]
    assert without == []
