"""Clients that create, change, stop, start and delete tenants while a nemesis injects faults, with a record of it all.

The record is the history that tests/support/history.py checks: clients record each request and its response; at the
end the streams, the databases (through REST) and the cluster are read.
"""

import asyncio
import json
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
from nats.js.api import ConsumerConfig

from embedded.child import until
from tests.e2e.embedded_run import EmbeddedRun
from tests.e2e.faults import Fault, api, bus, remove
from tests.support.history import OPEN, Call, Deployment, History, Published, Seen, Tenant

ANSWERED_SECONDS = 600.0
"""Within this time a client that retries has a response; a longer time means that the API is gone."""
SETTLE_SECONDS = 600.0
"""Seconds after the last fault; an operation that hasn't ended by then counts as pending for ever."""
READY_SECONDS = 30.0
RUNNING_SECONDS = 60.0
"""A tenant that doesn't run by then is stopped as it is."""
LEAST_FAULTS = 3
"""Clients continue with changes until the fault was injected this many times."""
REFUSED = frozenset({404, 409})
"""Responses to an operation that the tenant's current state doesn't allow."""


class Client:
    """The client of one tenant: retries until it has a response, and records every request."""

    def __init__(self, http: httpx.AsyncClient, history: History, tenant: str, chance: random.Random) -> None:
        self.http = http
        self.history = history
        self.tenant = tenant
        self.chance = chance
        self.path = f"/tenants/{tenant}"

    async def live(self, changes: int, deletes: bool, has_met_enough: Callable[[], bool]) -> None:
        """Create the tenant, change it several times until enough faults were injected, and perhaps delete it."""
        await self.create()
        done = 0
        while done < changes or not has_met_enough():
            await asyncio.sleep(self.chance.uniform(0.5, 5.0))
            await self.chance.choice((self.change, self.restart, self.stop_and_start))()
            await self.look()
            done += 1
        if deletes:
            await self.delete()

    async def create(self) -> None:
        body = {"tenant_id": self.tenant, "name": self.tenant, "service_requirements": {"stt": 1}}
        await self._until_answered("create", lambda key: self._post("/tenants/", key, body))

    async def change(self) -> None:
        # A PUT has no idempotency key: a retry may be executed again, so each request has a key of its own here.
        body = {"service_requirements": {"stt": self.chance.randint(1, 40)}}
        await self._until_answered("change", lambda key: self.http.put(self.path, json=body), keys=True)

    async def restart(self) -> None:
        await self._until_answered("restart", lambda key: self._post(f"{self.path}/restart", key))

    async def stop_and_start(self) -> None:
        await self._perhaps_until_running()
        await self._until_answered("stop", lambda key: self._post(f"{self.path}/stop", key))
        await asyncio.sleep(self.chance.uniform(0.0, 3.0))
        await self._until_answered("start", lambda key: self._post(f"{self.path}/start", key))

    async def _perhaps_until_running(self) -> None:
        """Wait for a running tenant before half of the stops: otherwise the later start is rejected."""
        if self.chance.random() < 0.5:
            return
        with suppress(TimeoutError):
            await until(self._runs, RUNNING_SECONDS, every=0.3)

    async def _runs(self) -> bool:
        with suppress(httpx.HTTPError):
            answer = await self.http.get(self.path)
            return answer.status_code == 404 or (answer.is_success and answer.json()["status"] == "running")
        return False

    async def delete(self) -> None:
        await self._until_answered("delete", lambda key: self.http.delete(self.path), keys=True)

    async def look(self) -> None:
        """The tenant's generation in a current response."""
        with suppress(httpx.HTTPError):
            answer = await self.http.get(self.path)
            if answer.status_code == 200:
                self.history.seen.append(Seen(self.tenant, answer.json()["generation"], time.monotonic()))

    async def _post(self, path: str, key: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"Idempotency-Key": key})

    async def _until_answered(
        self, operation: str, ask: Callable[[str], Awaitable[httpx.Response]], *, keys: bool = False
    ) -> None:
        """Send the request, with a new key each time if `keys`, until the response is not a 503."""
        key = secrets.token_hex(8)
        async with asyncio.timeout(ANSWERED_SECONDS):
            while True:
                begun, answer = time.monotonic(), None
                with suppress(httpx.HTTPError):
                    answer = await ask(key)
                body = answer.json() if answer is not None and answer.is_success else {}
                status = answer.status_code if answer is not None else None
                made = (body.get("deployment_id") or body.get("deletion_id"), body.get("generation"))
                self.history.calls.append(Call(operation, self.tenant, key, begun, time.monotonic(), status, *made))
                if answer is not None and answer.status_code != 503:
                    may_be_refused = answer.status_code in REFUSED and operation != "create"
                    assert answer.is_success or may_be_refused, f"{operation}: {answer.status_code} {answer.text}"
                    return
                key = secrets.token_hex(8) if keys else key
                await asyncio.sleep(0.3)


async def play(
    run: EmbeddedRun,
    name: str,
    fault: Fault,
    *,
    tenants: int,
    changes: int,
    every: tuple[float, float],
    seed: int,
) -> tuple[History, Counter[str]]:
    """The history of `tenants` clients while `fault` is injected about `every` seconds, and what it affected."""
    history, injected = History(), Counter[str]()
    chance = random.Random(seed)
    ids = [f"{name.replace(' ', '-')}-{number:03}" for number in range(tenants)]

    async def inject() -> None:
        while True:
            await asyncio.sleep(chance.uniform(*every))
            if affected := await fault(run, chance):
                injected[affected] += 1

    async with api(run) as http:
        clients = [Client(http, history, each, random.Random(f"{seed}/{each}")) for each in ids]
        async with _beside(inject()):
            lives = (
                client.live(changes, number % 4 == 3, lambda: injected.total() >= LEAST_FAULTS)
                for number, client in enumerate(clients)
            )
            await asyncio.gather(*lives)
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not await _settled(http, ids):
                    await asyncio.gather(*(client.look() for client in clients))
                    await asyncio.sleep(0.5)
        await _read_records(run, http, ids, history)
    history.events += await _published(run, frozenset(ids))
    # Frees capacity for the next fault, and shows that these tenants can be deleted.
    await remove(run, ids)
    return history, injected


@asynccontextmanager
async def _beside(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        if task.done():
            # An error of the nemesis itself.
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _settled(http: httpx.AsyncClient, ids: list[str]) -> bool:
    """Whether no operation of any tenant is in progress; a request without a response means no."""
    try:
        states = await asyncio.gather(*(_state(http, tenant) for tenant in ids))
    except (httpx.HTTPError, KeyError):
        return False
    return all(states)


async def _state(http: httpx.AsyncClient, tenant: str) -> bool:
    answer = await http.get(f"/tenants/{tenant}")
    if answer.status_code == 404:
        return True
    if answer.json()["status"] in ("pending", "deleting"):
        return False
    records = (await http.get(f"/tenants/{tenant}/deployments")).json()["deployments"]
    return all(each["status"] not in OPEN for each in records)


async def _read_records(run: EmbeddedRun, http: httpx.AsyncClient, ids: list[str], history: History) -> None:
    """The final deployments and tenants, and whether the cluster runs the tenants."""
    for tenant_id in ids:
        answer = await http.get(f"/tenants/{tenant_id}")
        if answer.status_code == 404:
            continue
        tenant = answer.json()
        records = (await http.get(f"/tenants/{tenant_id}/deployments", params={"limit": 1000})).json()["deployments"]
        history.deployments += [
            Deployment(
                each["deployment_id"],
                tenant_id,
                each["operation"],
                each["generation"],
                each["status"],
                each["message"],
            )
            for each in records
        ]
        runs = tenant["status"] != "stopped" and await _runs(run, http, tenant_id)
        history.tenants.append(Tenant(tenant_id, tenant["status"], tenant["generation"], runs))


async def _runs(run: EmbeddedRun, http: httpx.AsyncClient, tenant_id: str) -> bool:
    """Whether the cluster has the tenant's workloads with all replicas ready, once its autoscalers are stable."""
    url = f"{run.simulator}/clusters/demo/apis/apps/v1/deployments"

    async def ready() -> bool:
        items = (await http.get(url, params={"labelSelector": f"ecp.ai/tenant={tenant_id}"})).json()["items"]
        states = [(each["status"].get("readyReplicas", 0), each["spec"]["replicas"]) for each in items]
        return bool(states) and all(there >= wanted > 0 for there, wanted in states)

    with suppress(TimeoutError):
        await until(ready, READY_SECONDS, every=0.5)
    return await ready()


async def _published(run: EmbeddedRun, tenants: frozenset[str]) -> list[Published]:
    """The events of these tenants' deployments, in the order of the stream."""
    found: list[Published] = []
    async with bus(run, "gateway") as client:
        jetstream = client.jetstream()
        all_of_them = "demo.deploy.>"
        state = (await jetstream.stream_info("DEMO_ECP", subjects_filter=all_of_them)).state
        named = ConsumerConfig(name=f"history-{secrets.token_hex(8)}")
        subscription = await jetstream.subscribe(all_of_them, stream="DEMO_ECP", ordered_consumer=True, config=named)
        for _ in range(sum((state.subjects or {}).values())):
            message = await subscription.next_msg(timeout=READY_SECONDS)
            body = json.loads(message.data)
            if body.get("tenant_id") in tenants:
                subject = message.subject.removeprefix("demo.")
                position = message.metadata.sequence.stream
                names = (body["tenant_id"], body.get("deployment_id"), body.get("generation"))
                found.append(Published(position, subject, *names))
    return found
