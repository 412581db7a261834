"""Events into rows in any order, as often as one likes: the rows end the same."""

import itertools
import random
from datetime import UTC, datetime

import pytest

from services.gateway.handlers import project
from services.gateway.store import deployments as deployment_store
from services.gateway.store import tenants as tenant_store
from shared.bus import Delivery
from shared.events import DeployCompleted, DeployEvent, DeployProgressed, DeployStarted, Phase, ResourceState
from shared.subjects import Mode
from tests.integration.gateway.conftest import Gateway

_NUMBERS = itertools.count(1)
FIRST_SEQUENCE = 1_000_000
"""Above what the stream of the test has given out."""


async def new_deployment(gateway: Gateway) -> tuple[str, str]:
    """A tenant that no worker deploys, with a deployment by hand: its id and the deployment's."""
    tenant = await gateway.create(deploy=False)
    deployment_id = f"dep-projected-{next(_NUMBERS)}"
    async with gateway.parts.databases[Mode.DEMO].begin() as connection:
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


def delivery(event: DeployEvent, number: int) -> Delivery:
    return Delivery(
        mode=Mode.DEMO,
        subject=event.subject,
        event_id=f"{event.deployment_id}-{number}",
        correlation_id="req-1",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        stream="DEMO_ECP",
        sequence=FIRST_SEQUENCE + number,
        attempt=1,
        durable="gateway-projects",
    )


@pytest.mark.parametrize("seed", range(8))
async def test_shuffled_and_repeated_deliveries_end_as_the_history_did(gateway: Gateway, seed: int) -> None:
    chance = random.Random(seed)
    tenant_id, deployment_id = await new_deployment(gateway)
    numbered = list(enumerate(history(tenant_id, deployment_id)))
    deliveries = numbered + chance.choices(numbered, k=len(numbered))
    chance.shuffle(deliveries)
    for number, event in deliveries:
        await project(event, delivery(event, number), databases=gateway.parts.databases, observe=lambda *_: None)
    shown = await gateway.get(f"/deployments/{deployment_id}")
    assert (shown["status"], shown["progress"], shown["phase"]) == ("completed", 100, "done")
    events = (await gateway.get(f"/deployments/{deployment_id}/events"))["events"]
    assert [each["message"] for each in events] == [event.message for _, event in numbered]
    assert (await gateway.get(f"/tenants/{tenant_id}"))["status"] == "pending", "an older generation has no say"


async def test_a_dropped_delivery_is_missing_in_the_log_and_nowhere_else(gateway: Gateway) -> None:
    tenant_id, deployment_id = await new_deployment(gateway)
    numbered = list(enumerate(history(tenant_id, deployment_id)))
    for number, event in (*numbered[:3], numbered[-1]):
        await project(event, delivery(event, number), databases=gateway.parts.databases, observe=lambda *_: None)
    shown = await gateway.get(f"/deployments/{deployment_id}")
    assert (shown["status"], shown["progress"]) == ("completed", 100)
