"""What people do with incidents: asked of the monitor, once for each idempotency key, and recorded."""

from services.gateway.access.visibility import check_visible
from services.gateway.audit.worker_changes import author, changed_by_worker, request_id
from services.gateway.http.errors import found_tenant
from services.gateway.idempotency.transaction import CallKey
from services.gateway.incidents.queries import IncidentQueries
from services.gateway.incidents.schemas import IncidentDetail, NewIncident
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.repository import find_tenant
from shared.rpc.incidents import Act, IncidentRequest

RECORDED_AS: dict[Act, str] = {
    "acknowledge": "acknowledgeIncident",
    "unacknowledge": "unacknowledgeIncident",
    "comment": "commentOnIncident",
    "assign": "assignIncident",
    "severity": "changeIncidentSeverity",
    "close": "closeIncident",
}
"""What the audit trail calls them."""


class IncidentCommands:
    """Those of one mode. Each raises Refused, or DependencyUnavailable while the monitor or PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database
        self._workers = context.workers
        self._queries = IncidentQueries(context)

    async def open(self, new: NewIncident, key: CallKey | None) -> IncidentDetail:
        """Open an incident that no alert tells of."""
        check_visible(new.tenant_id)
        async with self._database.begin() as connection:
            found_tenant(await find_tenant(connection, new.tenant_id), new.tenant_id)
        fields = {"tenant_id": new.tenant_id, "title": new.title, "severity": new.severity, "comment": new.comment}
        request = IncidentRequest.model_validate(
            {"act": "open", "request_id": request_id(key), "author": author(), **fields}
        )

        async def ask() -> IncidentDetail:
            return await self._queries.one((await self._workers.incidents(request)).incident_id)

        return await changed_by_worker(
            self._database, key, IncidentDetail, ask, operation="openIncident", tenant_id=new.tenant_id, after=fields
        )

    async def change(self, act: Act, incident_id: str, key: CallKey | None, **given: str | None) -> IncidentDetail:
        """Do one thing with an incident; the incident afterwards. `given`: comment, severity, assignee."""
        tenant_id = await self._queries.tenant_of(incident_id)
        request = IncidentRequest.model_validate(
            {"act": act, "request_id": request_id(key), "author": author(), "incident_id": incident_id, **given}
        )

        async def ask() -> IncidentDetail:
            await self._workers.incidents(request)
            return await self._queries.one(incident_id)

        return await changed_by_worker(
            self._database,
            key,
            IncidentDetail,
            ask,
            operation=RECORDED_AS[act],
            tenant_id=tenant_id,
            object_id=incident_id,
            after=given,
        )
