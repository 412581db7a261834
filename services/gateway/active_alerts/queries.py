"""The alerts that fire, as the monitor has stored them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from services.gateway.active_alerts import repository
from services.gateway.active_alerts.schemas import ActiveAlert, ActiveAlerts
from services.gateway.http.errors import found_tenant
from services.gateway.http.language import Translator, translator
from services.gateway.mode_context import ModeContext
from services.gateway.tenants.repository import find_tenant
from shared.messages import Message


class ActiveAlertQueries:
    """Those of one mode. Raises Refused, or DependencyUnavailable while PostgreSQL is away."""

    def __init__(self, context: ModeContext) -> None:
        self._database = context.database

    async def of_tenant(self, tenant_id: str) -> ActiveAlerts:
        """The alerts of a tenant that fire."""
        async with self._database.begin() as connection:
            row = found_tenant(await find_tenant(connection, tenant_id), tenant_id)
            rows = await repository.active_of(connection, row.id)
        return ActiveAlerts(tenant_id=tenant_id, alerts=shown(rows, translator()))


def shown(rows: Iterable[Row[Any]], texts: Translator) -> list[ActiveAlert]:
    """Rows of the repository in an answer's form and language."""
    return [_alert(row, texts) for row in rows]


def _alert(row: Row[Any], texts: Translator) -> ActiveAlert:
    message = [Message.model_validate(row.summary_message)] if row.summary_message else []
    return ActiveAlert(
        alert_id=row.alert_id,
        tenant_id=row.tenant_id,
        severity=row.severity,
        type=row.type,
        message=texts.text(row.summary, *message),
        metric=row.metric,
        current_value=row.value,
        threshold=row.threshold,
        timestamp=row.fired_at,
        name=row.name,
        condition=row.condition,
        labels=row.labels,
        source=row.source,
        runbook=row.runbook,
        incident_id=row.incident_id,
        muted_by=row.muted_by,
        inhibited_by=row.inhibited_by,
    )
