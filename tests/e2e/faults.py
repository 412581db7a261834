"""Faults during deployments, and the outcome of each deployment.

Tenants are requested as a careful client does: with retries under the same Idempotency-Key until there is a response.
Then every accepted tenant has to run, exactly once. The outcome is read from the system's own records: the database
through REST, and the streams through NATS.
"""

import asyncio
import json
import random
import secrets
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx
import nats
import psutil
from nats.aio.client import Client
from nats.js.api import ConsumerConfig

from embedded.child import until
from shared.access import BOOTSTRAP, inbox
from tests.e2e.embedded_run import EmbeddedRun
from tests.support.http_client import local_client
from tests.support.small_disk import filled

HEADERS = {"X-Demo-Mode": "true"}
AT_ONCE = 8
ACCEPT_SECONDS = 600.0
FINISH_SECONDS = 600.0
LONGEST_INJECTION = 60.0
"""Seconds after the last request was accepted, in which surviving processes have to finish all deployments."""

Fault = Callable[[EmbeddedRun, random.Random], Awaitable[str | None]]
"""Injects a fault, and returns what was affected; None if nothing could be."""


@dataclass
class Account:
    """The outcome of one run: a line of the printed table, and the values for a test's assertions."""

    fault: str
    injected: int = 0
    accepted: int = 0
    completed: int = 0
    duplicates: int = 0
    lost: int = 0
    dead_letters: int = 0
    seconds: float = 0.0
    unfinished: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.fault:<28} injected {self.injected:>3}  accepted {self.accepted:>3}  "
            f"completed {self.completed:>3}  duplicates {self.duplicates:>2}  lost {self.lost:>2}  "
            f"dead letters {self.dead_letters:>2}  "
            f"{self.seconds:6.1f} s"
        )


def kill(*programs: str) -> Fault:
    """Kill one of `programs` with SIGKILL.

    A start is killed once, and the next one is let through: on a busy machine nothing would ever start otherwise.
    """
    killed_starting: set[str] = set()

    async def inject(run: EmbeddedRun, chance: random.Random) -> str | None:
        program = chance.choice(programs)
        if run.listens(program):
            killed_starting.discard(program)
        elif program in killed_starting:
            return None
        else:
            killed_starting.add(program)
        _signal(run, program, signal.SIGKILL)
        return program

    return inject


async def power_cut(run: EmbeddedRun, chance: random.Random) -> str:
    """Kill everything at once with SIGKILL."""
    for record in run.alive():
        if record.program != "supervisord":
            record.send(signal.SIGKILL)
    return "everything"


def freeze(seconds: float, *programs: str) -> Fault:
    """Pause a process by SIGSTOP for a while."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        program = chance.choice(programs)
        try:
            _signal(run, program, signal.SIGSTOP)
            await asyncio.sleep(seconds)
        finally:
            _signal(run, program, signal.SIGCONT)
        return program

    return inject


def fill_disk(seconds: float) -> Fault:
    """Fill the disk of NATS for a while. It has to be a separate disk."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        with filled(run.directory.jetstream):
            await asyncio.sleep(seconds)
        return "disk of nats"

    return inject


def slow_down(seconds: float, *programs: str) -> Fault:
    """Let a process run for only 10 ms of every 110 ms for a while, which makes it about ten times slower."""

    async def inject(run: EmbeddedRun, chance: random.Random) -> str:
        program = chance.choice(programs)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                _signal_tree(run, program, signal.SIGSTOP)
                await asyncio.sleep(0.1)
            finally:
                _signal_tree(run, program, signal.SIGCONT)
            await asyncio.sleep(0.01)
        return program

    return inject


async def deploy_under(
    run: EmbeddedRun, name: str, fault: Fault, *, tenants: int, every: tuple[float, float], seed: int
) -> Account:
    """Request `tenants` while `fault` is injected at random moments, about `every` seconds; wait for the ends."""
    account = Account(name)
    begun = time.monotonic()
    ids = [f"{name.replace(' ', '-')}-{number:03}" for number in range(tenants)]
    try:
        async with _injecting(run, fault, account, every, random.Random(seed)):
            accepted = await _ask_for_all(run, ids)
            with suppress(TimeoutError):
                await asyncio.wait_for(_until_ended(run, accepted), LONGEST_INJECTION)
        await asyncio.wait_for(_until_ended(run, accepted), FINISH_SECONDS)
        await _take_stock(run, accepted, account)
    finally:
        account.seconds = time.monotonic() - begun
        print(account, flush=True)  # noqa: T201 - the table is the result
        # Frees capacity for the next fault, and shows that tenants deployed under faults can be deleted.
        await remove(run, ids)
    return account


async def _ask_for_all(run: EmbeddedRun, ids: Iterable[str]) -> dict[str, str]:
    """The deployment id of each tenant; all are accepted, because a client retries until it has a response."""
    places = asyncio.Semaphore(AT_ONCE)
    accepted: dict[str, str] = {}

    async def ask(client: httpx.AsyncClient, tenant_id: str) -> None:
        body = {"tenant_id": tenant_id, "name": tenant_id, "service_requirements": {"stt": 1}}
        async with places:
            while tenant_id not in accepted:
                with suppress(httpx.HTTPError):
                    answer = await client.post("/tenants/", json=body, headers={"Idempotency-Key": tenant_id})
                    assert answer.status_code in (201, 503), answer.text
                    if answer.status_code == 201:
                        accepted[tenant_id] = answer.json()["deployment_id"]
                        return
                await asyncio.sleep(0.2)

    async with api(run) as client, asyncio.timeout(ACCEPT_SECONDS):
        await asyncio.gather(*(ask(client, tenant_id) for tenant_id in ids))
    return accepted


async def _until_ended(run: EmbeddedRun, accepted: dict[str, str]) -> None:
    """Wait until no accepted deployment is in progress."""
    left = set(accepted.values())
    async with api(run) as client:
        while left:
            for deployment_id in sorted(left):
                with suppress(httpx.HTTPError):
                    answer = await client.get(f"/deployments/{deployment_id}")
                    if answer.status_code == 200 and answer.json()["status"] not in ("pending", "deploying"):
                        left.discard(deployment_id)
            await asyncio.sleep(0.5)


async def _take_stock(run: EmbeddedRun, accepted: dict[str, str], account: Account) -> None:
    account.accepted = len(accepted)
    async with api(run) as client:
        for tenant_id, deployment_id in accepted.items():
            status = (await client.get(f"/deployments/{deployment_id}")).json()
            tenant = (await client.get(f"/tenants/{tenant_id}")).json()
            if (status["status"], tenant["status"]) == ("completed", "running"):
                account.completed += 1
            else:
                account.unfinished[tenant_id] = (
                    f"{status['status']}: {status.get('message')}; tenant {tenant['status']}"
                )
    account.lost = account.accepted - account.completed
    completions = await _completions(run)
    account.duplicates = sum(completions[tenant_id] - 1 for tenant_id in accepted if completions[tenant_id] > 1)
    account.dead_letters = await _dead_letters(run)


async def _completions(run: EmbeddedRun) -> Counter[str]:
    """The number of `deploy.completed` events of each tenant, whatever deployment or id they have."""
    found: Counter[str] = Counter()
    async with bus(run, "gateway") as client:
        jetstream = client.jetstream()
        subject = "demo.deploy.completed"
        state = await jetstream.stream_info("DEMO_ECP", subjects_filter=subject)
        count = (state.state.subjects or {}).get(subject, 0)
        named = ConsumerConfig(name=f"completions-{secrets.token_hex(8)}")
        subscription = await jetstream.subscribe(subject, stream="DEMO_ECP", ordered_consumer=True, config=named)
        for _ in range(count):
            message = await subscription.next_msg(timeout=60)
            found[json.loads(message.data)["tenant_id"]] += 1
    return found


async def _dead_letters(run: EmbeddedRun) -> int:
    async with bus(run) as client:
        return int((await client.jetstream().stream_info("DEMO_DLQ")).state.messages)


async def remove(run: EmbeddedRun, ids: list[str]) -> None:
    """Delete all tenants, and wait until they are gone. A server may still be recovering from the last fault."""
    asked: set[str] = set()
    async with api(run) as client:

        async def is_gone(tenant_id: str) -> bool:
            with suppress(httpx.TransportError):
                if tenant_id not in asked and (await client.delete(f"/tenants/{tenant_id}")).status_code != 503:
                    asked.add(tenant_id)
                return (await client.get(f"/tenants/{tenant_id}")).status_code == 404
            return False

        async def all_gone() -> bool:
            return all(await asyncio.gather(*map(is_gone, ids)))

        await until(all_gone, FINISH_SECONDS, every=1.0)


@asynccontextmanager
async def _injecting(
    run: EmbeddedRun, fault: Fault, account: Account, every: tuple[float, float], chance: random.Random
) -> AsyncIterator[None]:
    async def inject() -> None:
        while True:
            await asyncio.sleep(chance.uniform(*every))
            if await fault(run, chance):
                account.injected += 1

    task = asyncio.create_task(inject())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def api(run: EmbeddedRun) -> AsyncIterator[httpx.AsyncClient]:
    """The gateway's REST API in demo mode."""
    url = f"{run.gateway}/api/v1"
    async with local_client(base_url=url, headers=HEADERS, timeout=60) as client:
        yield client


@asynccontextmanager
async def bus(run: EmbeddedRun, account: str = BOOTSTRAP) -> AsyncIterator[Client]:
    """A connection to the stack's NATS as `account`."""
    password = json.loads(run.directory.bus_passwords.read_text())[account]
    url = f"nats://{account}:{password}@127.0.0.1:{run.variables['NATS_PORT']}"
    client = await nats.connect(url, inbox_prefix=inbox(account))
    try:
        yield client
    finally:
        await client.close()


def _signal_tree(run: EmbeddedRun, program: str, number: signal.Signals) -> None:
    """Send the signal to a process and its children: PostgreSQL has a process per connection."""
    for record in run.alive():
        if record.program == program:
            with suppress(psutil.NoSuchProcess):
                parent = psutil.Process(record.pid)
                for process in (parent, *parent.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        process.send_signal(number)


def _signal(run: EmbeddedRun, program: str, number: signal.Signals) -> None:
    """Send the signal, unless the program is being restarted."""
    for record in run.alive():
        if record.program == program:
            record.send(number)
