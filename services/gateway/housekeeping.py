"""Periodic tasks of every replica. To run one twice does no harm."""

from collections.abc import Awaitable, Callable
from functools import partial

from services.gateway.dashboards.repository import existing
from services.gateway.deployments.repository import delete_old_events
from services.gateway.idempotency.repository import delete_old_keys
from services.gateway.keys.last_use import WRITE_EVERY, LastUses
from services.gateway.manifests.manifest_gc import collect_garbage
from services.gateway.metrics import GatewayMetrics
from services.gateway.mode_context import ModeContext, ModeContexts
from services.gateway.recovery.repository import clear_old_requests
from services.gateway.recovery.republish import republish
from services.gateway.recovery.stream_loss import detect_losses
from services.gateway.tenants.repository import count_active
from shared.bus import Worker
from shared.process.periodic import repeat

_CLEAN_EVERY = 600.0
_COUNT_EVERY = 10.0
_COLLECT_GARBAGE_EVERY = 86400.0
_COLLECT_GARBAGE_FIRST = 3600.0
"""Seconds after the start. By then an upgrade is complete, and a start with the wrong database has been noticed."""


def schedule(context: ModeContext, metrics: GatewayMetrics) -> None:
    """Register the periodic tasks of one mode."""
    mode = context.mode
    for name, every, task in (
        ("deleting old rows", _CLEAN_EVERY, delete_old_rows),
        ("checking streams", context.settings.stream_check, recover),
        ("counting tenants", _COUNT_EVERY, partial(show_active, metrics=metrics)),
    ):
        _repeat(context.worker, f"{name} {mode}", partial(task, context), every=every)
    collect = partial(collect_garbage, context)
    collecting = f"collecting manifests {mode}"
    _repeat(context.worker, collecting, collect, every=_COLLECT_GARBAGE_EVERY, first=_COLLECT_GARBAGE_FIRST)


def schedule_metrics(worker: Worker, modes: ModeContexts, metrics: GatewayMetrics) -> None:
    """Register the task that drops the metrics of deleted tenants."""
    _repeat(worker, "dropping metrics", partial(drop_deleted_tenants, modes, metrics), every=_COUNT_EVERY)


def schedule_last_uses(modes: ModeContexts, uses: LastUses) -> None:
    """Register the task that writes when API keys were used last."""
    for mode, context in modes.items():
        write = partial(uses.write, mode, context.database)
        _repeat(context.worker, f"writing uses of keys {mode}", write, every=WRITE_EVERY)


def _repeat(
    worker: Worker, name: str, task: Callable[[], Awaitable[object]], *, every: float, first: float = 0.0
) -> None:
    worker.background(name, partial(repeat, name, task, every=every, first=first))


async def delete_old_rows(context: ModeContext) -> None:
    """Delete idempotency keys and log lines after their retention, and requests that no loss can need again."""
    async with context.database.begin() as connection:
        await delete_old_keys(connection, context.settings.idempotency_hours)
        await delete_old_events(connection, context.settings.event_days)
        await clear_old_requests(connection)


async def recover(context: ModeContext) -> None:
    """Detect lost messages, and publish the requests of unfinished deployments again."""
    await detect_losses(context)
    await republish(context)


async def show_active(context: ModeContext, metrics: GatewayMetrics) -> None:
    """Set the number of running tenants in the metrics."""
    async with context.database.begin() as connection:
        count = await count_active(connection)
    metrics.set_active(context.mode, count)


async def drop_deleted_tenants(modes: ModeContexts, metrics: GatewayMetrics) -> None:
    """Drop metric series of tenants that exist in neither mode."""
    # A copy, because tenants may be added while the databases are queried.
    deleted = set(metrics.tenants)
    for context in modes.values():
        async with context.database.begin() as connection:
            deleted -= await existing(connection, deleted)
    metrics.forget(deleted)
