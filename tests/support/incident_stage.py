"""A tenant with alerts, incidents and silences on a real database, and a clock that a test moves."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from services.monitor.alerts.marks import firing
from services.monitor.alerts.transition import Transition
from services.monitor.incidents.commands import IncidentCommands
from services.monitor.silences.commands import SilenceCommands
from services.monitor.silences.ending import SilenceEndings
from services.monitor.silences.recurring_maintenance import RecurringMaintenanceStore
from shared.database import Database
from shared.rpc.incidents import IncidentRequest
from shared.rpc.silences import NewSilence, Silence, SilencesRequest
from tests.support.alert_rows import AlertPath, alert

START = datetime(2031, 3, 7, 12, tzinfo=UTC)
"""A Friday."""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
_TENANT = text("""
    INSERT INTO tenants (tenant_id, name, preset, service_requirements, resources, sla_target, created_at)
    VALUES (:tenant_id, 'Acme', 'small', '{}', '{}', '{"availability": "99.5%", "time_zone": "Asia/Seoul"}',
        '2031-01-01')
""")


class Clock:
    """The time of a test, which moves when told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time


class IncidentStage:
    """One tenant of its own, with a clock and everything that handles its alerts."""

    def __init__(self, database: Database, tenant_id: str) -> None:
        self.database, self.tenant_id, self.clock = database, tenant_id, Clock()
        self.path = AlertPath(database, self.clock)
        self.endings = SilenceEndings(database, firing, self.path.pass_on, self.clock)
        self.silences = SilenceCommands(database, self.endings.refresh, self.clock)
        self.commands = IncidentCommands(database, self.path.add_events, self.clock)
        self.recurring = RecurringMaintenanceStore(database, self.clock)

    def alert(self, name: str = "cpu", state: Any = "firing", **fields: Any) -> Transition:
        return alert(self.tenant_id, name, state, **({"at": self.clock.time} | fields))

    async def act(self, act: str, incident_id: str | None, request_id: str = "", **fields: Any) -> tuple[str, bool]:
        given = {"act": act, "incident_id": incident_id, "author": "kim@example.com"} | fields
        request = IncidentRequest.model_validate(given | {"request_id": request_id or uuid4().hex})
        reply = await self.commands.answer(request)
        return reply.incident_id, reply.changed

    async def silence(self, request_id: str = "", **fields: Any) -> Silence:
        given = {"matchers": [{"label": "alertname", "value": "cpu"}], "reason": "known"} | fields
        request = SilencesRequest(
            tenant_id=self.tenant_id,
            request_id=request_id or uuid4().hex,
            author="kim@example.com",
            create=NewSilence.model_validate(given),
        )
        reply = await self.silences.answer(request)
        assert reply.changed is not None
        return reply.changed

    @property
    def passed_on(self) -> list[Transition]:
        """What came to the listener after ours, of this tenant: the clocks of other tests differ."""
        return [each for each in self.path.told if each.tenant_id == self.tenant_id]

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.begin() as connection:
            return list(await connection.execute(text(query), values | {"tenant_id": self.tenant_id}))

    async def incidents(self) -> list[Any]:
        return await self.rows(
            "SELECT incidents.* FROM incidents JOIN tenants ON tenants.id = incidents.tenant_id"
            " WHERE tenants.tenant_id = :tenant_id ORDER BY opened_at, incident_id"
        )

    async def timeline(self, incident_id: str) -> list[str]:
        rows = await self.rows(
            "SELECT kind FROM incident_entries WHERE incident_id = :incident_id ORDER BY at, id",
            incident_id=incident_id,
        )
        return [row.kind for row in rows]


async def new_stage(database: Database) -> IncidentStage:
    """A stage with a tenant of its own."""
    tenant_id = f"t-{uuid4().hex[:12]}"
    async with database.begin() as connection:
        await connection.execute(_TENANT, {"tenant_id": tenant_id})
    return IncidentStage(database, tenant_id)
