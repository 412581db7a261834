"""Suites share code by `tests/support` alone: none imports from the folder of another, or from another test module."""

import re
from pathlib import Path

from tools.locks import ROOT

TESTS = ROOT / "tests"
IMPORT = re.compile(r"^\s*from (tests\.[\w.]+) import", re.MULTILINE)
"""Not by parsing every file, which takes seconds."""


def suite(path: Path) -> str:
    """The folder of a suite: a service's below `unit`, else the first one."""
    parts = path.relative_to(TESTS).parts
    return "/".join(parts[: 2 if parts[0] == "unit" else 1])


def imported(path: Path) -> list[Path]:
    """The modules of tests that a module imports by name."""
    names = IMPORT.findall(path.read_text(encoding="utf-8"))
    return [ROOT / f"{name.replace('.', '/')}.py" for name in names]


def test_no_suite_imports_from_the_folder_of_another() -> None:
    found = [
        f"{path.relative_to(TESTS)} imports {module.relative_to(TESTS)}"
        for path in TESTS.rglob("*.py")
        for module in imported(path)
        if suite(module) not in ("support", suite(path))
    ]
    assert found == []
