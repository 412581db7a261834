"""The file with the role and the tenants of other systems, which gateway and monitor read again when it changes.

An entry stays when its system is removed: what the system has published before is still handled, with its own role.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedded.errors import EmbeddedError
from shared.identity.caller import Role
from shared.identity.systems import read_rights

_REMEDY = "repair it, or remove it: then every system may do everything"


def prepare(file: Path) -> None:
    """Create the file without entries. A missing one would stop the events of all systems."""
    if not file.exists():
        _write(file, {})


def put(file: Path, name: str, role: Role | None, tenants: Sequence[str] | None) -> None:
    """Store what a new system may do; without a role, that of an earlier system with this name goes.

    Raises EmbeddedError for a file that can't be used.
    """
    known = _read(file)
    known.pop(name, None)
    if role is not None:
        known[name] = {"role": role.value, "tenants": None if tenants is None else sorted(set(tenants))}
    _write(file, known)


def _read(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        rights = read_rights(file)
    except (OSError, ValueError) as error:
        raise EmbeddedError(f"{file} can't be used: {error}; {_REMEDY}") from error
    return {name: each.model_dump(mode="json") for name, each in rights.items()}


def _write(file: Path, known: dict[str, Any]) -> None:
    # Renamed when it is whole: half a file would stop the events of all systems.
    partial = file.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(known, indent=2, sort_keys=True), encoding="utf-8")
    partial.replace(file)
