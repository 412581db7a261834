"""Other systems on the bus as callers: the role and the tenants of each, from a file.

    {"crm": {"role": "operator", "tenants": ["acme", "globex"]}, "*": {"role": "viewer", "tenants": []}}

Without a file, every system may do everything, as its account on the bus was enough before there were roles. With a
file this is so for a system without an entry and without `*`. The file is read again when it changes; one that
can't be read stops the events of all systems until it is repaired.
"""

from pathlib import Path

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from shared.errors import DependencyUnavailable
from shared.identity.caller import Caller, CallerKind, Role
from shared.model import Model

_EVERY_OTHER = "*"
_MOST_BYTES = 1024 * 1024


class SystemRights(Model):
    """What one system may do. A field that isn't known is refused: `tenant` for `tenants` would mean every tenant."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    tenants: frozenset[str] | None = Field(default=None, max_length=10_000)
    """The ids of the tenants that it may see; None for every tenant, as with the role `admin`."""


_FILE: TypeAdapter[dict[str, SystemRights]] = TypeAdapter(dict[str, SystemRights])


class OutsideSystems:
    """The callers behind the accounts of other systems."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._rights: dict[str, SystemRights] = {}

    def caller(self, system: str) -> Caller:
        """The caller of a system's event. Raises DependencyUnavailable if the file can't be read."""
        if self._path is not None:
            self._refresh(self._path)
        found = self._rights.get(system) or self._rights.get(_EVERY_OTHER)
        if found is None or found.role is Role.ADMIN:
            return Caller(system, CallerKind.SYSTEM, Role.ADMIN, None)
        return Caller(system, CallerKind.SYSTEM, found.role, found.tenants)

    def _refresh(self, path: Path) -> None:
        """Read the file if it has changed since the last time."""
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_ino)
            if version != self._read_at:
                self._rights = read_rights(path)
                self._read_at = version
        except (OSError, ValueError) as error:
            raise DependencyUnavailable(f"OUTSIDE_ROLES_PATH={path}", str(error)) from error


def read_rights(path: Path) -> dict[str, SystemRights]:
    """What the file has. Raises OSError, or ValueError with the place of the first problem."""
    content = path.read_bytes()
    if len(content) > _MOST_BYTES:
        raise ValueError(f"the file is larger than {_MOST_BYTES} bytes")
    try:
        return _FILE.validate_python(orjson.loads(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
