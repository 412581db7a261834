"""`python -m tools.settings_page`: docs/settings.md, each variable of the environment with its default, from the code.

A setting's text is the docstring below its field, or the comment beside it. A test fails if the page differs
from the code, or if a field has no text.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode

from cli.dead_letters import OperatorSettings
from embedded.settings import EmbeddedSettings
from services.calculator.settings import CalculatorSettings
from services.deployer.settings import DeployerSettings
from services.gateway.settings import GatewaySettings
from services.manifest.settings import ManifestSettings
from services.monitor.settings import MonitorSettings
from services.simulator.settings import SimulatorSettings
from shared.bus.__main__ import BootstrapSettings
from shared.catalog.settings import CatalogSettings
from shared.database.server_roles import RolesSettings
from shared.database.settings import DatabaseSettings
from shared.http.settings import HttpSettings
from shared.identity.settings import IdentitySettings
from shared.settings import BusSettings, ServiceSettings
from tools.locks import ROOT

FILE = ROOT / "docs" / "settings.md"
SECTIONS: dict[str, type[BaseSettings]] = {
    "Every service": ServiceSettings,
    "Every service on the bus (all but the simulator)": BusSettings,
    "Gateway, monitor and migration: the databases": DatabaseSettings,
    "The roles of PostgreSQL in containers": RolesSettings,
    "Gateway": GatewaySettings,
    "Gateway and simulator: others' requests": HttpSettings,
    "Gateway: who calls (docs/identity.md)": IdentitySettings,
    "Calculator": CalculatorSettings,
    "Manifest": ManifestSettings,
    "Deployer": DeployerSettings,
    "Monitor": MonitorSettings,
    "Simulator": SimulatorSettings,
    "Calculator and manifest: the catalogue": CatalogSettings,
    "The bootstrap of NATS": BootstrapSettings,
    "The command `ecp`": OperatorSettings,
    "`make run`": EmbeddedSettings,
}
_INTRODUCTION = """\
# Settings

Everything is set by the environment; a bad value stops the start with a sentence that names the variable. Made from the
code by `make docs`. `make run` sets addresses and passwords itself; in containers they come from `.env` (see
[.env.example](../.env.example)), where a password has no default.
"""
_SYMBOLS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@dataclass(frozen=True)
class Setting:
    """A variable, its default as one would write it, what it must be, and what it is for."""

    variable: str
    default: str
    must_be: str
    text: str


def settings(cls: type[BaseSettings]) -> Iterator[Setting]:
    """Those that `cls` itself declares; what it inherits has a section of its own."""
    texts: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if issubclass(each, BaseSettings) and each is not BaseSettings:
            texts |= _texts(each)
    for name in cls.__annotations__:
        if name in cls.model_fields:
            field = cls.model_fields[name]
            yield Setting(_variable(name, field), _default(field), _must_be(field), texts.get(name, ""))


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for title, cls in SECTIONS.items():
        rows = [f"| `{s.variable}` | {s.default} | {s.must_be} | {s.text} |" for s in settings(cls)]
        parts.append(
            "\n".join([f"## {title}\n", "| variable | default | must be | what |", "|---|---|---|---|", *rows, ""])
        )
    return "\n".join(parts)


def _texts(cls: type) -> dict[str, str]:
    """What stands beside each field as a comment, else below it, or below it and those that follow, as a docstring."""
    source = textwrap.dedent(inspect.getsource(cls))
    lines = source.splitlines()
    definition = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    without: list[str] = []
    for statement in definition.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            if comment := re.search(r"#\s(?!noqa)(.*)$", lines[(statement.end_lineno or statement.lineno) - 1]):
                found[statement.target.id] = comment[1].strip()
            else:
                without.append(statement.target.id)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            found |= dict.fromkeys(without, " ".join(str(statement.value.value).split()))
            without = []
        else:
            without = []
    return found


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return "` or `".join(str(choice) for choice in alias.choices)
    return str(alias) if alias else name.upper()


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value in ({}, "", ()):
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`"
    # Those of development, which are no secret, and which production refuses.
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _must_be(field: FieldInfo) -> str:
    limits = [_limit(each) for each in field.metadata]
    kind = _kind(field.annotation)
    return ", ".join(filter(None, ["text" if NoDecode in field.metadata else kind, *limits]))


def _limit(constraint: Any) -> str:
    return " ".join(
        f"{sign} {getattr(constraint, name):g}" for name, sign in _SYMBOLS.items() if hasattr(constraint, name)
    )


def _kind(annotation: Any) -> str:
    text = str(annotation)
    for words, kind in (
        ("Literal", ", ".join(re.findall(r"'(\w+)'", text))),
        ("dict", "JSON"),
        ("bool", "true or false"),
        ("int", "whole number"),
        ("float", "number"),
        ("Fraction", "number"),
        ("Path", "path"),
    ):
        if words in text:
            return kind
    return "text"


def main() -> None:
    """Write `docs/settings.md`."""
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
