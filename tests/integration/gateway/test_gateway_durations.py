"""Durations: recorded when an operation ends, and the source of every estimate."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shared.events import DeployCompleted, DeployFailed, DeployRolledBack, Phase, TenantDeleted
from shared.subjects import Mode
from tests.support.deployer_part import created_and_prepared, event
from tests.support.gateway import DEMO, Gateway
from tests.support.polling import eventually

LATEST = text("SELECT operation, pods, seconds FROM operation_durations WHERE target = 'simulator' ORDER BY id DESC")


async def recorded(gateway: Gateway) -> list[Any]:
    async with gateway.database.begin() as connection:
        return list((await connection.execute(LATEST)).all())


async def ends(gateway: Gateway, accepted: dict[str, Any], model: Any = DeployCompleted, **changes: Any) -> None:
    """Publish the end of an operation, and wait until its status is that of `model`."""
    await gateway.publish(event(model, accepted, 100, phase=Phase.DONE, **changes))
    statuses: dict[Any, str] = {DeployFailed: "failed", DeployRolledBack: "rolled_back"}
    status = statuses.get(model, "completed")
    await gateway.eventually(f"/deployments/{accepted['deployment_id']}", status=status)


async def post(gateway: Gateway, path: str) -> dict[str, Any]:
    answer = await gateway.http.post(path, headers=DEMO)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_operation_that_ends_as_requested_is_measured_by_its_kind(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/tenants/{created['tenant_id']}"
    pods = sum(each["resources"]["replicas"] for each in (await gateway.get(path))["services"])
    before = len(await recorded(gateway))
    await ends(gateway, created)
    await ends(gateway, await post(gateway, f"{path}/deploy"))
    await ends(gateway, await post(gateway, f"{path}/deploy"), DeployFailed, code="DEPLOYMENT_FAILED")
    await ends(gateway, await post(gateway, f"{path}/deploy"), DeployRolledBack)
    await ends(gateway, await post(gateway, f"{path}/stop"))
    await ends(gateway, await post(gateway, f"{path}/deploy"))
    found = await recorded(gateway)
    measured = [each.operation for each in found[: len(found) - before]][::-1]
    assert measured == ["deploy", "update", "stop", "deploy"], "neither a failed nor a rolled back deploy is measured"
    assert {each.pods for each in found[:4]} == {pods}
    assert all(0 < each.seconds < 60 for each in found[:4])


@pytest.mark.parametrize("requested", ["now() - interval '99 years'", "now() + interval '1 hour'"])
async def test_what_clocks_that_differ_have_measured_is_left_out(gateway: Gateway, requested: str) -> None:
    created = await created_and_prepared(gateway)
    before = len(await recorded(gateway))
    async with gateway.database.begin() as connection:
        change = f"UPDATE deployments SET created_at = {requested} WHERE deployment_id = :id"  # noqa: S608
        await connection.execute(text(change), {"id": created["deployment_id"]})
    await ends(gateway, created)
    assert len(await recorded(gateway)) == before


async def test_a_deletion_is_measured_although_its_rows_are_gone(gateway: Gateway) -> None:
    created = await created_and_prepared(gateway)
    path = f"/tenants/{created['tenant_id']}"
    before = sum(each.operation == "delete" for each in await recorded(gateway))
    deletion = (await gateway.http.delete(path, headers=DEMO)).json()
    generation = (await gateway.get(path))["generation"]
    await gateway.publish(
        TenantDeleted(tenant_id=created["tenant_id"], deletion_id=deletion["deletion_id"], generation=generation)
    )

    async def is_recorded() -> bool:
        return sum(each.operation == "delete" for each in await recorded(gateway)) == before + 1

    await eventually(is_recorded)
    assert (await gateway.http.get(path, headers=DEMO)).status_code == 404


@pytest.fixture
async def measured(gateway: Gateway) -> AsyncIterator[None]:
    """Durations in production, which the other tests of the shared gateway don't see."""
    database = gateway.modes[Mode.PRODUCTION].database
    rows = [("deploy", 100.0), ("update", 30.0), ("delete", 600.0)] * 20
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM operation_durations"))
        await connection.execute(
            text("INSERT INTO operation_durations (target, operation, pods, seconds) VALUES ('simulator', :o, 5, :s)"),
            [{"o": operation, "s": seconds} for operation, seconds in rows],
        )
    yield
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM operation_durations"))


@pytest.mark.usefixtures("measured")
async def test_every_estimate_is_that_of_the_measured_operations(gateway: Gateway) -> None:
    created = await gateway.create(Mode.PRODUCTION)
    path = f"/tenants/{created['tenant_id']}"
    assert created["deployment_time"] == "100-105 seconds"
    status = await gateway.get(f"{path}/deployment-status", Mode.PRODUCTION)
    expected = datetime.fromisoformat((await gateway.get(path, Mode.PRODUCTION))["created_at"]) + timedelta(seconds=100)
    assert abs(datetime.fromisoformat(status["estimated_completion"]) - expected) < timedelta(seconds=1)
    sizing = await gateway.http.post("/tenants/calculate-resources", json={"service_requirements": {"callbot": 5}})
    assert sizing.json()["deployment_time"] == "100-105 seconds"
    manifest = (await gateway.http.get(f"{path}/manifest")).text
    verdict = await gateway.http.post("/tenants/validate-manifest", json={"manifest_content": manifest})
    assert verdict.json()["deployment_time"] == "100-105 seconds"
    assert (await gateway.http.delete(path)).json()["estimated_time"] == "10-11 minutes"


async def test_only_the_latest_durations_of_a_target_are_kept(gateway: Gateway) -> None:
    async with gateway.database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO operation_durations (target, operation, pods, seconds)"
                " SELECT 'simulator', 'restart', 1, number FROM generate_series(1, 150) AS number"
            )
        )
    created = await created_and_prepared(gateway)
    await ends(gateway, created)
    await ends(gateway, await post(gateway, f"/tenants/{created['tenant_id']}/restart"))
    found = [each for each in await recorded(gateway) if each.operation == "restart"]
    assert len(found) == 100
    assert found[-1].seconds == 52
