"""Modules that call themselves pure are checked to be so."""

import ast
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def pure_modules() -> set[str]:
    """The deployer's modules whose docstring calls them pure."""
    found = set()
    for path in (ROOT / "services/deployer").rglob("*.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if "Pure" in text.replace(":", " ").replace(".", " ").replace(",", " ").split():
            found.add(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    return found


def test_import_linter_covers_every_module_that_calls_itself_pure() -> None:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    [covered] = [each["source_modules"] for each in contracts if each["name"].startswith("Pure cores")]
    missing = [name for name in pure_modules() if not any(f"{name}.".startswith(f"{each}.") for each in covered)]
    assert len(pure_modules()) > 10
    assert missing == []
