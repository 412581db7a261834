"""Permissions on the embedded PostgreSQL, and the conversion of data of the previous version."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import asyncpg
import pytest

from embedded.account import account_for
from embedded.child import Child
from embedded.ports import free_ports
from embedded.postgres import STOP_SIGNAL, is_ready, server_command
from embedded.postgres_cluster import Login, binary, has_roles, make_cluster, set_up_roles, single_user
from shared.database import Database, DatabaseSettings, drop_partition, ensure_partitions
from shared.database.upgrade import upgrade_one
from shared.errors import EcpError
from shared.roles import GATEWAY, MONITOR, Roles, roles_sql
from shared.subjects import Mode

PUBLISHED = Login("ecp_orchestrator", "ecp_user", "ecp_password")
"""How the first version created its clusters: with this login as the superuser."""
ROLES = Roles("ecp_user", "owner's", "superuser's", {GATEWAY: "gateway's", MONITOR: "monitor's"})
OWNER = Login("ecp_orchestrator", "ecp_user", "owner's")
SUPERUSER = Login("ecp_orchestrator", "postgres", "superuser's")
ATTACKS = (
    "COPY stolen FROM PROGRAM 'id'",
    "COPY stolen FROM '/etc/passwd'",
    "COPY stolen TO '/tmp/x'",
    "CREATE ROLE another SUPERUSER",
    "ALTER SYSTEM SET archive_command = 'id'",
    "SET ROLE postgres",
)
# With the argument types of a comparison in our SQL, so that it is preferred over PostgreSQL's own.
TRAPS = (
    "CREATE FUNCTION trap(oid, int) RETURNS boolean LANGUAGE plpgsql AS"
    " 'BEGIN ALTER ROLE ecp_user SUPERUSER; RETURN false; END'",
    "CREATE OPERATOR = (leftarg = oid, rightarg = int, function = trap)",
)
_HAND_MADE = """
CREATE TABLE monitoring_data_2024_01 PARTITION OF monitoring_data FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE notes (id SERIAL PRIMARY KEY, note TEXT);
INSERT INTO notes (note) VALUES ('kept');
CREATE VIEW all_notes AS SELECT * FROM notes;
CREATE TYPE mood AS ENUM ('good');
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA reports CREATE TABLE figures (figure int);
"""


@dataclass
class Cluster:
    """A data directory, with or without a running server."""

    data: Path
    account: str

    @asynccontextmanager
    async def served(self, login: Login) -> AsyncIterator[int]:
        [port] = free_ports(1)
        command = server_command(self.data, port, durable=False)
        child = Child(command, self.data.with_name("log"), stop_signal=STOP_SIGNAL, account=self.account)
        try:
            await child.until_ready(lambda: is_ready(login, port), "PostgreSQL", 60)
            yield port
        finally:
            await child.stop()


@asynccontextmanager
async def connected(login: Login, port: int) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(login.url(port).replace("'", "%27"))
    try:
        yield connection
    finally:
        await connection.close()


async def migrate(url: str) -> None:
    database = Database(Mode.PRODUCTION, DatabaseSettings(database_url=url), "test")
    await upgrade_one(database)
    await database.dispose()


@pytest.fixture
async def old(tmp_path: Path) -> Cluster:
    """Data of the previous version, whose superuser is `ecp_user` with the guides' password."""
    cluster = Cluster(tmp_path / "data", account_for(binary("postgres")))
    await make_cluster(cluster.data, PUBLISHED, cluster.account, durable=False)
    async with cluster.served(PUBLISHED) as port:
        await migrate(PUBLISHED.url(port))
        async with connected(PUBLISHED, port) as connection:
            await connection.execute(_HAND_MADE)
            await connection.execute("CREATE DATABASE another")
        async with connected(Login("another", "ecp_user", "ecp_password"), port) as connection:
            await connection.execute("CREATE TABLE elsewhere AS SELECT 1 AS kept")
    return cluster


async def test_data_of_the_version_before_goes_over_and_nothing_is_lost(old: Cluster) -> None:
    assert not has_roles(old.data, ROLES)
    await set_up_roles(old.data, ROLES, old.account)
    assert has_roles(old.data, ROLES)
    async with old.served(Login(OWNER.database, OWNER.user, "owner%27s")) as port:
        assert not await is_ready(PUBLISHED, port)
        await migrate(OWNER.url(port).replace("'", "%27"))
        async with connected(OWNER, port) as owner:
            await expect_no_way_out(owner)
            await expect_the_customer_s_rights(owner)
        async with connected(Login("another", "ecp_user", "owner's"), port) as owner:
            assert await owner.fetchval("SELECT kept FROM elsewhere") == 1
            await owner.execute("DROP TABLE elsewhere")
        async with connected(SUPERUSER, port) as superuser:
            assert await superuser.fetch("SELECT rolname FROM pg_roles WHERE rolsuper") == [("postgres",)]
        await expect_the_services_rights(port)


async def expect_no_way_out(connection: asyncpg.Connection) -> None:
    """No statement can run programs, access files of the machine, or create a superuser."""
    await connection.execute("CREATE TEMPORARY TABLE stolen (line text)")
    for attack in ATTACKS:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(attack)


async def expect_the_customer_s_rights(owner: asyncpg.Connection) -> None:
    """The owner owns everything: our tables, manually created objects, and new ones."""
    assert await owner.fetchval("SELECT note FROM all_notes") == "kept"
    await owner.execute("INSERT INTO notes (note) VALUES ('new')")
    await owner.execute("ALTER TABLE notes ADD COLUMN more int")
    await owner.execute(
        "CREATE TABLE monitoring_data_2024_02 PARTITION OF monitoring_data"
        " FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')"
    )
    await owner.execute(
        "INSERT INTO monitoring_data (metric_type, metric_name, metric_value, timestamp)"
        " VALUES ('cpu', 'cpu', 1, '2024-01-15'), ('cpu', 'cpu', 1, '2024-02-15')"
    )
    await owner.execute("DROP TABLE monitoring_data_2024_01")
    await owner.execute("ALTER TYPE mood ADD VALUE 'bad'")
    await owner.execute("DROP FUNCTION one()")
    await owner.execute("DROP SCHEMA reports CASCADE")


async def expect_the_services_rights(port: int) -> None:
    async with connected(Login("ecp_orchestrator", GATEWAY, "gateway's"), port) as gateway:
        await expect_no_way_out(gateway)
        await gateway.execute(
            "INSERT INTO tenants (tenant_id, preset, service_requirements, resources, sla_target)"
            " VALUES ('acme', 'small', '{}', '{}', '{}')"
        )
        await gateway.fetch("SELECT * FROM monitoring_data")
        for refused in (
            "DELETE FROM monitoring_data",
            "SELECT * FROM maintenance_windows",
            "SELECT * FROM notes",
            "DROP TABLE outbox",
            "CREATE TABLE mine (id int)",
            "SELECT make_monitoring_partition('mine', '2035-01-01', '2035-02-01')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await gateway.execute(refused)
    async with connected(Login("ecp_orchestrator", MONITOR, "monitor's"), port) as monitor:
        await expect_no_way_out(monitor)
        for refused in ("SELECT * FROM outbox", "DELETE FROM tenants", "UPDATE tenants SET status = 'x'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await monitor.execute(refused)
        await monitor.fetch("SELECT id FROM tenants FOR KEY SHARE")


async def test_the_monitor_makes_and_drops_partitions_and_nothing_else(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "data", account_for(binary("postgres")))
    await make_cluster(cluster.data, SUPERUSER, cluster.account, durable=False, roles=ROLES)
    assert has_roles(cluster.data, ROLES)
    async with cluster.served(Login(OWNER.database, OWNER.user, "owner%27s")) as port:
        await migrate(OWNER.url(port).replace("'", "%27"))
        url = Login("ecp_orchestrator", MONITOR, "monitor%27s").url(port)
        database = Database(Mode.PRODUCTION, DatabaseSettings(database_url=url), "test")
        async with database.begin() as connection:
            await ensure_partitions(connection, date(2040, 1, 1), months=2)
            assert await drop_partition(connection, "monitoring_data_auto_2040_01")
        async with connected(OWNER, port) as owner:
            await owner.execute("INSERT INTO tenants (tenant_id, preset, service_requirements, resources, sla_target)"
                                " VALUES ('acme', 'small', '{}', '{}', '{}')")  # fmt: skip
            await owner.execute(
                "INSERT INTO monitoring_data (tenant_id, metric_type, metric_name, metric_value, timestamp)"
                " SELECT id, 'cpu', 'cpu', 1, '2040-02-02' FROM tenants"
            )
        async with database.begin() as connection:
            assert not await drop_partition(connection, "monitoring_data_auto_2040_02")
        with pytest.raises(Exception, match="is no partition of monitoring_data"):
            async with database.begin() as connection:
                await drop_partition(connection, "tenants")
        await database.dispose()


async def test_going_over_can_be_cut_short_at_any_moment_and_is_done_again(old: Cluster) -> None:
    for seconds in (0.05, 0.2, 0.4):
        with contextlib.suppress(TimeoutError, EcpError):
            await asyncio.wait_for(set_up_roles(old.data, ROLES, old.account), seconds)
    # Between the two steps the roles exist, but the superuser still owns the tables.
    await single_user(old.data, "postgres", [roles_sql(ROLES)], old.account)
    await set_up_roles(old.data, ROLES, old.account)
    await set_up_roles(old.data, ROLES, old.account)
    async with old.served(Login(OWNER.database, OWNER.user, "owner%27s")) as port, connected(OWNER, port) as owner:
        await expect_the_customer_s_rights(owner)


async def test_no_function_of_the_owner_runs_with_the_superuser_s_rights(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "data", account_for(binary("postgres")))
    await make_cluster(cluster.data, SUPERUSER, cluster.account, durable=False, roles=ROLES)
    login = Login(OWNER.database, OWNER.user, "owner%27s")
    async with cluster.served(login) as port, connected(OWNER, port) as owner:
        for trap in TRAPS:
            await owner.execute(trap)
    changed = replace(ROLES, services={GATEWAY: "another", MONITOR: "monitor's"})
    await set_up_roles(cluster.data, changed, cluster.account)
    async with cluster.served(login) as port, connected(OWNER, port) as owner:
        assert await owner.fetch("SELECT rolname FROM pg_roles WHERE rolsuper") == [("postgres",)]


async def test_the_superuser_s_password_is_never_in_a_file_that_others_may_read(tmp_path: Path) -> None:
    making = asyncio.create_task(make_cluster(tmp_path / "data", SUPERUSER, account_for(binary("postgres"))))
    file, modes = tmp_path / "data.password", set()
    while not making.done():
        with contextlib.suppress(FileNotFoundError):
            modes.add(file.stat().st_mode & 0o777)
        await asyncio.sleep(0.01)
    await making
    assert modes == {0o600}
    assert not file.exists()
