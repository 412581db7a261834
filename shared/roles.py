"""The roles of a PostgreSQL server of ours, as SQL: one superuser for the server, an owner, a role for each service.

    postgres        the bootstrap superuser; only setting the server up needs it
    ecp_user, ...   the customer's login: owns the database and all that is in it, and is no superuser
    ecp_gateway     and its like: a service, with the rights of `shared.database.grants`

Servers of the first version had the owner as their bootstrap superuser, which PostgreSQL never lets be anything else.
So that role is renamed, and the owner made again. All statements can be repeated; each is one transaction.
"""

# ruff: noqa: S608 - SQL is what this module makes; `literal` and `name` quote what goes into it.

from collections.abc import Mapping
from dataclasses import dataclass, field

SUPERUSER = "postgres"
GATEWAY, MONITOR, SIMULATOR = "ecp_gateway", "ecp_monitor", "ecp_simulator"

_BOOTSTRAP_OID = 10
_FIRST_OID_OF_USERS = 16_384
_PLAIN = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_OWN_NAMES_ONLY = "PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)"
_DANGEROUS = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
"""Predefined roles that reach the machine: its programs and its files."""

DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of one server and their passwords. `acting` services act as the owner: all tables are theirs."""

    owner: str
    owner_password: str = field(repr=False)
    superuser_password: str = field(repr=False)
    services: Mapping[str, str] = field(repr=False)
    acting: frozenset[str] = frozenset()


def roles_sql(roles: Roles) -> str:
    """A statement for a superuser that makes the roles, or changes those that are there. Passwords stand in it."""
    statements = [
        _renaming(roles.owner),
        _making(roles.owner, roles.owner_password),
        f"REVOKE {', '.join(_DANGEROUS)} FROM {name(roles.owner)}",
    ]
    for role, password in roles.services.items():
        statements.append(_making(role, password))
        if role in roles.acting:
            statements += [
                f"GRANT {name(roles.owner)} TO {name(role)}",
                f"ALTER ROLE {name(role)} SET role TO {name(roles.owner)}",
            ]
    statements.append(
        f"EXECUTE format('ALTER ROLE %I PASSWORD %L', (SELECT rolname FROM pg_roles WHERE oid = {_BOOTSTRAP_OID}),"
        f" {literal(roles.superuser_password)})"
    )
    return _block(*statements)


def ownership_sql(owner: str) -> str:
    """A statement that gives `owner` the database it runs in and, there, all that belongs to the bootstrap superuser.

    Not REASSIGN OWNED, which refuses that superuser. What extensions and PostgreSQL itself have made stays.
    """
    return _block(
        _each(
            "SELECT datname AS object FROM pg_database WHERE datname = current_database() AND datname <> 'postgres'"
            f" AND datdba = {_BOOTSTRAP_OID}",
            f"ALTER DATABASE %I OWNER TO {name(owner)}",
        ),
        _each(
            _owned("pg_namespace", "nspowner", "quote_ident(nspname)"),
            f"ALTER SCHEMA %s OWNER TO {name(owner)}",
        ),
        _each(
            _owned("pg_class", "relowner", "oid::regclass::text")
            + " AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT relispartition AND NOT (relkind = 'S' AND EXISTS"
            " (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid"
            " AND deptype IN ('a', 'i')))",
            f"ALTER TABLE %s OWNER TO {name(owner)}",
        ),
        _each(
            _owned("pg_class", "relowner", "oid::regclass::text")
            + " AND relkind IN ('r', 'p', 'f') AND relispartition",
            f"ALTER TABLE %s OWNER TO {name(owner)}",
        ),
        _each(
            _owned("pg_proc", "proowner", "oid::regprocedure::text"),
            f"ALTER ROUTINE %s OWNER TO {name(owner)}",
        ),
        _each(
            _owned("pg_type", "typowner", "oid::regtype::text")
            + " AND (typtype IN ('e', 'd', 'r') OR typtype = 'c' AND EXISTS"
            " (SELECT 1 FROM pg_class WHERE pg_class.oid = typrelid AND relkind = 'c'))",
            f"ALTER TYPE %s OWNER TO {name(owner)}",
        ),
    )


def literal(text: str) -> str:
    """A string constant of SQL on one line. Raises ValueError for control characters, which no password needs."""
    if not text.isprintable():
        raise ValueError("a password has control characters")
    quoted = text.replace("'", "''").replace("\\", "\\\\")
    return f"E'{quoted}'"


def name(text: str) -> str:
    """An identifier of SQL."""
    quoted = text.replace('"', '""')
    return f'"{quoted}"'


def _renaming(owner: str) -> str:
    """Rename the bootstrap superuser where it has the owner's name: by another one, since no session renames itself."""
    return (
        f"IF EXISTS (SELECT 1 FROM pg_roles WHERE oid = {_BOOTSTRAP_OID} AND rolname = {literal(owner)}) THEN"
        " CREATE ROLE ecp_renaming SUPERUSER;"
        " SET SESSION AUTHORIZATION ecp_renaming;"
        f" ALTER ROLE {name(owner)} RENAME TO {name(SUPERUSER)};"
        # Not RESET, which single-user mode has nothing to go back to for.
        f" SET SESSION AUTHORIZATION {name(SUPERUSER)};"
        " DROP ROLE ecp_renaming;"
        " END IF"
    )


def _making(role: str, password: str) -> str:
    return (
        f"IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {literal(role)}) THEN CREATE ROLE {name(role)}; END IF;"
        f" ALTER ROLE {name(role)} {_PLAIN} PASSWORD {literal(password)}"
    )


def _owned(catalog: str, owner: str, shown: str) -> str:
    """The bootstrap superuser's objects in `catalog` that are no part of PostgreSQL, or of an extension."""
    return (
        f"SELECT {shown} AS object FROM {catalog} WHERE {owner} = {_BOOTSTRAP_OID} AND oid >= {_FIRST_OID_OF_USERS}"
        f" AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = {catalog}.tableoid AND objid = {catalog}.oid"
        " AND deptype = 'e')"
    )


def _each(query: str, statement: str) -> str:
    return f"FOR item IN {query} LOOP EXECUTE format('{statement}', item.object); END LOOP"


def _block(*statements: str) -> str:
    """One statement on one line, since PostgreSQL's single-user mode ends a statement at the line's end.

    It finds nothing but PostgreSQL's own functions and operators: the owner's must not run with a superuser's rights.
    """
    statements = (_OWN_NAMES_ONLY, *statements)
    return f"DO $ecp$ DECLARE item record; BEGIN {'; '.join(statements)}; END $ecp$"
