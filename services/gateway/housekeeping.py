"""What every copy of the gateway does from time to time. Doing it twice does no harm."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.gateway.dashboards import repository as overview
from services.gateway.deployments import repository as deployment_store
from services.gateway.metrics import GatewayMetrics
from services.gateway.outbox import repository as outbox_store
from services.gateway.outbox import request_repository as requests
from services.gateway.tenants import repository as tenant_store
from shared.database import Database, Databases
from shared.errors import TemporaryError
from shared.subjects import Mode

_log = structlog.get_logger(__name__)


async def repeat(every: float, work: Callable[[], Awaitable[object]], *, first: float = 0.0) -> None:
    """Do `work` after `first` and then every so many seconds, until cancelled. What is away now is there next time."""
    await asyncio.sleep(first)
    while True:
        try:
            await work()
        except TemporaryError as error:
            _log.info(f"Put off: {error.message}", action="housekeeping-waits")
        await asyncio.sleep(every)


async def clean(database: Database, *, key_hours: int, event_days: int) -> None:
    """Remove idempotency keys and log lines that have served their time."""
    async with database.begin() as connection:
        await outbox_store.forget_keys(connection, key_hours)
        await deployment_store.forget_events(connection, event_days)
        await requests.forget_requests(connection)


async def named_digests(database: Database) -> set[str]:
    """The digest of every manifest that a deployment has."""
    async with database.begin() as connection:
        return await deployment_store.digests(connection)


async def count_active(database: Database, report: Callable[[int], None]) -> None:
    """Report how many tenants run."""
    async with database.begin() as connection:
        count = await tenant_store.count_active(connection)
    report(count)


async def forget_tenants(databases: Databases, metrics: GatewayMetrics) -> None:
    """Stop to show the metrics of tenants that neither mode has any more, whoever deleted them."""
    # A copy: who comes in while the databases are asked, is not forgotten.
    gone = set(metrics.tenants)
    for mode in Mode:
        async with databases[mode].begin() as connection:
            gone -= await overview.existing(connection, gone)
    metrics.forget(gone)
