"""Changing calls that changed nothing, because they were refused or failed, as rows of the trail.

No transaction of theirs is committed, so they are collected in memory and written within a second. Equal calls of one
caller become two rows a minute: the first one at once, and one that has the number of its repeats. A caller who varies
the calls, or an attacker with many addresses, fills a fixed number of rows a minute; what is beyond is counted in one
row for each error code. So the trail grows by at most 75 MB a day for each gateway and mode, whatever is sent.

A process that is killed loses the refusals of its last second, and no change.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog

from services.gateway.audit.entries import Outcome
from services.gateway.audit.repository import insert_events
from services.gateway.http.request_context import RequestContext
from shared.database import Database
from shared.errors import TemporaryError

_log = structlog.get_logger(__name__)
WINDOW = 60.0
"""Seconds in which repeats are counted."""
MOST_KINDS = 50
"""Different calls that have rows of their own in a window."""
_LAST_FLUSH = 2.0
"""Seconds that a stop waits for the refused calls that have no row yet."""
_OTHERS = "various"
"""The operation of the row of the calls that have none of their own."""


class RefusedCall(NamedTuple):
    """What makes two calls the same."""

    operation: str
    outcome: Outcome
    code: str
    tenant_id: str | None
    subject: str
    kind: str
    role: str | None
    email: str | None
    address: str | None


@dataclass(slots=True)
class _Repeats:
    """The calls of a kind that have no row yet."""

    count: int
    first_at: datetime
    request_id: str
    user_agent: str | None
    ends: float
    """On the monotonic clock: when the repeats get their row."""
    is_first: bool = True


class Refusals:
    """Those of one mode. `note` is called by requests, `flush` by a periodic task."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._calls: dict[RefusedCall, _Repeats] = {}

    def note(self, call: RefusedCall, request_id: str, user_agent: str | None) -> None:
        """Count a call. Neither waits nor fails."""
        if call not in self._calls and len(self._calls) >= MOST_KINDS:
            call = RefusedCall(_OTHERS, call.outcome, call.code, None, "", "none", None, None, None)
        repeats = self._calls.get(call)
        if repeats is None:
            ends = self._clock() + WINDOW
            self._calls[call] = _Repeats(1, datetime.now(UTC), request_id, user_agent, ends)
            return
        if repeats.count == 0:
            repeats.first_at = datetime.now(UTC)
        repeats.count += 1
        repeats.request_id, repeats.user_agent = request_id, user_agent

    async def flush(self, *, everything: bool = False) -> None:
        """Write the rows that are due, or all. Raises DependencyUnavailable, and keeps them for the next time."""
        now = math.inf if everything else self._clock()
        due = [(call, each, each.count) for call, each in self._calls.items() if each.is_first or each.ends <= now]
        rows = [_row(call, each) for call, each, count in due if count]
        if rows:
            async with self._database.begin() as connection:
                await insert_events(connection, rows)
        for call, each, count in due:
            # Calls that came during the transaction are left for the next row.
            each.count -= count
            each.is_first = False
            if each.ends > now:
                continue
            if each.count:
                each.ends = now + WINDOW
            else:
                del self._calls[call]

    async def close(self) -> None:
        """Write what is left, at the end of the process."""
        try:
            async with asyncio.timeout(_LAST_FLUSH):
                await self.flush(everything=True)
        except (TemporaryError, TimeoutError):
            _log.warning("The last refused calls are not in the audit trail", action="audit-incomplete")


def call_of(request: RequestContext, operation: str, tenant_id: str | None, outcome: Outcome) -> RefusedCall:
    """A call that was answered with `request.refusal`; without a `tenant_id` of its own, of the one that this names."""
    error, caller = request.refusal, request.caller
    named = error.details.get("tenant_id") if error else None
    return RefusedCall(
        operation=operation,
        outcome=outcome,
        code=error.code if error else "INTERNAL",
        tenant_id=tenant_id or (named if isinstance(named, str) else None),
        subject=caller.subject,
        kind=caller.kind.value,
        role=caller.role.value if caller.role else None,
        email=caller.email,
        address=request.address or None,
    )


def _row(call: RefusedCall, repeats: _Repeats) -> dict[str, Any]:
    return {
        **call._asdict(),
        "outcome": call.outcome.value,
        "request_id": repeats.request_id,
        "user_agent": repeats.user_agent,
        "repeats": repeats.count,
        "first_at": repeats.first_at if repeats.count > 1 else None,
    }
