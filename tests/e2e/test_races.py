"""Concurrent operations on one tenant in any order, from REST and from events: the highest generation wins."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest

from embedded.child import until
from shared.access import OUTSIDE
from shared.subjects import GATEWAY_INGESTS_OUTSIDE, Mode
from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.faults import api, bus

# They need a stack of their own (a minute on two cores), and `make test` covers the same with parts of the stack.
pytestmark = pytest.mark.long

OPERATIONS = 24
SETTLE_SECONDS = 200.0
LIFECYCLE = ("rollback", "start", "stop", "restart")
ENDS = {"completed", "rolled_back", "superseded", "failed", "cancelled"}
ANSWERS = {200, 201, 202, 404, 409}
"""Responses that are allowed for an operation when others are faster; any other one is a fault."""


def body(tenant_id: str, sessions: int) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "name": tenant_id, "service_requirements": {"stt": sessions}}


class Races:
    """Random operations on one tenant, and its resulting state."""

    def __init__(self, run: EmbeddedRun, client: httpx.AsyncClient, tenant_id: str, seed: int) -> None:
        self.run = run
        self.client = client
        self.tenant_id = tenant_id
        self.chance = random.Random(seed)
        self.path = f"/tenants/{tenant_id}"

    async def operate(self, deletes: bool) -> None:
        """One random operation."""
        sessions = self.chance.randint(1, 40)
        kinds = ["create", "change", "deploy", "event", *LIFECYCLE, *(["delete"] if deletes else [])]
        kind = self.chance.choice(kinds)
        await asyncio.sleep(self.chance.uniform(0, 2))
        if kind == "event":
            async with bus(self.run, OUTSIDE) as client:
                subject = self.chance.choice(("demo.tenant.created", "demo.deploy.requested"))
                await client.jetstream().publish(subject, json.dumps(body(self.tenant_id, sessions)).encode())
            return
        calls: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
            "create": lambda: self.client.post("/tenants/", json=body(self.tenant_id, sessions)),
            "change": lambda: self.client.put(self.path, json={"service_requirements": {"stt": sessions}}),
            "deploy": lambda: self.client.post(f"{self.path}/deploy", json={}),
            "delete": lambda: self.client.delete(self.path),
            **{name: partial(self.client.post, f"{self.path}/{name}") for name in LIFECYCLE},
        }
        answer = await calls[kind]()
        assert answer.status_code in ANSWERS, f"{kind}: {answer.status_code} {answer.text}"

    async def settled(self) -> bool:
        """Whether no operation is in progress."""
        if not await self.has_ingested_all():
            return False
        answer = await self.client.get(self.path)
        if answer.status_code == 404:
            return True
        if answer.json()["status"] == "deleting":
            return False
        # A stop or restart in progress doesn't change the tenant's status, so check the operation's own status.
        history = await self.client.get(f"{self.path}/deployments", params={"limit": 1})
        newest = history.json()["deployments"] if history.status_code == 200 else []
        return all(each["status"] not in ("pending", "deploying") for each in newest)

    async def has_ingested_all(self) -> bool:
        """Whether the gateway has handled all events: one that met a deletion is retried, with a later number."""
        async with bus(self.run) as client:
            ingests = GATEWAY_INGESTS_OUTSIDE
            info = await client.jetstream().consumer_info(Mode.DEMO.stream(ingests.stream), ingests.name)
        return not info.num_pending and not info.num_ack_pending

    async def cluster(self, kind: str) -> list[dict[str, Any]]:
        """The tenant's objects of a kind, as the cluster has them."""
        url = f"{self.run.simulator}/clusters/demo/{kind}"
        answer = await self.client.get(url, params={"labelSelector": f"ecp.ai/tenant={self.tenant_id}"})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.mark.timeout(500)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3, 4, 5))])
async def test_the_highest_generation_wins_whatever_came_before_it(run: EmbeddedRun, seed: int) -> None:
    async with api(run) as client:
        races = Races(run, client, f"raced-{seed}", seed)
        await asyncio.gather(*(races.operate(deletes=True) for _ in range(OPERATIONS)))
        await until(races.settled, SETTLE_SECONDS, every=0.5)

        # The last change, which supersedes all others.
        answer = await client.post("/tenants/", json=body(races.tenant_id, 7))
        if answer.status_code == 409:
            answer = await client.put(races.path, json={"service_requirements": {"stt": 7}})
        assert answer.status_code in (201, 202), answer.text
        await until(races.settled, SETTLE_SECONDS, every=0.5)

        tenant = (await client.get(races.path)).json()
        deployments = (await client.get(f"{races.path}/deployments", params={"limit": 100})).json()["deployments"]
        by_generation = sorted(deployments, key=lambda each: each["generation"])
        story = [(each["operation"], each["status"], each["message"]) for each in by_generation]
        assert (tenant["status"], tenant["service_requirements"]) == ("running", {"stt": 7}), story
        assert by_generation[-1]["status"] == "completed"
        assert by_generation[-1]["generation"] == tenant["generation"]
        assert {each["status"] for each in by_generation[:-1]} <= ENDS
        assert [each["metadata"]["name"] for each in await races.cluster("apis/apps/v1/deployments")] == ["stt"]


@pytest.mark.timeout(500)
async def test_nothing_of_a_deleted_tenant_comes_back_and_its_id_starts_clean(run: EmbeddedRun) -> None:
    async with api(run) as client:
        races = Races(run, client, "raced-deleted", 3)
        assert (await client.post("/tenants/", json=body(races.tenant_id, 5))).status_code == 201
        await asyncio.gather(*(races.operate(deletes=False) for _ in range(8)))

        async def is_deleted() -> bool:
            return (await client.delete(races.path)).status_code == 404

        await until(is_deleted, SETTLE_SECONDS, every=0.5)

        async def is_empty() -> bool:
            return not await races.cluster("api/v1/pods") and not await races.cluster("api/v1/namespaces")

        await until(is_empty, SETTLE_SECONDS, every=0.5)

        created = await client.post("/tenants/", json=body(races.tenant_id, 3))
        assert created.status_code == 201, created.text
        await until(races.settled, SETTLE_SECONDS, every=0.5)
        tenant = (await client.get(races.path)).json()
        assert (tenant["status"], tenant["service_requirements"]) == ("running", {"stt": 3})
        history = (await client.get(f"{races.path}/deployments")).json()["deployments"]
        assert [each["deployment_id"] for each in history] == [created.json()["deployment_id"]]
        assert (await client.delete(races.path)).status_code == 202
