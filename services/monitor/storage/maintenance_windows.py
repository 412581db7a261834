"""Planned maintenance: windows announced before they begin don't count as downtime.

A window that has begun can be neither announced nor cancelled, or an outage could be declared as maintenance
afterwards. A window in progress can be ended early.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from services.monitor.clock import Now
from shared.database import Database
from shared.errors import Refused
from shared.messages import problem, sentence
from shared.rpc import AnnouncedWindow, MaintenanceReply, MaintenanceRequest, SlaMaintenance
from shared.sla import SLICE_SECONDS, Span, slice_of

_LONGEST = timedelta(days=7)
_COLUMNS = """
    SELECT windows.id, windows.tenant_id AS row_id, tenants.tenant_id, windows.began, windows.ended, windows.reason
    FROM maintenance_windows AS windows LEFT JOIN tenants ON tenants.id = windows.tenant_id
"""
_ALL = text(f"{_COLUMNS} ORDER BY windows.began DESC, windows.id DESC")
_FIND_TENANT = text("SELECT id FROM tenants WHERE tenant_id = :tenant_id FOR KEY SHARE")
_ANNOUNCE = text("""
    INSERT INTO maintenance_windows (tenant_id, began, ended, reason) VALUES (:row_id, :began, :ended, :reason)
""")
_CANCEL = text("DELETE FROM maintenance_windows WHERE id = :id AND tenant_id = :row_id AND began > :now")
_CUT_SHORT = text("""
    UPDATE maintenance_windows SET ended = :now WHERE id = :id AND tenant_id = :row_id AND began < :now AND ended > :now
""")


class MaintenanceWindow(NamedTuple):
    """A planned window. `row_id` is the tenant's row; None means all tenants."""

    id: int
    row_id: int | None
    tenant_id: str | None
    began: datetime
    ended: datetime
    reason: str

    @property
    def span(self) -> Span:
        """Its slices; one that is partly in the window counts as planned."""
        return Span(slice_of(self.began), math.ceil(self.ended.timestamp() / SLICE_SECONDS))


class MaintenanceStore:
    """The windows of one mode's database."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    async def windows(self) -> Sequence[MaintenanceWindow]:
        """The windows of all tenants, the latest first. Raises DependencyUnavailable."""
        async with self._database.begin() as connection:
            return [MaintenanceWindow(*row) for row in await connection.execute(_ALL)]

    async def answer(self, request: MaintenanceRequest) -> MaintenanceReply:
        """Announce, cancel or list. Raises Refused, DependencyUnavailable."""
        async with self._database.begin() as connection:
            row_id = await connection.scalar(_FIND_TENANT, {"tenant_id": request.tenant_id})
            if row_id is None:
                raise Refused(f"there is no tenant {request.tenant_id!r}", code="TENANT_NOT_FOUND")
            if request.announce is not None:
                window = self._checked(request.announce)
                values = {"row_id": row_id, "began": window.start, "ended": window.end, "reason": window.reason}
                await connection.execute(_ANNOUNCE, values)
            if request.cancel is not None:
                values = {"id": request.cancel, "row_id": row_id, "now": self._now()}
                gone = (await connection.execute(_CANCEL, values)).rowcount
                if not gone and not (await connection.execute(_CUT_SHORT, values)).rowcount:
                    advice = "only one that hasn't ended can be cancelled"
                    raise Refused(
                        f"there is no window {request.cancel} to cancel; {advice}",
                        code="NOT_FOUND",
                        message_id="window-not-found",
                        details={"window": request.cancel},
                    )
        own = [each for each in await self.windows() if each.row_id in (None, row_id)]
        return MaintenanceReply(tenant_id=request.tenant_id, windows=tuple(window_model(each) for each in own))

    def _checked(self, window: AnnouncedWindow) -> AnnouncedWindow:
        found = None
        if window.start <= self._now():
            english = "has passed: maintenance is announced before it begins, or it is downtime"
            found = problem("start", sentence("window-in-the-past", english))
        elif window.end <= window.start:
            found = problem("end", sentence("window-ends-first", "must be after start"))
        elif window.end - window.start > _LONGEST:
            english = "is more than {days} days after start"
            found = problem("end", sentence("window-too-long", english, days=_LONGEST.days))
        if found:
            raise Refused(f"{found['field']}: {found['message']}", details={"errors": [found]})
        return window


def window_model(window: MaintenanceWindow) -> SlaMaintenance:
    """The contract's form of a window."""
    return SlaMaintenance(
        id=window.id, tenant_id=window.tenant_id, start=window.began, end=window.ended, reason=window.reason
    )
