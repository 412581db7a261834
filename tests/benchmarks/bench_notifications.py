"""Notifications: from an alert's transition to the webhook that was received, and a flood of alerts.

    python tests/benchmarks/bench_notifications.py

The time runs from before the transition's transaction until the receiver, a real HTTP server, has the call: commit,
NOTIFY, composing, signing, HTTP. The grouping interval is 0. Beside it a bare POST of the same body to the same
server, which is the least that any sender needs. The flood is 10,000 alerts of 100 tenants for one receiver: how many
notifications they become, and the time to write and to compose them.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import aiohttp
from rich.table import Table

from embedded.postgres import running_postgres
from services.monitor.clock import utc_now
from services.monitor.notifications.connector import ReceiverHttp
from services.monitor.notifications.delivery import Delivery
from services.monitor.notifications.outbox_store import Waiting
from services.monitor.notifications.sender import CONCURRENT
from services.monitor.notifications.smtp import Smtp, SmtpServer
from shared.database import Database, Databases, DatabaseSettings
from shared.database.upgrade import upgrade_one
from shared.logging import configure_logging
from shared.process.tasks import cancel_until_ended
from shared.subjects import Mode
from tests.support.bench_report import show
from tests.support.notices import transition
from tests.support.notification_parts import Parts, add_tenants
from tests.support.polling import eventually
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver

TRANSITIONS = 300
PER_SECOND = 8
"""Below the receiver's rate of ten a second."""
FLOOD, TENANTS = 10_000, 100
LIMIT = 1.0
"""Seconds at p99, from a sample to the webhook; evaluating the rule is a part of it."""


async def main() -> None:
    configure_logging("bench", "ERROR")
    with TemporaryDirectory() as directory:
        async with running_postgres(Path(directory)) as server:
            url = await server.create_database("bench")
            databases = Databases(DatabaseSettings(database_url=url, demo_database_url=url), "bench")
            await upgrade_one(databases[Mode.PRODUCTION])
            async with parts(databases[Mode.PRODUCTION]) as found:
                await measure(found)
            await databases.dispose()


@asynccontextmanager
async def parts(database: Database) -> AsyncIterator[Parts]:
    no_mail = Smtp(SmtpServer(None, 25, "ecp@example.com", "none", None, lambda: None))
    async with ReceiverHttp(allow_private=True, most_connections=CONCURRENT) as http:
        found = Parts(database, Delivery(http, no_mail).deliver, utc_now)
        await add_tenants(database, "acme", *(f"tenant-{number}" for number in range(TENANTS)))
        yield found


async def measure(found: Parts) -> None:
    table = Table(title="Notifications")
    for column in ("", "result", "beside it"):
        table.add_column(column, justify="left" if not column else "right")
    async with webhook_receiver() as receiver:
        await found.create("fast", "acme", url=receiver.url, most_per_minute=600)
        running = asyncio.create_task(found.sender.run())
        try:
            times = await latencies(found, receiver)
        finally:
            await cancel_until_ended([running])
        bare = await bare_posts(receiver)
    p50, p99 = percentiles(times)
    least50, least99 = percentiles(bare)
    name = f"transition to webhook, {PER_SECOND} a second, ms at p50 / p99"
    table.add_row(
        name, f"{p50 * 1000:.1f} / {p99 * 1000:.1f}", f"bare POST {least50 * 1000:.1f} / {least99 * 1000:.1f}"
    )
    table.add_row("the limit of p99", f"{LIMIT * 1000:.0f} ms", "kept" if p99 < LIMIT else "MISSED")
    await flood(found, table)
    show(table)


async def latencies(found: Parts, receiver: WebhookReceiver) -> list[float]:
    """Seconds of each transition until its webhook."""
    began: dict[str, float] = {}
    for number in range(TRANSITIONS):
        began[f"alert-{number}"] = time.perf_counter()
        await found.tell(transition(str(number)))
        await asyncio.sleep(1 / PER_SECOND)

    async def all_came() -> bool:
        return len(receiver.alerts) == TRANSITIONS

    await eventually(all_came)
    return [
        at - began[alert] for at, call in receiver.timed for alert in (each["alert_id"] for each in call.data["alerts"])
    ]


async def bare_posts(receiver: WebhookReceiver) -> list[float]:
    body, times = receiver.received[0].body, []
    async with aiohttp.ClientSession() as session:
        for _ in range(TRANSITIONS):
            began = time.perf_counter()
            async with session.post(receiver.url, data=body) as answer:
                await answer.read()
            times.append(time.perf_counter() - began)
    return times


async def flood(found: Parts, table: Table) -> None:
    sent: list[int] = []

    async def count(waiting: Waiting, now: datetime) -> None:
        sent.append(len(waiting.content.alerts))

    flooded = Parts(found.database, count)
    await flooded.create("flooded", severities=["info"])
    began = time.perf_counter()
    for start in range(0, FLOOD, 500):
        await flooded.tell(
            *(
                transition(f"f{number}", tenant_id=f"tenant-{number % TENANTS}", severity="info")
                for number in range(start, start + 500)
            )
        )
    written = time.perf_counter() - began
    began = time.perf_counter()
    await flooded.send_all()
    composed = time.perf_counter() - began
    assert sum(sent) == FLOOD
    table.add_row(f"{FLOOD:,} alerts of {TENANTS} tenants", f"{len(sent)} notifications", "none lost")
    table.add_row("writing them with their transitions, s", f"{written:.2f}", f"{written / FLOOD * 1e6:.0f} us each")
    table.add_row("composing them, s", f"{composed:.2f}", f"{composed / FLOOD * 1e6:.0f} us each")


def percentiles(times: list[float]) -> tuple[float, float]:
    cuts = quantiles(times, n=100)
    return cuts[49], cuts[98]


if __name__ == "__main__":
    asyncio.run(main())
