"""What runs beside the requests: seals new rows, writes refused calls, and removes what is older than AUDIT_DAYS.

Every replica does it. An advisory lock lets one seal at a time; the others find nothing to do.
"""

from functools import partial

import structlog

from services.gateway.audit.refusals import Refusals
from services.gateway.mode_context import ModeContext
from shared.database import audit_trail
from shared.process.periodic import repeat

_log = structlog.get_logger(__name__)
_SEAL_EVERY = 0.5
"""Seconds; a row has its seal within a second of its commit."""
_FLUSH_EVERY = 0.5
_SEALED_AT_ONCE = 200
"""Rows in one transaction: about 0.1 s on a busy machine."""
_REMOVE_EVERY = 3600.0
_REMOVE_FIRST = 300.0


def schedule(context: ModeContext, refusals: Refusals) -> None:
    """Register the periodic tasks of one mode."""
    worker, mode = context.worker, context.mode
    sealing, removing = f"sealing the audit trail {mode}", f"removing old audit rows {mode}"
    worker.background(sealing, partial(repeat, sealing, partial(seal, context), every=_SEAL_EVERY))
    worker.background(
        removing, partial(repeat, removing, partial(remove_old, context), every=_REMOVE_EVERY, first=_REMOVE_FIRST)
    )
    writing = f"writing refused calls {mode}"
    worker.background(writing, partial(repeat, writing, refusals.flush, every=_FLUSH_EVERY))


async def seal(context: ModeContext) -> None:
    """Seal all rows that wait. Raises DependencyUnavailable."""
    sealed = _SEALED_AT_ONCE
    while sealed == _SEALED_AT_ONCE:
        async with context.database.begin() as connection:
            sealed = await audit_trail.seal(connection, _SEALED_AT_ONCE)


async def remove_old(context: ModeContext) -> None:
    """Remove rows that are older than the trail is kept, and log the chain's head, for a check that expects it."""
    async with context.database.begin() as connection:
        trail = await audit_trail.trail_of(connection, context.mode)
    head = f"{trail['head']['position']}:{trail['head']['digest']}"
    _log.info(f"The audit trail's head is {head}", action="audit-head", mode=context.mode.value, head=head)
    removed, more = 0, 1
    while more:
        async with context.database.begin() as connection:
            more = await audit_trail.remove_old(connection)
        removed += more
    if removed:
        _log.info(f"Removed {removed} old rows of the audit trail", action="audit-removed", mode=context.mode.value)
