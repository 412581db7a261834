"""NATS and PostgreSQL of the embedded stack: they start in any directory, and keep their data when they are killed."""

import os
from contextlib import suppress
from pathlib import Path

import asyncpg
import nats
import nats.errors
import pytest

from embedded import account, postgres, postgres_cluster
from embedded.account import hand_over
from embedded.child import Child
from embedded.launch import NOBODY, SAME_ACCOUNT, USER_NAMESPACE
from embedded.nats import NatsServer, running_nats, write_error
from embedded.ports import free_ports
from embedded.postgres import PostgresServer, forget_stale_pid, server_command
from embedded.postgres_cluster import Login, make_cluster
from tests.support.small_disk import filled, small_disk

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to switch to another user")


@pytest.mark.parametrize("durable", [True, False])
async def test_nats_keeps_streams_and_ports_when_it_is_killed(tmp_path: Path, durable: bool) -> None:
    server = NatsServer(tmp_path, durable=durable)
    await server.start()
    url = server.url
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await client.jetstream().publish("kept", b"acknowledged")

    server.kill()
    await server.start()

    assert server.url == url
    again = await nats.connect(url)
    assert (await again.jetstream().get_msg("KEPT", 1)).data == b"acknowledged"
    await again.close()
    await client.close()
    await server.stop()


async def test_nats_reports_that_it_can_t_write_and_recovers_by_a_restart_when_there_is_space(tmp_path: Path) -> None:
    with small_disk(tmp_path, "32m"):
        server = NatsServer(tmp_path)
        await server.start()
        client = await nats.connect(server.url)
        jetstream = client.jetstream(timeout=0.5)
        await jetstream.add_stream(name="KEPT", subjects=["kept"])
        assert await write_error(server.monitor_url) is None

        acknowledged = 0
        with filled(tmp_path):
            while await write_error(server.monitor_url) is None:
                with suppress(nats.errors.TimeoutError):
                    await jetstream.publish("kept", b"a message" * 100)
                    acknowledged += 1
        assert "no space left" in (await write_error(server.monitor_url) or "")
        await client.close()
        await server.stop()
        await server.start()

        assert await write_error(server.monitor_url) is None
        client = await nats.connect(server.url)
        await client.jetstream().publish("kept", b"there is room")
        assert (await client.jetstream().stream_info("KEPT")).state.messages >= acknowledged + 1
        await client.close()
        await server.stop()


async def test_two_nats_servers_do_not_meet(tmp_path: Path) -> None:
    async with running_nats(tmp_path / "one") as one, running_nats(tmp_path / "two") as two:
        assert one != two


async def test_postgresql_keeps_data_and_port_when_it_is_killed(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path)
    await server.start()
    url = await server.create_database("shop", user="keeper", password="secret")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE goods AS SELECT 42 AS stock")

    server.kill()
    await server.start()

    assert await server_answer(url, "SELECT stock FROM goods") == 42
    await server.stop()
    connection.terminate()


@root_only
@pytest.mark.parametrize("chosen", [USER_NAMESPACE, NOBODY])
async def test_postgresql_runs_for_root_in_a_directory_that_is_closed_to_others(tmp_path: Path, chosen: str) -> None:
    if chosen == USER_NAMESPACE and account.account_for(postgres_cluster.binary("postgres")) != USER_NAMESPACE:
        pytest.skip("this machine permits no user namespaces")
    login, port, data = Login("shop", "keeper", "secret"), free_ports(1)[0], tmp_path / "data"
    await make_cluster(data, login, chosen, durable=False)
    command = server_command(data, port, durable=False)
    server = Child(command, tmp_path / "log", stop_signal=postgres.STOP_SIGNAL, account=chosen)

    await server.until_ready(lambda: postgres.is_ready(login, port), "PostgreSQL", 30)

    assert await server_answer(login.url(port), "SELECT current_database()") == "shop"
    await server.stop()


@root_only
def test_a_directory_changes_hands_with_all_that_is_in_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "base").mkdir(parents=True)
    (data / "base" / "1").write_text("")

    hand_over(data, NOBODY)
    assert (data / "base" / "1").stat().st_uid != 0

    hand_over(data, SAME_ACCOUNT)
    assert (data / "base" / "1").stat().st_uid == 0


async def test_a_cluster_that_was_half_made_is_made_again(tmp_path: Path) -> None:
    chosen = account.account_for(postgres_cluster.binary("postgres"))
    (tmp_path / "data.partial" / "base").mkdir(parents=True)

    await make_cluster(tmp_path / "data", Login("shop", "keeper", "secret"), chosen, durable=False)

    assert (tmp_path / "data" / "PG_VERSION").exists()
    assert names_in(tmp_path) == ["data"]


def test_a_pid_that_another_program_has_got_since_does_not_stop_postgresql(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{tmp_path}\n")

    forget_stale_pid(tmp_path)

    assert not lock.exists()


async def test_the_pid_of_a_server_that_runs_is_left_alone(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path)
    await server.start()

    forget_stale_pid(tmp_path / "data")

    assert (tmp_path / "data" / "postmaster.pid").exists()
    await server.stop()


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def server_answer(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()
