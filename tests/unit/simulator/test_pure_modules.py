"""Every module of the simulator that calls itself pure is in a contract of import-linter."""

import ast
import tomllib
from pathlib import Path

import services.simulator
from tools.locks import ROOT

SIMULATOR = Path(services.simulator.__file__).parent
CONTRACT = "Calculations of the simulator know neither its store nor its clock, and nothing that waits"


def test_each_pure_module_is_kept_from_store_clock_and_waiting() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    [covered] = [each["source_modules"] for each in contracts if each["name"] == CONTRACT]
    pure = set()
    for path in SIMULATOR.rglob("*.py"):
        documentation = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if "Pure" in documentation:
            pure.add(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert len(pure) >= 15
    assert pure <= set(covered)
