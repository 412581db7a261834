"""Events into rows in any order, as often as one likes: the rows end the same."""

import asyncio
import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from services.gateway.deployments import repository as deployment_store
from services.gateway.ingest.handlers import project
from services.gateway.tenants import repository as tenant_store
from services.gateway.tenants.rules import spec_of_row
from shared.bus import Delivery
from shared.database.tables import deployments
from shared.events import (
    DeployCompleted,
    DeployDrifted,
    DeployEvent,
    DeployProgressed,
    DeployStarted,
    DeploySuperseded,
    Event,
    ManifestRendered,
    Phase,
    ResourcesCalculated,
    ResourceState,
)
from shared.sizing import Sizing
from shared.subjects import Mode
from tests.support.gateway import DEMO, Gateway

_NUMBERS = itertools.count(1)
FIRST_SEQUENCE = 1_000_000
"""Above what the stream of the test has given out."""


async def new_deployment(gateway: Gateway) -> tuple[str, str]:
    """A tenant that no worker deploys, with a deployment by hand: its id and the deployment's."""
    tenant = await gateway.create(deploy=False)
    deployment_id = f"dep-projected-{next(_NUMBERS)}"
    async with gateway.database.begin() as connection:
        row = await tenant_store.find_tenant(connection, tenant["tenant_id"])
        assert row is not None
        await deployment_store.insert_deployment(
            connection,
            {
                "deployment_id": deployment_id,
                "tenant_id": row.id,
                "generation": 100,
                "revision": 1,
                "target": "simulator",
                "phase": "sizing",
                "options": {},
                "correlation_id": "req-1",
            },
        )
    return tenant["tenant_id"], deployment_id


async def change(gateway: Gateway, deployment_id: str, **values: int) -> None:
    """Set columns of a deployment."""
    async with gateway.database.begin() as connection:
        await connection.execute(
            update(deployments).where(deployments.c.deployment_id == deployment_id).values(**values)
        )


def history(tenant_id: str, deployment_id: str) -> list[DeployEvent]:
    """A deployment from its start to its end."""
    common = {"tenant_id": tenant_id, "deployment_id": deployment_id, "generation": 100, "target": "simulator"}
    steps = [(Phase.CREATING_SERVICES, 20 + 10 * step, f"step {step}") for step in range(6)]
    return [
        DeployStarted.model_validate({**common, "message": "begun", "phase": Phase.CREATING_NAMESPACE, "progress": 10}),
        *(
            DeployProgressed.model_validate(
                {
                    **common,
                    "message": message,
                    "phase": phase,
                    "progress": progress,
                    "resources": [ResourceState(type="Deployment", name="stt", status="Progressing", replicas="1/2")],
                }
            )
            for phase, progress, message in steps
        ),
        DeployCompleted.model_validate({**common, "message": "done", "phase": Phase.DONE, "progress": 100}),
    ]


def delivery(event: Event, number: int, later: timedelta = timedelta()) -> Delivery:
    return Delivery(
        mode=Mode.DEMO,
        subject=event.subject,
        event_id=f"{event.tenant_id}-{number}",
        correlation_id="req-1",
        time=datetime(2026, 1, 1, tzinfo=UTC) + later,
        stream="DEMO_ECP",
        sequence=FIRST_SEQUENCE + number,
        attempt=1,
        durable="gateway-projects",
    )


async def take(gateway: Gateway, event: Event, number: int, later: timedelta = timedelta()) -> None:
    place = delivery(event, number, later)
    await project(event, place, modes=gateway.modes, observe=lambda *_: None)


@pytest.mark.parametrize("seed", range(8))
async def test_shuffled_and_repeated_deliveries_end_as_the_history_did(gateway: Gateway, seed: int) -> None:
    chance = random.Random(seed)
    tenant_id, deployment_id = await new_deployment(gateway)
    numbered = list(enumerate(history(tenant_id, deployment_id)))
    deliveries = numbered + chance.choices(numbered, k=len(numbered))
    chance.shuffle(deliveries)
    for number, event in deliveries:
        await take(gateway, event, number)
    shown = await gateway.get(f"/deployments/{deployment_id}")
    assert (shown["status"], shown["progress"], shown["phase"]) == ("completed", 100, "done")
    events = (await gateway.get(f"/deployments/{deployment_id}/events"))["events"]
    assert [each["message"] for each in events] == [event.message for _, event in numbered]
    assert (await gateway.get(f"/tenants/{tenant_id}"))["status"] == "pending", "an older generation changes nothing"


async def test_concurrent_deliveries_end_as_the_history_did(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    numbered = list(enumerate(history(tenant_id, deployment_id)))
    await asyncio.gather(*(take(gateway, event, number) for number, event in numbered * 3))
    shown = await gateway.get(f"/deployments/{deployment_id}")
    assert (shown["status"], shown["progress"], shown["phase"]) == ("completed", 100, "done")
    events = (await gateway.get(f"/deployments/{deployment_id}/events"))["events"]
    assert [each["message"] for each in events] == [event.message for _, event in numbered]


async def test_the_preparation_of_a_repeated_request_is_not_shown_again(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    begun, *_ = history(tenant_id, deployment_id)
    context = {"deployment_id": deployment_id, "generation": 100, "target": "simulator"}
    fields = {"tenant_id": tenant_id, "deployment": context, "digest": "sha256:1", "summary": {}}
    rendered = ManifestRendered.model_validate(fields)
    await take(gateway, begun, 0)
    await change(gateway, deployment_id, repeats=1)
    await take(gateway, rendered, 1)
    await change(gateway, deployment_id, progress=3)
    await take(gateway, rendered, 2)
    log = (await gateway.get(f"/deployments/{deployment_id}/events"))["events"]
    assert [each["message"] for each in log] == ["begun", "rendered 0 objects"]


async def test_the_digest_of_a_rendered_manifest_is_stored_and_later_steps_keep_it(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    begun, *_ = history(tenant_id, deployment_id)
    context = {"deployment_id": deployment_id, "generation": 100, "target": "simulator"}
    fields = {"tenant_id": tenant_id, "deployment": context, "digest": "sha256:1", "summary": {}}
    for number, event in enumerate((ManifestRendered.model_validate(fields), begun)):
        await take(gateway, event, number)
    async with gateway.database.begin() as connection:
        row = await deployment_store.find_deployment(connection, deployment_id)
    assert row is not None
    assert (row.digest, row.message) == ("sha256:1", "begun")


async def test_a_step_of_a_deleted_deployment_is_dropped(gateway: Gateway) -> None:
    tenant_id, _ = await new_deployment(gateway)
    for number, event in enumerate(history(tenant_id, "dep-gone")):
        await take(gateway, event, number)
    assert (await gateway.http.get("/deployments/dep-gone", headers=DEMO)).status_code == 404


async def test_events_that_got_the_numbers_of_lost_ones_are_logged_and_change_the_status(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    events = history(tenant_id, deployment_id)
    for number in range(5):
        await take(gateway, events[number], number)
    for number in range(5, len(events)):
        # Long after everything that is in the row, also after the events of the real workers.
        await take(gateway, events[number], number - 4, timedelta(days=36500))
        assert (await gateway.get(f"/deployments/{deployment_id}"))["message"] == events[number].message
    log = (await gateway.get(f"/deployments/{deployment_id}/events"))["events"]
    assert [each["message"] for each in log] == [event.message for event in events]


async def test_drift_is_kept_beside_a_deployment_s_state_and_its_latest_report_counts(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    *_, done = history(tenant_id, deployment_id)
    gone = {"type": "Deployment", "name": "stt", "reason": "gone"}
    common = {**done.model_dump(exclude={"digest"}), "message": "Deployment stt is gone"}
    drifted = DeployDrifted.model_validate({**common, "drift": [gone]})
    mended = DeployDrifted.model_validate({**common, "message": "as deployed again", "sequence": 2})
    again = DeployDrifted.model_validate({**common, "sequence": 3, "drift": [gone]})
    await take(gateway, done, 0)
    for number, event, is_shown in ((1, drifted, True), (3, again, True), (2, mended, True), (1, drifted, True)):
        await take(gateway, event, number)
        state = await gateway.get(f"/tenants/{tenant_id}/deployment-status")
        assert (state["status"], state["message"]) == ("completed", "done")
        assert bool(state["drift"]) is is_shown
    assert state["drift"]["drift"][0]["name"] == "stt"
    await take(gateway, mended.model_copy(update={"sequence": 4}), 4)
    assert (await gateway.get(f"/tenants/{tenant_id}/deployment-status"))["drift"] is None
    log = (await gateway.get(f"/deployments/{deployment_id}/events"))["events"]
    assert [each["level"] for each in log] == ["info", "warning", "info", "warning", "info"]
    trail = (await gateway.get(f"/audit?tenant_id={tenant_id}&operation=reportDrift"))["events"]
    assert [(row["subject"], row["after"]["objects"]) for row in trail] == [("deployer", each) for each in (0, 0, 1, 1)]


async def test_a_dropped_delivery_is_missing_in_the_log_and_nowhere_else(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    numbered = list(enumerate(history(tenant_id, deployment_id)))
    for number, event in (*numbered[:3], numbered[-1]):
        await take(gateway, event, number)
    shown = await gateway.get(f"/deployments/{deployment_id}")
    assert (shown["status"], shown["progress"]) == ("completed", 100)


async def test_what_came_again_after_others_had_come_does_not_undo_a_completed_deployment(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    done, *_ = reversed(history(tenant_id, deployment_id))
    late = DeploySuperseded.model_validate(
        {**done.model_dump(exclude={"digest"}), "message": "generation 200 has taken its place", "superseded_by": 200}
    )
    for sequence, event in enumerate((done, late)):
        await take(gateway, event, sequence)
    assert (await gateway.get(f"/deployments/{deployment_id}"))["status"] == "completed"


async def test_numbers_go_on_above_what_the_deployer_has_seen_before_a_restore(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    begun, *_ = history(tenant_id, deployment_id)
    restored = DeploySuperseded.model_validate({**begun.model_dump(), "superseded_by": 5000})
    await take(gateway, restored, 0)
    answer = await gateway.http.post(f"/tenants/{tenant_id}/deploy", json={}, headers=DEMO)
    assert answer.json()["generation"] == 5001


async def test_the_sizing_of_an_earlier_tenant_of_the_same_id_is_dropped(gateway: Gateway) -> None:
    tenant = await gateway.create(deploy=False, service_requirements={"stt": 1})
    async with gateway.database.begin() as connection:
        row = await tenant_store.find_tenant(connection, tenant["tenant_id"])
    assert row is not None
    earlier = spec_of_row(row).model_copy(update={"service_requirements": {"callbot": 500}})
    sizing = Sizing.model_validate(row.sizing)
    wrong = ResourcesCalculated(
        tenant_id=row.tenant_id, spec=earlier, sizing=sizing.model_copy(update={"services": ()}), revision=1
    )
    await take(gateway, wrong, 0)
    assert [each["service_name"] for each in (await gateway.get(f"/tenants/{row.tenant_id}"))["services"]]
