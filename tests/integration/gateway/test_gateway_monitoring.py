"""Measurements by REST: posted ones are published on the bus, those that the monitor stored are shown in series."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import nats
import pytest
from nats.js.api import ConsumerConfig, DeliverPolicy
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from services.gateway.housekeeping import drop_deleted_tenants
from services.gateway.metrics import GatewayMetrics
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway, error_of


async def posted(nats_url: str, tenant_id: str, count: int) -> list[dict[str, Any]]:
    """The first `count` samples of a tenant on the bus."""
    client = await nats.connect(nats_url)
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    subscription = await client.jetstream().subscribe(
        "demo.metrics.collected", stream="DEMO_METRICS", ordered_consumer=True, config=config
    )
    found: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(60):
            while len(found) < count:
                body = json.loads((await subscription.next_msg(timeout=60)).data)
                if body["tenant_id"] == tenant_id:
                    found.append(body)
    finally:
        await client.close()
    return found


async def test_posted_metrics_are_published_once_under_their_stored_names(gateway: Gateway, nats_url: str) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    measured = (datetime.now(UTC) - timedelta(days=390)).replace(microsecond=0, tzinfo=None)
    body = {
        "timestamp": measured.isoformat(),
        "metrics": {
            "cpu_usage": 65.5,
            "memory_usage": 78.2,
            "network_in": 1250000,
            "storage_used": 750000000000,
            "response_time": 145.8,
            "error_rate": 0.02,
        },
    }
    for _ in range(2):
        answer = await gateway.http.post(f"/tenants/{name}/monitoring", json=body, headers=DEMO)
        assert answer.status_code == 202
        assert answer.json()["accepted"] == 6
    key = DEMO | {"Idempotency-Key": f"key-{name}"}
    answers = [
        await gateway.http.post(f"/tenants/{name}/monitoring", json={"metrics": {"gpu": 3}}, headers=key)
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    other = await gateway.http.post(f"/tenants/{name}/monitoring", json={"metrics": {"gpu": 4}}, headers=key)
    error_of(other, 409, "CONFLICT")
    await gateway.http.post(f"/tenants/{name}/monitoring", json={"metrics": {"end": 4}}, headers=DEMO)
    first, *others = await posted(nats_url, name, 3)
    assert first["time"] == f"{measured.isoformat()}Z"
    assert first["source"] == "api"
    assert first["values"] == {
        "cpu": 65.5,
        "memory": 78.2,
        "network_in": 1250000.0,
        "storage_used": 750000000000.0,
        "response_time": 145.8,
        "error_rate": 0.02,
    }
    assert [each["values"] for each in others] == [{"gpu": 3.0}, {"end": 4.0}]


async def test_a_time_that_no_partition_can_take_is_refused_in_the_answer(gateway: Gateway) -> None:
    path = f"/tenants/{(await gateway.create(deploy=False))['tenant_id']}/monitoring"
    day = (datetime.now(UTC) - timedelta(days=300)).date().isoformat()

    async def post(*times: str) -> httpx.Response:
        points = [{"timestamp": each, "metrics": {"cpu": 1}} for each in times]
        return await gateway.http.post(path, json=points, headers=DEMO)

    async with gateway.database.begin() as connection:
        bounds = f"FOR VALUES FROM ('{day} 00:00Z') TO ('{day} 12:00Z')"
        await connection.execute(text(f"CREATE TABLE half_a_day PARTITION OF monitoring_data {bounds}"))
    try:
        answer = await post(f"{day}T11:59:59Z", f"{day}T12:00:00Z")
        [problem] = error_of(answer, 422, "VALIDATION_ERROR")["details"]["errors"]
        assert problem["field"] == "1.timestamp"
        assert "PARTITION OF" in problem["message"]
        assert (await post(f"{day}T11:59:59Z")).status_code == 202
        assert (await post((datetime.now(UTC) - timedelta(days=299)).isoformat())).status_code == 202
    finally:
        async with gateway.database.begin() as connection:
            await connection.execute(text("DROP TABLE half_a_day"))


async def test_a_long_list_becomes_few_events_with_every_moment_once(gateway: Gateway, nats_url: str) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    values = {f"m{index}": index for index in range(7)}
    points = [
        {"timestamp": (begin + timedelta(seconds=5 * index)).isoformat(), "metrics": values} for index in range(1000)
    ]
    answer = await gateway.http.post(f"/tenants/{name}/monitoring", json=[*reversed(points), points[0]], headers=DEMO)
    error_of(answer, 422, "VALIDATION_ERROR")
    answer = await gateway.http.post(f"/tenants/{name}/monitoring", json=points[::-1], headers=DEMO)
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 7000
    assert datetime.fromisoformat(answer.json()["timestamp"]) == begin + timedelta(seconds=4995)
    events = await posted(nats_url, name, 4)
    times = [each["time"] for event in events for each in (*event["earlier"], event)]
    assert [datetime.fromisoformat(each) for each in times] == [
        begin + timedelta(seconds=5 * index) for index in range(1000)
    ]
    assert all(each["values"] == values for event in events for each in (*event["earlier"], event))


async def test_values_of_one_time_are_one_moment(gateway: Gateway, nats_url: str) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    points = [{"metrics": {"cpu": 1, "gpu": 5}}, {"metrics": {"cpu_usage": 2}}]
    batch = await gateway.http.post(f"/tenants/{name}/monitoring", json=points, headers=DEMO)
    assert batch.json()["accepted"] == 2
    assert batch.json()["metrics"] == {"cpu": 2.0, "gpu": 5.0}
    [event] = await posted(nats_url, name, 1)
    assert event["values"] == {"cpu": 2.0, "gpu": 5.0}
    assert "earlier" not in event


@pytest.mark.parametrize(
    "content",
    [
        '{"metrics": {"cpu": NaN}}',
        '{"metrics": {"cpu": Infinity}}',
        '{"metrics": {"cpu": 1e999}}',
        '{"metrics": {"cpu": "65 %"}}',
        '{"metrics": {"cpu": true}}',
        '{"metrics": {"cpu": null}}',
        '{"metrics": {}}',
        '{"metrics": []}',
        "{}",
        "[]",
        '[{"metrics": {}}]',
        '{"metrics": {"": 1}}',
        '{"metrics": {"a b": 1}}',
        '{"metrics": {"' + "x" * 101 + '": 1}}',
        '{"timestamp": "yesterday", "metrics": {"cpu": 1}}',
        '{"timestamp": "0001-01-01T00:00:00+14:00", "metrics": {"cpu": 1}}',
        '{"timestamp": "9999-12-31T23:59:59-14:00", "metrics": {"cpu": 1}}',
        '{"timestamp": 1e300, "metrics": {"cpu": 1}}',
        "5",
        "null",
    ],
)
async def test_a_measurement_that_is_none_is_refused(gateway: Gateway, content: str) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    headers = DEMO | {"Content-Type": "application/json"}
    answer = await gateway.http.post(f"/tenants/{name}/monitoring", content=content, headers=headers)
    assert error_of(answer, 422, "VALIDATION_ERROR")["details"]["errors"]


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ({"metrics": {"cpu": "65 %"}}, "metrics.cpu", "must be a number"),
        ({"metrics": {"a b": 1}}, "metrics.a b.[key]", "match pattern"),
        ({"timestamp": "2999-01-01", "metrics": {"cpu": 1}}, "timestamp", "lies in the future"),
        ({"timestamp": "1999-01-01T00:00:00", "metrics": {"cpu": 1}}, "timestamp", "at most ten years"),
        ({"timestamp": "2024-01-20T14:30:00Z", "metrics": {"cpu": 1}}, "timestamp", "RETENTION_DAYS"),
        (
            [{"metrics": {"cpu": 1}}, {"timestamp": "2024-01-20T14:30:00Z", "metrics": {"cpu": 1}}],
            "1.timestamp",
            "kept for 400 days",
        ),
        ({"metrics": {"cpu": -1.1e30}}, "metrics.cpu", "at most 1e+30 from zero"),
        ([{"metrics": {"cpu": 1}}, {"metrics": {"cpu": None}}], "1.metrics.cpu", "valid number"),
        ([], "body", "at least 1 item"),
        ([{"metrics": {"cpu": 1}}] * 1001, "body", "at most 1000 items"),
        ([{"metrics": {"cpu_usage": 65.5, "memory_usage": 71.25}}] * 100_000, "body", "at most 1,000 points"),
        ([{"metrics": {"cpu": "x"}}] * 1000, "0.metrics.cpu", "must be a number"),
    ],
)
async def test_a_refusal_names_the_field_and_what_to_change(
    gateway: Gateway, body: Any, field: str, problem: str
) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    answer = await gateway.http.post(f"/tenants/{name}/monitoring", json=body, headers=DEMO)
    refused = error_of(answer, 422, "VALIDATION_ERROR")["details"]["errors"]
    assert refused[0]["field"] == field
    assert problem in refused[0]["message"]
    assert len(refused) <= 100


async def store(gateway: Gateway, tenant_id: str, rows: list[tuple[str, str, float, datetime]]) -> None:
    """As the monitor would."""
    async with gateway.as_monitor() as session:
        row_id = await session.fetchval("SELECT id FROM tenants WHERE tenant_id = $1", tenant_id)
        await session.executemany(
            "INSERT INTO monitoring_data (tenant_id, metric_type, metric_name, metric_value, timestamp, data_source)"
            " VALUES ($1, $2, $3, $4, $5, 'test')",
            [(row_id, *row) for row in rows],
        )


async def test_series_are_means_by_interval_with_a_summary_over_all_samples(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    now = datetime.now(UTC)
    begin = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0) - timedelta(minutes=10)
    rows = [
        ("cpu", "cpu", value, begin + timedelta(seconds=second))
        for second, value in ((1, 10.0), (2, 20.0), (290, 60.0), (301, 90.0))
    ]
    rows += [
        ("network_in", "network_in", 7.0, begin),
        ("network", "network_out", 8.0, begin),
        ("sla", "availability", 99.9971, begin),
        ("cpu", "cpu", 1.0, now - timedelta(hours=3)),
    ]
    await store(gateway, name, rows)
    path = f"/tenants/{name}/monitoring?hours=1"
    shown = await gateway.get(path)
    assert [each["value"] for each in shown["metrics"]["cpu"]] == [30.0, 90.0]
    assert datetime.fromisoformat(shown["metrics"]["cpu"][0]["timestamp"]) == begin
    assert shown["summary"]["avg_cpu"] == 45.0
    assert shown["summary"]["max_cpu"] == 90.0
    assert shown["summary"]["avg_availability"] == 99.9971
    assert {"start", "end"} == set(shown["time_range"])
    assert len((await gateway.get(f"{path}&interval=1m"))["metrics"]["cpu"]) == 3
    assert len((await gateway.get(f"{path}&interval=1h"))["metrics"]["cpu"]) <= 2
    assert set((await gateway.get(f"{path}&metric_type=network"))["metrics"]) == {"network_in", "network_out"}
    assert set((await gateway.get(f"{path}&metric_type=cpu_usage"))["metrics"]) == {"cpu"}
    assert set((await gateway.get(f"{path}&metric_type=sla"))["metrics"]) == {"availability"}
    assert (await gateway.get(f"{path}&metric_type=error_rate"))["metrics"] == {}
    day = await gateway.get(f"/tenants/{name}/monitoring")
    assert day["summary"]["avg_cpu"] < 45.0


@pytest.mark.parametrize(
    "query", ["hours=0", "hours=721", "interval=2m", "hours=x", "metric_type=a%00b", "metric_type="]
)
async def test_a_question_out_of_range_is_refused(gateway: Gateway, query: str) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    error_of(await gateway.http.get(f"/tenants/{name}/monitoring?{query}", headers=DEMO), 422, "VALIDATION_ERROR")


async def test_the_metrics_of_tenants_that_neither_mode_has_are_forgotten(gateway: Gateway) -> None:
    name = (await gateway.create(Mode.PRODUCTION, deploy=False))["tenant_id"]
    metrics = GatewayMetrics(CollectorRegistry())
    for tenant_id in (name, "made-up"):
        metrics.show_usage(Mode.DEMO, tenant_id, {"cpu": 1.0}, datetime.now(UTC))
    await drop_deleted_tenants(gateway.modes, metrics)
    assert metrics.tenants == {name}


async def test_more_points_than_an_answer_has_are_refused_with_the_interval_to_ask_for(gateway: Gateway) -> None:
    name = (await gateway.create(deploy=False))["tenant_id"]
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=700)
    async with gateway.as_monitor() as session:
        await session.execute("INSERT INTO monitoring_progress VALUES ('rollups', 0, date_trunc('hour', now()))")
        await session.execute(
            """
            INSERT INTO monitoring_rollups
            SELECT id, metric, metric, $2::timestamptz + hour * interval '1 hour', true, 7, 9, 720,
                   ARRAY(SELECT generate_series(0, 11)::smallint), array_fill(7::float8, ARRAY[12]),
                   array_fill(9::float8, ARRAY[12]), array_fill(60, ARRAY[12]),
                   ARRAY(SELECT generate_series(0, 59)::smallint), array_fill(7::float8, ARRAY[60]),
                   array_fill(9::float8, ARRAY[60]), array_fill(12, ARRAY[60])
            FROM tenants, generate_series(0, 699) AS hour, unnest(ARRAY['cpu', 'memory', 'gpu']) AS metric
            WHERE tenant_id = $1
            """,
            name,
            begin,
        )
    path = f"/tenants/{name}/monitoring?hours=720"
    try:
        answer = await gateway.http.get(f"{path}&interval=1m", headers=DEMO)
        [problem] = error_of(answer, 422, "VALIDATION_ERROR")["details"]["errors"]
        assert problem["field"] == "interval"
        assert "more than 100,000 points: ask for interval=5m, one metric by metric_type" in problem["message"]
        one = await gateway.get(f"{path}&interval=1m&metric_type=gpu")
        assert {name: len(points) for name, points in one["metrics"].items()} == {"gpu": 42_000}
        coarser = await gateway.get(f"{path}&interval=5m")
        assert [len(points) for points in coarser["metrics"].values()] == [8_400] * 3
        assert coarser["summary"]["max_memory"] == 9
    finally:
        async with gateway.as_monitor() as session:
            await session.execute("DELETE FROM monitoring_progress")
