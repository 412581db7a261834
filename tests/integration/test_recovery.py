"""From Alertmanager's webhook to a recovered or escalated tenant: real gateway and monitor; the test deploys."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from embedded.postgres import PostgresServer
from services.monitor.app import build
from services.monitor.settings import MonitorSettings
from shared.events import DeployCompleted
from shared.roles import MONITOR
from shared.subjects import Mode
from tests.integration.test_monitor_service import FakeCluster
from tests.support.deployer_part import conclude, created_and_prepared
from tests.support.gateway import (
    DEMO,
    Gateway,
    make_databases,
    running_gateway,
    running_workers,
    wait_until_ready,
)
from tests.support.polling import eventually
from tests.support.service_logins import logging_in

SECONDS = 60.0


@dataclass
class Stage:
    """A gateway, and a monitor that may be stopped and started."""

    gateway: Gateway
    settings: MonitorSettings
    cluster: FakeCluster = field(default_factory=FakeCluster)

    @asynccontextmanager
    async def monitor(self, **changes: Any) -> AsyncIterator[None]:
        clusters = {Mode.DEMO: self.cluster, Mode.PRODUCTION: FakeCluster()}
        worker = build(self.settings.model_copy(update=changes), clusters=clusters)
        await worker.start()
        try:
            yield
        finally:
            await worker.stop()

    async def tenant(self) -> str:
        """A tenant that runs, and is sampled as down from now on."""
        created = await created_and_prepared(self.gateway)
        await conclude(self.gateway, created)
        tenant_id: str = created["tenant_id"]
        await self.gateway.eventually(f"/tenants/{tenant_id}", status="running")
        self.cluster.tenants.append(tenant_id)
        return tenant_id

    async def send(self, tenant_id: str, status: str = "firing", **changes: Any) -> dict[str, Any]:
        """Alertmanager's POST about a tenant; the answer."""
        answer = await self.gateway.http.post("/webhooks/tenant-alert", json=payload(tenant_id, status), headers=DEMO)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def recovery(self, tenant_id: str) -> Mapping[str, Any]:
        """The tenant's latest recovery."""
        async with self.gateway.database.begin() as connection:
            rows = await connection.execute(
                text(
                    "SELECT recoveries.* FROM recoveries JOIN tenants ON tenants.id = recoveries.tenant_id"
                    " WHERE tenants.tenant_id = :id ORDER BY opened_at DESC LIMIT 1"
                ),
                {"id": tenant_id},
            )
            return dict(rows.one()._mapping)

    async def until(self, tenant_id: str, is_reached: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = {}

        async def look() -> bool:
            nonlocal found
            found = await self.recovery(tenant_id)
            return is_reached(found)

        try:
            await eventually(look, SECONDS)
        except TimeoutError:
            raise AssertionError(f"last: {found}") from None
        return found

    async def restarts(self, tenant_id: str) -> list[dict[str, Any]]:
        """The restarts among the tenant's deployments, the oldest first."""
        body = await self.gateway.get(f"/tenants/{tenant_id}/deployments")
        return [each for each in reversed(body["deployments"]) if each["operation"] == "restart"]

    async def active(self, tenant_id: str) -> list[str]:
        body = await self.gateway.get(f"/tenants/{tenant_id}/alerts/active")
        return sorted(each["name"] for each in body["alerts"])


STARTED = datetime.now(UTC) - timedelta(minutes=2)


def payload(tenant_id: str, status: str) -> dict[str, Any]:
    """The payload about one tenant; each call gives the same alert."""
    alert = {
        "status": status,
        "labels": {"alertname": "ECPTenantDown", "tenant_id": tenant_id, "severity": "critical"},
        "annotations": {"summary": f"{tenant_id} is down"},
        "startsAt": STARTED.isoformat(),
        "endsAt": datetime.now(UTC).isoformat() if status == "resolved" else "0001-01-01T00:00:00Z",
    }
    return {"version": "4", "status": status, "alerts": [alert]}


@pytest.fixture(scope="module")
async def stage(nats_url: str, postgres: PostgresServer) -> AsyncIterator[Stage]:
    urls = await make_databases(postgres, f"recovery_{uuid4().hex[:8]}")
    logins = {name: logging_in(url, MONITOR) for name, url in urls.items()}
    settings = MonitorSettings(nats_url=nats_url, recovery_look_after=5.0).model_copy(update=logins)
    async with running_workers(nats_url), running_gateway(nats_url=nats_url, **urls) as gateway:
        await wait_until_ready(gateway)
        yield Stage(gateway, settings)


async def test_a_tenant_that_is_reported_as_down_is_restarted_once_and_has_recovered_when_it_is_up(
    stage: Stage,
) -> None:
    tenant_id = await stage.tenant()
    stage.cluster.ready = True
    async with stage.monitor():
        first, again = await asyncio.gather(stage.send(tenant_id), stage.send(tenant_id))
        assert sorted([first["recorded"], again["recorded"]]) == [0, 1]
        assert len([*first["recoveries"], *again["recoveries"]]) == 1
        found = await stage.until(tenant_id, lambda row: row["stage"] == "recovered")
        [restart] = await stage.restarts(tenant_id)
        assert (restart["deployment_id"], len(found["restarts"])) == (found["deployment_id"], 1)
        assert await stage.active(tenant_id) == []
        repeated = await stage.send(tenant_id)
        assert (repeated["recorded"], repeated["repeated"], repeated["recoveries"]) == (0, 1, [])
    audit = await stage.gateway.get(f"/audit?tenant_id={tenant_id}&operation=restartTenant")
    assert [each["subject"] for each in audit["events"]] == ["monitor"]


async def test_a_tenant_that_stays_down_is_restarted_within_its_budget_and_then_escalated(stage: Stage) -> None:
    tenant_id = await stage.tenant()
    stage.cluster.ready = False
    async with stage.monitor(recovery_attempts=2):
        await stage.send(tenant_id)
        for number in (1, 2):
            await stage.until(tenant_id, lambda row, number=number: len(row["restarts"]) == number)  # type: ignore[misc]
            restart = (await stage.restarts(tenant_id))[-1]
            await conclude(stage.gateway, restart | {"tenant_id": tenant_id}, DeployCompleted)
        found = await stage.until(tenant_id, lambda row: row["stage"] == "escalated")
        assert (found["reason"], found["ended_at"]) == ("it is still down after 2 restarts in 60 minutes", None)
        assert len(await stage.restarts(tenant_id)) == 2
        assert {"ECPRecoveryFailed", "ECPTenantDown"} <= set(await stage.active(tenant_id))
        resolved = await stage.send(tenant_id, "resolved")
        assert (resolved["recorded"], resolved["recoveries"]) == (1, [])
        assert (await stage.recovery(tenant_id))["stage"] == "recovered"
        assert await stage.active(tenant_id) == []


async def test_a_killed_monitor_goes_on_and_restarts_nothing_twice(stage: Stage) -> None:
    tenant_id = await stage.tenant()
    stage.cluster.ready = True
    async with stage.monitor(recovery_look_after=3600.0):
        await stage.send(tenant_id)
        found = await stage.until(tenant_id, lambda row: row["stage"] == "watch")
    # As if it had ended between the gateway's acceptance and its own commit.
    async with stage.gateway.as_monitor() as session:
        await session.execute(
            "UPDATE recoveries SET stage = 'restart', restarts = '{}', due_at = now(), deployment_id = NULL"
            " WHERE recovery_id = $1",
            found["recovery_id"],
        )
    async with stage.monitor():
        again = await stage.until(tenant_id, lambda row: row["stage"] == "recovered")
    assert again["deployment_id"] == found["deployment_id"]
    assert len(await stage.restarts(tenant_id)) == 1


async def test_alerts_that_can_t_be_recorded_are_named_with_the_reason_in_the_client_s_language(stage: Stage) -> None:
    async with stage.monitor():
        headers = {**DEMO, "Accept-Language": "ko"}
        body = payload("no-such-tenant", "firing")
        answer = await stage.gateway.http.post("/webhooks/tenant-alert", json=body, headers=headers)
    assert answer.json()["ignored"] == [{"index": 0, "reason": "테넌트 'no-such-tenant'이(가) 없습니다"}]
