"""The journal on a real PostgreSQL: acknowledged writes survive a kill, versions never return, outages pass."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from embedded.postgres import PostgresServer
from services.simulator.storage.journal import Journal, JournalAway
from services.simulator.storage.store import Store
from tests.support.polling import eventually
from tests.support.simulator_api import NOW, config_map
from tests.support.simulator_process import running_simulator


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    """A database of the test's own."""
    return await postgres.create_database(f"sim_{uuid.uuid4().hex[:12]}", user="k8s_user", password="k8s_password")


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Journal]:
    """A journal with its writer, closed in the orderly way."""
    journal = Journal(url)
    await asyncio.wait_for(journal.open(), 60)
    writer = asyncio.create_task(journal.run())
    try:
        yield journal
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await journal.close()


async def stored(journal: Journal, cluster: str = "demo") -> Store:
    """A cluster's store as a start makes it."""
    store = Store(lambda: NOW, journal.for_cluster(cluster))
    store.load(*await journal.load(cluster))
    return store


def named(name: str, **data: Any) -> dict[str, Any]:
    """A config map in the namespace `default`."""
    return {**config_map(name, **data), "metadata": {"name": name, "namespace": "default"}}


async def disconnect_all(postgres: PostgresServer, url: str) -> None:
    """End every connection to a database, as a failing network would."""
    admin = await asyncpg.connect(postgres.url())
    name = url.rsplit("/", 1)[-1]
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await admin.close()


async def test_what_was_committed_is_loaded_again_and_what_was_deleted_is_not(url: str) -> None:
    async with opened(url) as journal:
        store = await stored(journal)
        for name in ("a", "b"):
            store.create("configmaps", named(name, v="1"))
        changed = store.replace("configmaps", named("a", v="2"))
        store.delete("configmaps", "default", "b")
        await journal.committed(5)
    async with opened(url) as journal:
        again = await stored(journal)
    assert again.list("configmaps") == [changed]


async def test_clusters_are_kept_apart(url: str) -> None:
    async with opened(url) as journal:
        (await stored(journal, "demo")).create("configmaps", named("a"))
        await journal.committed(5)
        other = await stored(journal, "default")
    assert other.list("configmaps") == []


async def test_versions_go_on_above_every_one_that_was_ever_given_out(url: str, postgres: PostgresServer) -> None:
    killed = Journal(url)  # its writer never runs: what was seen by watchers was not written yet
    await killed.open()
    store = await stored(killed)
    store.create("configmaps", named("a"))
    for index in range(50):
        store.replace("configmaps", named("a", v=str(index)))
    await disconnect_all(postgres, url)
    async with opened(url) as journal:
        assert (await stored(journal)).version > store.version


async def test_changes_of_one_object_before_a_commit_are_written_once(url: str) -> None:
    async with opened(url) as journal:
        store = await stored(journal)
        store.create("configmaps", named("a"))
        for index in range(100):
            store.replace("configmaps", named("a", v=str(index)))
        assert journal.backlog == 1
        await journal.committed(5)
        assert journal.backlog == 0


async def test_a_second_simulator_waits_until_the_first_has_gone(url: str) -> None:
    async with opened(url):
        second = Journal(url)
        opening = asyncio.create_task(second.open())
        with pytest.raises(JournalAway):
            await second.ready(1.0)
    await asyncio.wait_for(opening, 60)
    await second.close()


async def test_an_outage_is_survived_and_nothing_is_lost(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres")
    await server.start()
    try:
        database = await server.create_database("simulator", user="k8s_user", password="k8s_password")
        async with opened(database) as journal:
            store = await stored(journal)
            store.create("configmaps", named("before"))
            await journal.committed(10)
            # Not SIGKILL: a backend may outlive its postmaster for a moment, and still commit.
            await server.stop()
            store.create("configmaps", named("during"))
            with pytest.raises(JournalAway):
                await journal.committed(0.5)
            with pytest.raises(JournalAway):
                await journal.ready(0.1)
            await server.start()
            await journal.ready(20)
            await journal.committed(20)
        async with opened(database) as journal:
            found = [obj["metadata"]["name"] for obj in (await stored(journal)).list("configmaps")]
    finally:
        await server.stop()
    assert found == ["before", "during"]


async def test_a_journal_that_lost_its_connection_connects_again(url: str, postgres: PostgresServer) -> None:
    async with opened(url) as journal:
        store = await stored(journal)
        await disconnect_all(postgres, url)
        store.create("configmaps", named("after"))
        await journal.committed(20)
        assert journal.is_available


async def test_no_acknowledged_write_is_lost_when_the_simulator_is_killed(url: str, unused_tcp_port: int) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    acknowledged: list[str] = []
    async with running_simulator(unused_tcp_port, database_url=url) as (process, client):

        async def write(worker: int) -> None:
            with contextlib.suppress(httpx.TransportError):
                for index in range(10_000):
                    name = f"w{worker}-{index}"
                    reply = await client.post(path, json={"metadata": {"name": name}})
                    if reply.status_code == 201:
                        acknowledged.append(name)

        writers = [asyncio.create_task(write(worker)) for worker in range(8)]

        async def enough() -> bool:
            return len(acknowledged) >= 300

        await eventually(enough)
        process.kill()
        await asyncio.gather(*writers)
    async with running_simulator(unused_tcp_port, database_url=url) as (_, client):
        found = {item["metadata"]["name"] for item in (await client.get(path)).json()["items"]}
    assert set(acknowledged) <= found


async def test_a_stop_is_quick_though_a_watch_is_open(url: str, unused_tcp_port: int) -> None:
    async with (
        running_simulator(unused_tcp_port, database_url=url) as (process, client),
        client.stream("GET", "/api/v1/pods", params={"watch": "true"}) as watch,
    ):
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert [line async for line in watch.aiter_lines()] == []
            assert await process.wait() == 0


async def test_versions_from_before_a_restart_are_410_so_that_clients_list_again(
    url: str, unused_tcp_port: int
) -> None:
    async with running_simulator(unused_tcp_port, database_url=url) as (_, client):
        before = (await client.get("/api/v1/pods")).json()["metadata"]["resourceVersion"]
    async with running_simulator(unused_tcp_port, database_url=url) as (_, client):
        parameters = {"watch": "true", "resourceVersion": before, "timeoutSeconds": "5"}
        event = (await client.get("/api/v1/pods", params=parameters)).json()
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


async def test_without_its_database_the_simulator_logs_it_refuses_writes_and_recovers(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    server = PostgresServer(tmp_path / "postgres")
    await server.start()
    path, body = "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "later"}}
    try:
        database = await server.create_database("simulator", user="k8s_user", password="k8s_password")
        async with running_simulator(unused_tcp_port, database_url=database, write_timeout=0.5) as (_, client):
            server.kill()

            async def noticed() -> bool:
                return (await client.get("/ready")).json()["missing"] == ["database"]

            refused = await client.post(path, json=body)
            assert (refused.status_code, refused.json()["reason"]) == (503, "ServiceUnavailable")
            await eventually(noticed)
            assert (await client.get("/api/v1/nodes")).status_code == 200
            await server.start()

            async def accepted() -> bool:
                return (await client.post(path, json=body)).status_code in (201, 409)

            await eventually(accepted)
            assert (await client.get("/ready")).status_code == 200
    finally:
        await server.stop()
