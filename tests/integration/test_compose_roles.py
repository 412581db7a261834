"""The step `roles` of compose.yaml, on servers as the official image creates them."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from embedded.account import account_for
from embedded.child import Child
from embedded.ports import free_ports
from embedded.postgres import STOP_SIGNAL, is_ready, server_command
from embedded.postgres_cluster import Login, binary, make_cluster
from shared.database.server_roles import RolesSettings, set_up_servers
from shared.errors import DependencyUnavailable

HOSTS = {
    "postgres": ("ecp_orchestrator", "ecp_user"),
    "postgres-demo": ("ecp_orchestrator_demo", "ecp_demo_user"),
    "k8s-simulator-postgres": ("k8s_simulator", "k8s_user"),
}
# Objects of the owner that hide PostgreSQL's own, so that a superuser would use them.
TRAPS = (
    "CREATE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS"
    " 'BEGIN ALTER ROLE ecp_user SUPERUSER; RETURN true; END'",
    "CREATE VIEW pg_roles AS SELECT oid, rolname, rolsuper AND trap() AS rolsuper FROM pg_catalog.pg_roles",
    "ALTER DATABASE ecp_orchestrator SET search_path TO public, pg_catalog",
)


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A short path, because a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def settings(sockets: Path, **changes: str) -> RolesSettings:
    """Every login with a password of its own."""
    urls: dict[str, Any] = {}
    for name, user, host in (
        ("database_url", "ecp_user", "postgres"),
        ("demo_database_url", "ecp_demo_user", "postgres-demo"),
        ("simulator_owner_database_url", "k8s_user", "k8s-simulator-postgres"),
        ("gateway_database_url", "ecp_gateway", "postgres"),
        ("gateway_demo_database_url", "ecp_gateway", "postgres-demo"),
        ("monitor_database_url", "ecp_monitor", "postgres"),
        ("monitor_demo_database_url", "ecp_monitor", "postgres-demo"),
        ("simulator_database_url", "ecp_simulator", "k8s-simulator-postgres"),
    ):
        urls[name] = f"postgresql://{user}:of-{name}@{host}:5432/{HOSTS[host][0]}"
    return RolesSettings(**{**urls, "postgres_sockets": sockets, **changes})


@asynccontextmanager
async def image(directory: Path, sockets: Path, host: str, superuser: str) -> AsyncIterator[int]:
    """A server with POSTGRES_USER `superuser`, the published password, and trust on its socket; its port."""
    database, _ = HOSTS[host]
    account, login = account_for(binary("postgres")), Login(database, superuser, "ecp_password")
    data, [port] = directory / host, free_ports(1)
    if not data.exists():
        await make_cluster(data, login, account, durable=False)
        rules = data / "pg_hba.conf"
        rules.write_text("local all all trust\n" + rules.read_text(encoding="utf-8"), encoding="utf-8")
    folder = sockets / host
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    (folder / ".s.PGSQL.5432").unlink(missing_ok=True)
    (folder / ".s.PGSQL.5432").symlink_to(f".s.PGSQL.{port}")
    command = [*server_command(data, port, durable=False), f"--unix_socket_directories={folder}"]
    child = Child(command, directory / f"{host}.log", stop_signal=STOP_SIGNAL, account=account)
    try:
        await child.until_ready(lambda: is_ready(login, port), "PostgreSQL", 60)
        yield port
    finally:
        await child.stop()


@pytest.mark.parametrize("superuser", ["postgres", "ecp_user"])
async def test_new_and_old_volumes_get_their_roles_and_no_login_is_a_superuser(
    tmp_path: Path, sockets: Path, superuser: str
) -> None:
    async with image(tmp_path, sockets, "postgres", superuser) as port:
        before = await asyncpg.connect(Login("ecp_orchestrator", superuser, "ecp_password").url(port))
        await before.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        await before.close()

        await set_up_servers(settings(sockets))
        owner = await asyncpg.connect(Login("ecp_orchestrator", "ecp_user", "of-database_url").url(port))
        for trap in TRAPS:
            await owner.execute(trap)
        await owner.close()
        await set_up_servers(settings(sockets))

        for user in ("postgres", "ecp_user"):
            assert not await is_ready(Login("ecp_orchestrator", user, "ecp_password"), port)
        for user, password in (("ecp_gateway", "of-gateway_database_url"), ("ecp_monitor", "of-monitor_database_url")):
            assert await is_ready(Login("ecp_orchestrator", user, password), port)
        owner = await asyncpg.connect(Login("ecp_orchestrator", "ecp_user", "of-database_url").url(port))
        try:
            assert await owner.fetchval("SELECT answer FROM kept") == 42
            await owner.execute("ALTER TABLE kept ADD COLUMN more int")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await owner.execute("COPY kept (answer) FROM PROGRAM 'id'")
            assert await owner.fetch("SELECT rolname FROM pg_catalog.pg_roles WHERE rolsuper") == [("postgres",)]
        finally:
            await owner.close()


async def test_the_simulator_makes_its_own_tables_which_are_its_owner_s(tmp_path: Path, sockets: Path) -> None:
    async with image(tmp_path, sockets, "k8s-simulator-postgres", "postgres") as port:
        await set_up_servers(settings(sockets))
        simulator = await asyncpg.connect(
            Login("k8s_simulator", "ecp_simulator", "of-simulator_database_url").url(port)
        )
        try:
            await simulator.execute("CREATE TABLE objects (name text)")
            assert (
                await simulator.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'objects'") == "k8s_user"
            )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await simulator.execute("COPY objects FROM PROGRAM 'id'")
        finally:
            await simulator.close()


async def test_a_database_elsewhere_is_left_alone_and_a_login_of_the_owner_s_own_is_no_role(sockets: Path) -> None:
    await set_up_servers(settings(sockets, database_url="postgresql://us:secret@db.example/ours"))


async def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    (tmp_path / "postgres-demo").mkdir()
    with pytest.raises(DependencyUnavailable, match=r"PostgreSQL \(postgres-demo\)"):
        await set_up_servers(settings(tmp_path))


def test_production_takes_no_password_of_the_example(tmp_path: Path) -> None:
    example = "postgresql://ecp_monitor:tryout@postgres:5432/ecp_orchestrator"
    assert settings(tmp_path, monitor_database_url=example)
    with pytest.raises(ValueError, match="MONITOR_DATABASE_URL"):
        settings(tmp_path, monitor_database_url=example, environment="production")
