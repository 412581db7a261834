"""The guides' SQL statements run on our tables unchanged."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import asyncpg
import pytest

from embedded.postgres import PostgresServer
from tests.support.migrated_databases import migrated_database

CREATE_TENANT = """
INSERT INTO tenants (
    tenant_id, name, preset, is_demo, service_requirements,
    resources, sla_target, cpu_limit, memory_limit, gpu_limit
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
RETURNING id
"""
INSERT_MONITORING = """
INSERT INTO monitoring_data (tenant_id, metric_type, metric_name, metric_value)
VALUES ($1, $2, $3, $4)
"""
TENANT = (
    "my-new-service",
    "내 새로운 서비스",
    "medium",
    False,
    json.dumps({"chatbot": 50}),
    json.dumps({"cpu": "8000m", "memory": "16Gi"}),
    json.dumps({"availability": "99.9%"}),
    "8000m",
    "16Gi",
    2,
)


@pytest.fixture(scope="module")
async def url(postgres: PostgresServer) -> str:
    return await migrated_database(postgres, "guides")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session in a transaction that is rolled back."""
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield connection
    finally:
        await transaction.rollback()
        await connection.close()


async def test_a_tenant_is_inserted_as_the_guide_does_and_is_pending(url: str) -> None:
    async with connected(url) as connection:
        row_id = await connection.fetchval(CREATE_TENANT, *TENANT)
        row = await connection.fetchrow("SELECT * FROM tenants WHERE id = $1", row_id)
    assert row is not None
    assert row["status"] == "pending"
    assert row["created_at"] is not None
    assert row["updated_at"] is not None


async def test_monitoring_data_is_inserted_as_the_guide_does_even_twice_in_one_transaction(url: str) -> None:
    async with connected(url) as connection:
        row_id = await connection.fetchval(CREATE_TENANT, *TENANT)
        for metric, value in {"cpu": 65.5, "memory": 78.2, "gpu": 85.0}.items():
            await connection.execute(INSERT_MONITORING, row_id, metric, metric, value)
            await connection.execute(INSERT_MONITORING, row_id, metric, metric, value)
        counts = await connection.fetch(
            """
            SELECT tenant_id, metric_type, COUNT(*)
            FROM monitoring_data
            WHERE timestamp > NOW() - INTERVAL '1 hour'
            GROUP BY tenant_id, metric_type;
            """
        )
    assert sorted((row["metric_type"], row["count"]) for row in counts) == [("cpu", 2), ("gpu", 2), ("memory", 2)]


async def test_a_large_and_a_precise_value_keep_their_digits(url: str) -> None:
    async with connected(url) as connection:
        row_id = await connection.fetchval(CREATE_TENANT, *TENANT)
        for value in ("750000000000.25", "99.9971"):
            await connection.execute(INSERT_MONITORING.replace("$4", value), row_id, "storage", "storage_used")
        stored = await connection.fetch("SELECT metric_value FROM monitoring_data WHERE tenant_id = $1", row_id)
    assert sorted(row["metric_value"] for row in stored) == [Decimal("99.9971"), Decimal("750000000000.25")]


async def test_a_month_gets_its_partition_by_the_guide_s_statement(url: str) -> None:
    async with connected(url) as connection:
        await connection.execute(
            """
            CREATE TABLE monitoring_data_2024_01 PARTITION OF monitoring_data
            FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
            """
        )
        row_id = await connection.fetchval(CREATE_TENANT, *TENANT)
        await connection.execute(
            "INSERT INTO monitoring_data (tenant_id, metric_type, metric_name, metric_value, timestamp, data_source)"
            " VALUES ($1, 'sla', 'availability', 99.7, '2024-01-20T14:30:00Z', 'k8s-simulator')",
            row_id,
        )
        assert await connection.fetchval("SELECT count(*) FROM monitoring_data_2024_01") == 1


async def test_the_guide_s_indexes_and_statistics_are_possible_where_postgresql_allows_them(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            """
            CREATE INDEX CONCURRENTLY idx_tenants_status_created
            ON tenants(status, created_at) WHERE status = 'running';
            """
        )
        await connection.execute(
            """
            CREATE OR REPLACE FUNCTION update_tenant_stats()
            RETURNS void AS $$
            BEGIN
                ANALYZE tenants;
                ANALYZE monitoring_data;
                ANALYZE services;
            END;
            $$ LANGUAGE plpgsql;
            """
        )
        await connection.execute("SELECT update_tenant_stats();")
    finally:
        await connection.close()


async def test_deleting_a_tenant_takes_along_what_hangs_on_it(url: str) -> None:
    async with connected(url) as connection:
        row_id = await connection.fetchval(CREATE_TENANT, *TENANT)
        await connection.execute(INSERT_MONITORING, row_id, "cpu", "cpu", 65.5)
        await connection.execute("DELETE FROM tenants WHERE id = $1", row_id)
        assert await connection.fetchval("SELECT count(*) FROM monitoring_data WHERE tenant_id = $1", row_id) == 0
