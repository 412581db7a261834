"""The three databases of the stack: which of them is a server of ours, who logs in with what, and where others are.

Passwords are made at the first start and kept in the data directory, readable by its owner only. `DATABASE_URL` and its
like are honoured: one that names our server gives the owner's password, any other is a database elsewhere, which every
service then uses with that login.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from embedded.directory import DataDirectory
from embedded.errors import EmbeddedError
from embedded.kept_files import read_kept, texts_in
from embedded.postgres_cluster import Login
from embedded.settings import EmbeddedSettings
from shared.roles import GATEWAY, MONITOR, SIMULATOR, SUPERUSER, Roles
from shared.settings import EXAMPLE_PASSWORDS

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_REMEDY = "restore it from a backup: the databases know only these passwords"
Passwords = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class EmbeddedDatabase:
    """One database, with the name, port and owner that the guides give it. `services` maps a service to its role."""

    name: str
    variable: str
    database: str
    owner: str
    port: int
    services: Mapping[str, str]
    acting: frozenset[str] = frozenset()
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    elsewhere: str | None = field(default=None, repr=False)
    """The URL of one that is no server of ours."""

    def data(self, directory: DataDirectory) -> Path:
        return directory.databases / self.name

    @property
    def login(self) -> Login:
        """The owner's."""
        return Login(self.database, self.owner, self.passwords[self.owner])

    @property
    def bootstrap_login(self) -> Login:
        return Login(self.database, SUPERUSER, self.passwords[SUPERUSER])

    @property
    def roles(self) -> Roles:
        services = {role: self.passwords[role] for role in self.services.values()}
        return Roles(self.owner, self.passwords[self.owner], self.passwords[SUPERUSER], services, self.acting)

    def url(self, role: str | None = None) -> str:
        """The URL by which `role`, or the owner, reaches it."""
        if self.elsewhere is not None:
            return self.elsewhere
        user = role or self.owner
        return Login(self.database, user, quote(self.passwords[user], safe="")).url(self.port)


class EmbeddedDatabases:
    """All three. Raises EmbeddedError for a variable that can't be honoured."""

    def __init__(self, settings: EmbeddedSettings, file: Path) -> None:
        wanted = _guides_databases(settings)
        given = {each.variable: _given(each, getattr(settings, each.variable.lower())) for each in wanted}
        passwords = _passwords(file, wanted, given)
        self.all = [
            _with(each, passwords[each.name], given[each.variable], getattr(settings, each.variable.lower()))
            for each in wanted
        ]
        self.servers = [each for each in self.all if each.elsewhere is None]

    def owner_urls(self) -> dict[str, str]:
        """What the migration gets, and the customer."""
        return {each.variable: each.url() for each in self.all}

    def urls_of(self, service: str) -> dict[str, str]:
        """What `service` gets: the databases that it uses, by its own role."""
        return {each.variable: each.url(each.services[service]) for each in self.all if service in each.services}

    def remarks(self) -> Iterator[str]:
        """What the person who starts it must know, a line each."""
        for each in self.all:
            if each.elsewhere is not None:
                parts = urlsplit(each.elsewhere)
                where = f"{parts.hostname}:{parts.port or 5432}{parts.path}"
                yield f"{each.variable}: {where} is used, and no server started"
            elif each.passwords[each.owner] in EXAMPLE_PASSWORDS:
                yield f"{each.variable} has the password that the guides print: any local user can be {each.owner}"


def _guides_databases(settings: EmbeddedSettings) -> list[EmbeddedDatabase]:
    both = {"gateway": GATEWAY, "monitor": MONITOR}
    return [
        EmbeddedDatabase("postgres", "DATABASE_URL", "ecp_orchestrator", "ecp_user", settings.database_port, both),
        EmbeddedDatabase(
            *("postgres-demo", "DEMO_DATABASE_URL", "ecp_orchestrator_demo", "ecp_demo_user"),
            *(settings.demo_database_port, both),
        ),
        # The simulator makes its own tables, and there are no others: it acts as their owner.
        EmbeddedDatabase(
            *("postgres-simulator", "SIMULATOR_DATABASE_URL", "k8s_simulator", "k8s_user"),
            *(settings.simulator_database_port, {"simulator": SIMULATOR}, frozenset({SIMULATOR})),
        ),
    ]


def _given(database: EmbeddedDatabase, url: str | None) -> str | None:
    """The owner's password where `url` names our server; None where it is absent or names another one."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        ours = parts.hostname in _LOOPBACK and parts.port == database.port
    except ValueError as error:
        raise EmbeddedError(f"{database.variable} can't be used: {error}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise EmbeddedError(f"{database.variable}: write it as postgresql://user:password@host:port/database")
    if not ours:
        return None
    return _password_for_ours(database, parts)


def _password_for_ours(database: EmbeddedDatabase, parts: SplitResult) -> str:
    if (parts.username, parts.path) != (database.owner, f"/{database.database}") or not parts.password:
        wanted = f"postgresql://{database.owner}:<password>@127.0.0.1:{database.port}/{database.database}"
        raise EmbeddedError(f"{database.variable} names the server that is started here, where it would be {wanted}")
    password = unquote(parts.password)
    if not password.isprintable():
        raise EmbeddedError(f"{database.variable}: its password has control characters")
    return password


def _passwords(file: Path, databases: list[EmbeddedDatabase], given: Mapping[str, str | None]) -> Passwords:
    """Each server's passwords, in `file` from now on. The guides' are kept only while a variable has them."""
    known = _known(file)
    wanted = {}
    for database in databases:
        of_server = {
            role: password
            for role, password in known.get(database.name, {}).items()
            if password not in EXAMPLE_PASSWORDS
        }
        for role in (SUPERUSER, database.owner, *database.services.values()):
            of_server.setdefault(role, secrets.token_urlsafe(24))
        if password := given[database.variable]:
            of_server[database.owner] = password
        wanted[database.name] = of_server
    if wanted != known:
        _keep(file, wanted)
    return wanted


def _known(file: Path) -> Passwords:
    found = read_kept(file, _REMEDY)
    broken = [name for name, each in found.items() if not isinstance(each, dict)]
    if broken:
        raise EmbeddedError(f"{file} is broken: {broken[0]} has no passwords. {_REMEDY.capitalize()}")
    return {name: texts_in(each, file, _REMEDY) for name, each in found.items()}


def _keep(file: Path, passwords: Passwords) -> None:
    """Write `passwords`, readable by the owner only. Renamed when it is whole and on the disk: none may be lost."""
    partial = file.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as text:
        json.dump(passwords, text, indent=2)
        text.flush()
        os.fsync(text.fileno())
    partial.replace(file)


def _with(
    database: EmbeddedDatabase, passwords: Mapping[str, str], given: str | None, url: str | None
) -> EmbeddedDatabase:
    return replace(database, passwords=passwords, elsewhere=url if url and given is None else None)
